import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyAudit } from '../../src/audit/verifying.ts';
import { backUp } from '../../src/backup/backing-up.ts';
import { migrateWithin } from '../../src/database/migrator.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { prepareJobs } from '../../src/jobs/runner.ts';
import { listRotations } from '../../src/keys/data-key-rotation.ts';
import { migrateDeviceManager, ownSchemas } from '../../src/schemas.ts';
import { appWith, heartRate, newEnrolledApp, type App } from '../bff/app.ts';
import { commandLineHere, printed, type Outcome } from '../cli/command-line.ts';
import { answered, bloodPressure, clientWith, cuff, eventually, service, type KeptRecord } from '../device-manager/client.ts';
import { pulse } from '../device-manager/fhir-documents.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { startTestVitalgate, type TestUser, type TestVitalgate } from '../setup/vitalgate.ts';
import { unzipped } from '../setup/unzipped.ts';
import { manifestOf, rewritten, withManifest } from './archives.ts';

const samples = 40;

/** A place to restore to, and what its operator runs there. */
interface Target {
  readonly database: TestDatabase;
  readonly dataDir: string;
  readonly run: (words: readonly string[], environment?: Readonly<Record<string, string>>) => Promise<Outcome>;
}

describe('backup and restore', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-backup-'));
  const targets: Target[] = [];
  const path = (name: string): string => join(folder, name);
  let source: TestVitalgate;
  let masterKey: string;
  let [anna, bea]: { user: TestUser; app: App; ids: string[] }[] = [];
  const runAtSource = (words: readonly string[]): Promise<Outcome> => commandLineHere({ DATABASE_URL: source.database.url, DATA_DIR: source.dataDir }).run(words);

  const target = async (): Promise<Target> => {
    const database = await createTestDatabase();
    const dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-restore-'));
    const { run } = commandLineHere({ DATABASE_URL: database.url, DATA_DIR: dataDir, MASTER_KEY: masterKey });
    const made = { database, dataDir, run: (words: readonly string[], environment = {}) => run(words, { environment }) };
    targets.push(made);
    return made;
  };
  const startOn = ({ database, dataDir }: Target): Promise<TestVitalgate> => startTestVitalgate({ DATABASE_URL: database.url, DATA_DIR: dataDir, MASTER_KEY: masterKey }, 'own-server');
  const tablesIn = async ({ database }: Target): Promise<number> =>
    (await database.pool.query(`select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname in ('device_manager', 'device_manager_keys', 'user_manager')`)).rowCount ?? -1;

  const person = async (): Promise<{ user: TestUser; app: App; ids: string[] }> => {
    let user: TestUser | undefined;
    const app = await newEnrolledApp({ ...source, addUser: async () => (user = await source.addUser()) });
    const ids = Array.from({ length: samples }, () => randomUUID());
    expect((await app.post('/health-data', ids.map((id, second) => heartRate(id, second)))).status).toBe(200);
    if (!user) throw new Error('nobody was added');
    return { user, app, ids };
  };

  beforeAll(async () => {
    // Nothing is normalized here: the jobs are to go on where the backup is restored.
    source = await startTestVitalgate({ JOBS: ['chain-audit', 'erase-patient', 'rotate-data-keys', 'release-quarantine'] });
    masterKey = readFileSync(join(source.dataDir, 'master-key'), 'utf8').trim();
    [anna, bea] = [await person(), await person()];
    await printed(runAtSource(['--json', 'backup', path('early.zip')]));
    await printed(runAtSource(['--json', 'patients', 'erase', '--user', anna.user.username, '--confirm', anna.user.username]));
    writeFileSync(path('journal.ndjson'), (await runAtSource(['patients', 'erasures'])).out);
    await printed(runAtSource(['--json', 'backup', path('late.zip')]));
    writeFileSync(path('empty.ndjson'), '');
  });
  afterAll(async () => {
    await source.stop();
    for (const { database, dataDir } of targets) {
      await database.drop();
      rmSync(dataDir, { recursive: true, force: true });
    }
    rmSync(folder, { recursive: true, force: true });
  });

  test('a backup is two files of mode 0600 and nothing beside them; keys are in one alone, and neither has the master key, a session or a value in clear', async () => {
    mkdirSync(path('place'));
    const { out } = await runAtSource(['backup', path('place'), '--keys', path('place')]);
    expect(out).toMatch(/master key.*erasure journal/s);
    const names = readdirSync(path('place')).sort();
    expect(names).toEqual([expect.stringMatching(/^vitalgate-\d{8}T\d{6}Z\.keys\.zip$/), expect.stringMatching(/^vitalgate-\d{8}T\d{6}Z\.zip$/)]);
    expect(names.map((name) => statSync(path(`place/${name}`)).mode & 0o777)).toEqual([0o600, 0o600]);
    const [keys, data] = await Promise.all(names.map(async (name) => [...(await unzipped(readFileSync(path(`place/${name}`)))).keys()]));
    expect(keys).toContain('tables/device_manager_keys.scope_key.copy.zst');
    expect(keys?.filter((name) => name.startsWith('tables/')).every((name) => name.startsWith('tables/device_manager_keys.'))).toBe(true);
    expect(data?.filter((name) => /device_manager_keys|\.session\.|refresh_token|password_reset/.test(name))).toEqual([]);
    expect(data).toEqual(expect.arrayContaining(['tables/device_manager.sample.copy.zst', 'tables/user_manager.user_account.copy.zst', 'tables/graphile_worker.job.copy.zst', 'manifest.json']));
    const bytes = names.map((name) => readFileSync(path(`place/${name}`)).toString('latin1')).join('');
    expect(bytes).not.toContain(masterKey);
  });

  test('restored elsewhere, all is there once, jobs go on, the chain of the audit holds, sessions are over and passwords work', async () => {
    const place = await target();
    const outcome = await printed<{ rows: Record<string, number>; erasedAgain: number }>(place.run(['--json', 'restore', path('early.zip'), '--erasure-journal', path('empty.ndjson')]));
    expect(outcome).toMatchObject({ erasedAgain: 0, rows: { 'device_manager.sample': 2 * samples, 'user_manager.user_account': 2 } });
    const restored = await startOn(place);
    try {
      for (const { user, app: old, ids } of [anna, bea].flatMap((one) => one ?? [])) {
        expect((await appWith(restored.urls.bff, old.cookie).get('/health-data')).status).toBe(401);
        const app = appWith(restored.urls.bff, await restored.signIn(user));
        const records = () => answered<KeptRecord[]>(app.get('/health-data?_l=200'));
        const found = await eventually(records, (some) => some.every(({ state }) => state === 'normalized'));
        expect(found.map(({ state, normalizedData }) => [state, normalizedData?.observations[0]?.value])).toEqual(Array.from({ length: samples }, () => ['normalized', 71]));
        expect(new Set(found.map(({ _id }) => _id)).size).toBe(samples);
        const again = await app.post('/health-data', ids.map((id, second) => heartRate(id, second)));
        expect(await again.json()).toMatchObject({ created: 0, duplicates: samples });
      }
      for (const schema of ['device_manager', 'user_manager'] as const) {
        expect((await verifyAudit(place.database.pool, schema)).fault).toBeUndefined();
        const { rows } = await place.database.pool.query<{ resource: string }>(`select resource from ${schema}.audit_event where event = 'database-restored'`);
        expect(rows).toEqual([{ resource: `backup/${String((await manifestOf(path('early.zip')))['backup'])}` }]);
      }
    } finally {
      await restored.stop();
    }
  });

  test.each<[string, string[]]>([
    ['by the journal', ['--erasure-journal', path('journal.ndjson')]],
    ['by the keys of a later backup', ['--keys', path('late.keys.zip'), '--without-erasure-journal']],
  ])('whoever was erased since stays erased, %s; the others are there', async (_situation, options) => {
    const place = await target();
    expect(await printed(place.run(['--json', 'restore', path('early.zip'), ...options]))).toMatchObject({ erasedAgain: 1 });
    const left = async (table: string, column: string, value: string) => (await place.database.pool.query(`select from ${table} where ${column} = $1`, [value])).rowCount;
    const [{ id }, { id: other }] = [anna?.user ?? { id: '' }, bea?.user ?? { id: '' }];
    expect(await Promise.all([left('device_manager_keys.scope_key', 'scope', `patient:${id}`), left('device_manager.sample', 'patient_id', id), left('user_manager.user_account', '_id', id)])).toEqual([0, 0, 0]);
    expect(await Promise.all([left('device_manager_keys.scope_key', 'scope', `patient:${other}`), left('device_manager.sample', 'patient_id', other)])).toEqual([1, samples]);
    // The next restore needs what this one was told.
    expect(readFileSync(join(place.dataDir, 'erasure-journal.ndjson'), 'utf8').trim().split('\n')).toHaveLength(1);
  });

  test('an older backup is brought up to date', async () => {
    const old = await createTestDatabase();
    const place = await target();
    try {
      await prepareJobs(old.pool);
      const newest = ownSchemas.map(({ name, migrations }) => `${name}/${migrations.at(-1)?.name ?? ''}`);
      for (const { name, migrations } of ownSchemas) await inTransaction(old.pool, (client) => migrateWithin(client, name, migrations.slice(0, -1)));
      await backUp(old.pool, { data: path('old.zip'), keys: path('old.keys.zip') }, '0.0.1');
      expect(await printed(place.run(['--json', 'restore', path('old.zip'), '--without-erasure-journal']))).toMatchObject({ ran: newest });
      expect((await place.run(['migrate'])).out).toBe('all tables are up to date\n');
    } finally {
      await old.drop();
    }
  });

  /** Writes a broken backup as `bad.zip` and `bad.keys.zip`; the good one is there before. */
  type Break = () => unknown;
  const flip = (file: string, at: (bytes: Buffer) => number): void => {
    const bytes = readFileSync(file);
    const place = at(bytes);
    bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
    writeFileSync(file, bytes);
  };
  const change = (edit: (manifest: Record<string, unknown>) => Record<string, unknown>): Break => () => rewritten(path('early.zip'), path('bad.zip'), withManifest(edit));
  const broken = /bad\.zip is broken: .*Take another copy of the file\. Nothing was restored\./;
  test.each<[string, Break, RegExp]>([
    ['is cut off', () => truncateSync(path('bad.zip'), 4_000), broken],
    ['is empty', () => truncateSync(path('bad.zip'), 0), broken],
    ['is something else', () => writeFileSync(path('bad.zip'), randomBytes(5_000)), broken],
    ['has a flipped bit in a table', () => flip(path('bad.zip'), (bytes) => bytes.indexOf(Buffer.from('28b52ffd', 'hex')) + 8), /is broken: tables\/.* is not as it was written \(SHA-256\)/],
    ['has a flipped bit in its manifest', () => flip(path('bad.zip'), (bytes) => bytes.indexOf('manifest.json') + 200), /is broken: its manifest is not as it was written/],
    ['has a wrong checksum', change((manifest) => ({ ...manifest, parts: (manifest['parts'] as object[]).map((part) => ({ ...part, sha256: '0'.repeat(64) })) })), /is not as it was written \(SHA-256\)/],
    ['lacks a table', () => rewritten(path('early.zip'), path('bad.zip'), (files) => files.delete('tables/device_manager.sample.copy.zst')), /is broken: tables\/device_manager\.sample\.copy\.zst is missing/],
    ['lacks its manifest', () => rewritten(path('early.zip'), path('bad.zip'), (files) => files.delete('manifest.json')), /is no backup of Vitalgate/],
    ['has a manifest without tables', change((manifest) => ({ ...manifest, parts: undefined })), /its manifest is not complete/],
    ['has fewer rows than it says', change((manifest) => ({ ...manifest, parts: (manifest['parts'] as { rows: number }[]).map((part) => ({ ...part, rows: part.rows + 1 })) })), /brought \d+ rows and should bring \d+\. Nothing was restored/],
    ['names tables as SQL', change((manifest) => ({ ...manifest, parts: (manifest['parts'] as object[]).map((part) => ({ ...part, table: 'sample; drop schema public' })) })), /its manifest is not complete/],
    ['is of a newer form', change((manifest) => ({ ...manifest, formatVersion: 2, program: '9.1.0', parts: 'in another way' })), /newer form \(2\).*Vitalgate 9\.1\.0 or newer/],
    ['is of a newer program', change((manifest) => ({ ...manifest, program: '9.1.0', schemas: [{ name: 'device_manager', migrations: ['9999-of-tomorrow'] }] })), /newer than this program \(device_manager: 9999-of-tomorrow\).*Vitalgate 9\.1\.0/],
    ['is not there', () => rmSync(path('bad.zip')), /bad\.zip cannot be read \(ENOENT\)/],
    ['has no keys beside it', () => rmSync(path('bad.keys.zip')), /The keys of this backup are missing .*--keys/],
    ['has cut off keys', () => truncateSync(path('bad.keys.zip'), 1_000), /bad\.keys\.zip is broken/],
    ['has itself in place of the keys', () => copyFileSync(path('early.zip'), path('bad.keys.zip')), /holds the data of a backup, not its keys/],
    ['is the keys', () => copyFileSync(path('early.keys.zip'), path('bad.zip')), /holds the keys of a backup, not its data/],
    ['is younger than its keys', () => copyFileSync(path('late.zip'), path('bad.zip')), /is older than the backup/],
    ['has keys of another installation', () => rewritten(path('early.keys.zip'), path('bad.keys.zip'), withManifest((manifest) => ({ ...manifest, installation: '0'.repeat(64) }))), /keys of another installation/],
  ])('a backup that %s is refused, and nothing restored', async (_situation, spoil, reason) => {
    copyFileSync(path('early.zip'), path('bad.zip'));
    copyFileSync(path('early.keys.zip'), path('bad.keys.zip'));
    await spoil();
    const place = await target();
    const { code, told } = await place.run(['restore', path('bad.zip'), '--without-erasure-journal']);
    expect([code, told]).toEqual([1, expect.stringMatching(reason)]);
    expect(await tablesIn(place)).toBe(0);
  });

  const early = ['restore', path('early.zip')];
  test.each<[string, string[], Readonly<Record<string, string>>, number, RegExp]>([
    ['the wrong master key', [...early, '--without-erasure-journal'], { MASTER_KEY: randomBytes(32).toString('hex') }, 1, /The master key is not the one this database was used with.*Nothing was restored/],
    ['no word of erasures', early, {}, 2, /must stay erased: name the journal/],
    ['two words of erasures', [...early, '--without-erasure-journal', '--erasure-journal', path('journal.ndjson')], {}, 2, /contradict/],
    ['a journal that is none', [...early, '--erasure-journal', path('early.zip')], {}, 2, /Line 1 of the journal is no entry/],
    ['a journal that is not there', [...early, '--erasure-journal', path('nowhere')], {}, 2, /cannot be read \(ENOENT\)/],
    ['nothing to back up', ['backup', path('nothing.zip')], {}, 1, /nothing to back up/],
    ['a backup over another', ['backup', path('early.zip')], {}, 1, /is there already/],
    ['keys and data in one file', ['backup', path('one.zip'), '--keys', path('one.zip')], {}, 2, /two files/],
  ])('%s is refused', async (_situation, words, environment, exitCode, reason) => {
    const place = await target();
    const { code, told } = await place.run(words, environment);
    expect([code, told]).toEqual([exitCode, expect.stringMatching(reason)]);
    expect(await tablesIn(place)).toBe(0);
  });

  test('a journal of another installation is refused, and nothing restored', async () => {
    const place = await target();
    const foreign = { version: 1, installation: '0'.repeat(16), pseudonym: '0'.repeat(64), erasedAt: '2024-07-01T00:00:00.000Z' };
    writeFileSync(path('foreign.ndjson'), `${JSON.stringify(foreign)}\n`);
    const { code, told } = await place.run([...early, '--erasure-journal', path('foreign.ndjson')]);
    expect([code, told, await tablesIn(place)]).toEqual([1, expect.stringMatching(/another installation.*Nothing was restored/), 0]);
  });

  test('keys of a later backup are refused where data keys were rotated between, and nothing restored', async () => {
    const rotations = async () => (await listRotations(source.database.pool, 5)).map(({ finished_at: finishedAt }) => finishedAt !== null);
    const holder = await source.database.pool.connect();
    try {
      // Whoever may yet seal under an old generation keeps it from being destroyed.
      await holder.query('begin; select from device_manager_keys.data_key for key share');
      await printed(runAtSource(['--json', 'keys', 'rotate', '--data']));
      await printed(runAtSource(['--json', 'backup', path('under-way.zip')]));
      await printed(runAtSource(['--json', 'backup', path('still-under-way.zip')]));
      expect(await rotations()).toEqual([false]);
    } finally {
      await holder.query('rollback');
      holder.release();
    }
    expect(await eventually(rotations, ([isDone]) => isDone === true)).toEqual([true]);
    await printed(runAtSource(['--json', 'backup', path('rotated.zip')]));
    const place = await target();
    for (const [situation, data, keys] of [['it began since', 'early', 'rotated'], ['it was under way at the backup, and ended since', 'under-way', 'rotated'], ['it was under way at both', 'under-way', 'still-under-way']] as const) {
      const { code, told } = await place.run(['restore', path(`${data}.zip`), '--keys', path(`${keys}.keys.zip`), '--without-erasure-journal']);
      expect([situation, code, told, await tablesIn(place)]).toEqual([situation, 1, expect.stringMatching(/Data keys were rotated between.*Nothing was restored/), 0]);
    }
    expect((await place.run(['restore', path('under-way.zip'), '--without-erasure-journal'])).code).toBe(0);
  });

  test('deliveries that wait in the backup and were released, discarded or contradicted since are refused with later keys, or left out by request: a re-delivery is taken', async () => {
    const { key } = await source.createWebhookKey('lab');
    const sent = (urls: TestVitalgate['urls'], body: object) => clientWith(urls.deviceManager, { 'x-api-key': key }).post('/health-data/medisante', body).then(({ status }) => status);
    const [mine, another] = [`Maker:Model:mine-${randomUUID()}`, `Maker:Model:another-${randomUUID()}`];
    const released = bloodPressure({ id: mine }, '2024-03-02T09:10:11Z');
    const bodies = [released, pulse(mine, '2024-03-02T09:12:00Z', 66), { ...released, measurements: { ...released.measurements, pulse: { value: 71, unit: 'bpm' } } }, bloodPressure({ id: another }, '2024-03-02T09:14:00Z')];
    for (const body of bodies) expect(await sent(source.urls, body)).toBe(200);
    await printed(runAtSource(['--json', 'backup', path('waiting.zip')]));
    const waiting = async (pool: TestDatabase['pool']) => (await pool.query<{ reason: string }>('select reason from device_manager.quarantined_delivery')).rows.map(({ reason }) => reason).sort();
    expect(await waiting(source.database.pool)).toHaveLength(4);
    await answered(service(source, bea?.user.id).post('/devices/assign', { ...cuff(mine), assignedFrom: '2024-03-01T00:00:00Z' }));
    const inbox = await eventually(() => printed<{ _id: string; kind: string }[]>(runAtSource(['--json', 'inbox', 'list'])), (entries) => entries.length === 2);
    const conflicting = inbox.find(({ kind }) => kind === 'conflicting')?._id ?? '';
    await printed(runAtSource(['--json', 'inbox', 'discard', conflicting, '--reason', 'other']));
    await printed(runAtSource(['--json', 'backup', path('released.zip')]));

    const place = await target();
    const restoring = ['--json', 'restore', path('waiting.zip'), '--without-erasure-journal'];
    const later = [...restoring, '--keys', path('released.keys.zip')];
    const { code, told } = await place.run(later);
    expect([code, told, await tablesIn(place)]).toEqual([1, expect.stringMatching(/have no keys: 3\..*--without-unreadable-deliveries.*Nothing was restored/), 0]);
    const { leftOut } = await printed<{ leftOut: { sender: string; correlationId: string; receivedAt: string }[] }>(place.run([...later, '--without-unreadable-deliveries']));
    expect(leftOut).toEqual(Array.from({ length: 3 }, () => ({ sender: 'lab', correlationId: expect.any(String), receivedAt: expect.any(String) })));
    const restored = await startOn(place);
    try {
      expect(await waiting(place.database.pool)).toEqual(['device-unknown']);
      for (const body of bodies) expect(await sent(restored.urls, body)).toBe(200);
      expect(await waiting(place.database.pool)).toEqual(['conflicting-delivery', 'device-unknown', 'device-unknown', 'device-unknown']);
    } finally {
      await restored.stop();
    }
    const whole = await target();
    expect(await printed(whole.run(restoring))).toMatchObject({ leftOut: [] });
    expect(await waiting(whole.database.pool)).toHaveLength(4);
  });

  test('a database with rows is refused, and left as it is; one that was only migrated is not', async () => {
    const place = await target();
    await migrateDeviceManager(place.database.pool);
    await place.database.pool.query(`insert into device_manager.tombstone (patient_id, _id) values ('a', gen_random_uuid())`);
    const { code, told } = await place.run([...early, '--without-erasure-journal']);
    expect([code, told]).toEqual([1, expect.stringMatching(/not empty \(device_manager\.tombstone\)/)]);
    await place.database.pool.query('delete from device_manager.tombstone');
    expect((await place.run([...early, '--without-erasure-journal'])).code).toBe(0);
    expect((await place.run([...early, '--without-erasure-journal'])).told).toMatch(/not empty/);
  });

  test('a folder that is not there is told, and no unfinished file is left', async () => {
    const { code, told } = await runAtSource(['backup', path('nowhere/backup.zip')]);
    expect([code, told]).toEqual([1, expect.stringMatching(/cannot be written \(ENOENT\)/)]);
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
