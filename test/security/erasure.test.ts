import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findAudit } from '../../src/audit/finding.ts';
import { verifyAudit } from '../../src/audit/verifying.ts';
import { migrateDeviceManager, migrateUserManager } from '../../src/schemas.ts';
import { writeServerFile } from '../../src/server-file.ts';
import { canonicalJson } from '../../src/device-manager/domain/certificate.ts';
import { commandLineHere } from '../cli/command-line.ts';
import { answered, clientWith, heartRate, refused, service, type Client } from '../device-manager/client.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { deliver, plantPatient, settled, sharedBundle, withOtherKinds, type PlantedPatient } from './planted-patient.ts';
import { backUp, dumpOf, foundInFiles, restore, type Backup } from './traces.ts';

interface Certificate {
  readonly auditPseudonym: string;
  readonly requestedBy: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly destroyedKeys: readonly string[];
  readonly storage: { readonly rewritten: readonly string[]; readonly notRewritten: readonly string[]; readonly logReplaced: boolean };
  readonly backups: { readonly days: number };
  readonly digest: string;
}

interface Erasure {
  readonly state: string;
  readonly certificate?: Certificate;
}

/** As `eventually`, for what may take long on a busy machine. */
const until = async <Answer>(ask: () => Promise<Answer>, fits: (answer: Answer) => boolean): Promise<Answer> => {
  const end = Date.now() + 120_000;
  for (;;) {
    const answer = await ask();
    if (fits(answer) || Date.now() > end) return answer;
    await sleep(100);
  }
};

/** What stands in clear in the tables as long as the person is there. */
const inClear = ['username', 'email', 'name of the phone', 'name of the meter'];
const valuesOf = (client: Client) => answered<Record<string, unknown>[]>(client.get('/health-data?_l=200&to=2024-06-01T00:00:00Z&_p=normalizedData,recordedAt'));

describe('H8 one of three is erased under load', () => {
  let vitalgate: TestVitalgate;
  let anna: PlantedPatient;
  let others: readonly PlantedPatient[];
  let key: string;
  let folders: readonly string[];
  let backup: Backup;
  let before: unknown[];
  let erasure: Erasure;
  const answersToAnna: number[] = [];
  const answersToOthers: number[] = [];
  const found = (texts: Readonly<Record<string, string>>, { canaries, id }: PlantedPatient): string[] =>
    Object.entries(texts).flatMap(([place, text]) => [...Object.values(canaries), id].filter((trace) => text.includes(trace)).map((trace) => `${trace} in ${place}`));

  /** Uploads sample after sample until it is told to stop. */
  const load = async (client: Client, path: string, isOver: () => boolean, answers: number[]): Promise<void> => {
    for (let second = 100_000; !isOver(); second += 1) answers.push((await client.post(path, [heartRate(second)])).status);
  };

  beforeAll(async () => {
    vitalgate = await startTestVitalgate({}, 'own-server');
    const { database: { pool } } = vitalgate;
    ({ key } = await vitalgate.createWebhookKey());
    anna = await withOtherKinds(await plantPatient(vitalgate));
    others = [await withOtherKinds(await plantPatient(vitalgate)), await withOtherKinds(await plantPatient(vitalgate))];
    const all = [anna, ...others];
    for (const patient of all) expect((await deliver(vitalgate, key, patient)).status).toBe(200);
    const sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': key, 'content-type': 'application/fhir+json' });
    for (const note of ['bundle note', 'note that contradicts'] as const) await answered(sender.send('/health-data/medisante', { method: 'POST', body: JSON.stringify(sharedBundle(all, note)) }));
    for (const patient of all) await settled(vitalgate, patient, 9);
    const { rows: [directory] } = await pool.query<{ data_directory: string }>('show data_directory');
    folders = [dirname(directory?.data_directory ?? ''), vitalgate.dataDir];
    await pool.query('checkpoint');
    backup = await backUp(pool);
    before = await Promise.all(others.map(({ id }) => valuesOf(service(vitalgate, id))));
  }, 300_000);
  afterAll(() => vitalgate.stop());

  test('before, what is in clear of the person is found in files, tables and mails: the search can find', async () => {
    expect(foundInFiles(folders, inClear.map((name) => anna.canaries[name] ?? '')).length).toBeGreaterThanOrEqual(inClear.length);
    const inMails = await until(() => Promise.resolve(foundInFiles([join(vitalgate.dataDir, 'mail')], [anna.canaries['email'] ?? ''])), (hits) => hits.length > 0);
    expect(inMails).toHaveLength(1);
    const dump = await dumpOf(vitalgate.database.pool);
    expect(inClear.filter((name) => !dump.includes(anna.canaries[name] ?? ''))).toEqual([]);
  }, 150_000);

  test('an operator has it erased while everybody uploads; the certificate tells what was', async () => {
    const chief = await vitalgate.addUser({ userGroup: 'operator' });
    const tokens = await answered<{ accessToken: string }>(clientWith(vitalgate.urls.userManager, {}).post('/oauth/token', { username: chief.username, password: chief.password }));
    const operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${tokens.accessToken}` });
    let isOver = false;
    const loads = [load(service(vitalgate, anna.id), '/health-data/healthkit', () => isOver, answersToAnna), ...others.map(({ app }) => load(app, '/health-data', () => isOver, answersToOthers))];
    await until(() => Promise.resolve(answersToAnna), (answers) => answers.length > 3);
    expect(await refused(operator.post(`/patients/${anna.id}/erasure`, { confirm: 'somebody else' }))).toMatchObject({ status: 400, code: 'invalid-request' });
    expect((await operator.post(`/patients/${anna.id}/erasure`, { confirm: anna.id })).status).toBe(202);
    const asked = answersToAnna.length;
    erasure = await until(() => answered<Erasure>(operator.get(`/patients/${anna.id}/erasure`)), ({ state }) => state === 'done');
    await until(() => Promise.resolve(answersToAnna), (answers) => answers.length > asked + 5);
    isOver = true;
    await Promise.all(loads);
    expect(erasure.state).toBe('done');
    const { digest, ...rest } = erasure.certificate ?? { digest: '', counts: {}, destroyedKeys: [] };
    expect(digest).toBe(createHash('sha256').update(canonicalJson(rest)).digest('hex'));
    expect(rest).toMatchObject({ requestedBy: `operator:${chief.id}`, backups: { days: 30 }, storage: { notRewritten: [], logReplaced: true } });
    expect(Object.entries(rest.counts).filter(([, count]) => count > 0).map(([kind]) => kind)).toEqual(expect.arrayContaining([
      'samples', 'sampleGroups', 'payloads', 'normalizedChunks', 'seriesChunks', 'seriesRollups', 'tombstones', 'deliveries', 'assignments', 'devices', 'deviceTexts', 'waitingReadings', 'users', 'sessions', 'signInFailures', 'mails', 'auditRows',
    ]));
    expect(rest.destroyedKeys.length).toBeGreaterThanOrEqual(3);
    expect((await operator.post(`/patients/${anna.id}/erasure`, { confirm: anna.id })).status).toBe(202);
  }, 300_000);

  test('uploads under way end in 410, the session is over, and others were served throughout', async () => {
    expect(new Set(answersToAnna)).toEqual(new Set([200, 410]));
    expect(answersToAnna.lastIndexOf(200)).toBeLessThan(answersToAnna.indexOf(410));
    expect(new Set(answersToOthers)).toEqual(new Set([200]));
    expect(await refused(service(vitalgate, anna.id).post('/health-data/healthkit', [heartRate(1)]))).toMatchObject({ status: 410, code: 'patient-erased' });
    expect(await refused(service(vitalgate, anna.id).post('/devices/assign', { deviceId: 'w', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'W' }))).toMatchObject({ status: 410 });
    expect(await refused(service(vitalgate, anna.id).post(`/patients/${anna.id}/exports`))).toMatchObject({ status: 410 });
    expect((await anna.app.get('/profile')).status).toBe(401);
    await expect(vitalgate.signIn(anna.user)).rejects.toThrow('401');
  });

  test('afterwards nothing of the person is readable: not in a dump, a log, a mail, a file of the database', async () => {
    const { pool } = vitalgate.database;
    await until(async () => (await pool.query<{ jobs: number }>('select count(*)::int as jobs from graphile_worker._private_jobs where run_at <= now()')).rows[0]?.jobs, (jobs) => jobs === 0);
    await pool.query('checkpoint');
    expect(found({ dump: await dumpOf(pool), log: vitalgate.logged() }, anna)).toEqual([]);
    expect(foundInFiles(folders, Object.values(anna.canaries))).toEqual([]);
  }, 150_000);

  test('the audit keeps its rows in both services under one pseudonym, which the certificate names, and its chain holds', async () => {
    const { pool } = vitalgate.database;
    for (const schema of ['device_manager', 'user_manager'] as const) {
      const { rows } = await pool.query<{ patient_id: string; rows: number }>(`select patient_id, count(*)::int as rows from ${schema}.audit_event where patient_id like 'erased:%' group by patient_id`);
      expect(rows).toEqual([{ patient_id: erasure.certificate?.auditPseudonym, rows: expect.any(Number) }]);
      expect(rows[0]?.rows).toBeGreaterThan(1);
      expect((await verifyAudit(pool, schema)).fault).toBeUndefined();
    }
    const told = await findAudit(pool, 'device_manager', { patientId: erasure.certificate?.auditPseudonym, event: 'patient-erased', limit: 10 });
    expect(told.map(({ actor_kind: kind }) => kind)).toEqual(['operator']);
  });

  test('the others have everything they had', async () => {
    const { pool } = vitalgate.database;
    const dump = await dumpOf(pool);
    for (const other of others) expect(inClear.filter((name) => !dump.includes(other.canaries[name] ?? ''))).toEqual([]);
    expect(await Promise.all(others.map(({ id }) => valuesOf(service(vitalgate, id))))).toEqual(before);
    // Of the delivery that several shared, theirs waits on.
    const { rows } = await pool.query<{ payload_id: string }>('select payload_id from device_manager.quarantined_delivery');
    expect(rows).toHaveLength(1);
  });

  test('what the meter measured while the person had it is taken and not kept', async () => {
    expect((await deliver(vitalgate, key, anna)).status).toBe(200);
    const { rows } = await vitalgate.database.pool.query<{ waiting: number }>('select count(*)::int as waiting from device_manager.quarantined_delivery');
    expect(rows[0]?.waiting).toBe(1);
    const next = await vitalgate.addUser();
    const assignment = { deviceId: anna.serialNumber, deviceType: 'Medical', deviceProvider: 'medisante', assignedPatientId: next.id, assignedFrom: '2024-03-01T00:00:00Z' };
    expect(await refused(service(vitalgate).post('/devices/assign', assignment))).toMatchObject({ status: 409, code: 'device-already-assigned' });
  });

  describe('an older backup that is restored', () => {
    let restored: TestDatabase;
    let dataDir: string;
    const start = (directory: string) => startTestVitalgate({ DATABASE_URL: restored.url, DATA_DIR: directory, MASTER_KEY: readFileSync(join(vitalgate.dataDir, 'master-key'), 'utf8').trim() });
    const stateOf = async (again: TestVitalgate) => ({
      // Who asks over HTTP writes the identifier into the audit again.
      records: (await restored.pool.query('select from device_manager.sample where patient_id = $1', [anna.id])).rowCount,
      keys: (await restored.pool.query('select from device_manager_keys.scope_key where scope = $1', [`patient:${anna.id}`])).rowCount,
      signsIn: (await clientWith(again.urls.userManager, {}).post('/oauth/token', { username: anna.user.username, password: anna.user.password })).status,
      canaries: found({ dump: await dumpOf(restored.pool) }, anna),
    });
    beforeAll(async () => {
      restored = await createTestDatabase();
      await migrateDeviceManager(restored.pool);
      await migrateUserManager(restored.pool);
      await restore(restored.pool, backup);
      dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-restored-'));
    }, 60_000);
    afterAll(async () => {
      await restored.drop();
      rmSync(dataDir, { recursive: true, force: true });
    });

    test('without the journal the person is back: the control', async () => {
      const again = await start(dataDir);
      const { signsIn, canaries } = await stateOf(again);
      const records = await valuesOf(service(again, anna.id));
      await again.stop();
      expect({ signsIn, isReadable: JSON.stringify(records).includes(anna.canaries['upload value'] ?? '?'), hasCanaries: canaries.length > 0 }).toEqual({ signsIn: 200, isReadable: true, hasCanaries: true });
    }, 120_000);

    test('with the journal beside it the person is erased again before anybody can ask', async () => {
      await restore(restored.pool, backup);
      const journal = join(vitalgate.dataDir, 'erasure-journal.ndjson');
      expect(existsSync(journal)).toBe(true);
      expect(readFileSync(journal, 'utf8')).not.toContain(anna.id);
      copyFileSync(journal, join(dataDir, 'erasure-journal.ndjson'));
      const again = await start(dataDir);
      expect(await refused(service(again, anna.id).post('/health-data/healthkit', [heartRate(1, { id: randomUUID() })]))).toMatchObject({ status: 410 });
      const state = await until(() => stateOf(again), ({ canaries, signsIn }) => canaries.length === 0 && signsIn === 401);
      const kept = await Promise.all(others.map(({ id }) => valuesOf(service(again, id))));
      await again.stop();
      expect(state).toEqual({ records: 0, keys: 0, signsIn: 401, canaries: [] });
      expect(kept).toEqual(before);
    }, 200_000);

    test('with the journal on the command line as well', async () => {
      await restore(restored.pool, backup);
      const settings = { DATA_DIR: mkdtempSync(join(dataDir, 'cli-')), MASTER_KEY: readFileSync(join(vitalgate.dataDir, 'master-key'), 'utf8').trim() };
      writeServerFile(settings.DATA_DIR, { pid: process.pid, urls: {}, database: restored.connection });
      const outcome = await commandLineHere(settings).run(['--json', 'patients', 'apply-erasures', '--journal', join(vitalgate.dataDir, 'erasure-journal.ndjson')]);
      expect({ ...outcome, out: JSON.parse(outcome.out) as unknown }).toEqual({ code: 0, told: '', out: { entries: 1, unknown: 1, patients: 1, accounts: 0 } });
      expect(found({ dump: await dumpOf(restored.pool) }, anna)).toEqual([]);
    }, 120_000);
  });
});
