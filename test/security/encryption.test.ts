import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addNormalization } from '../../src/device-manager/waiting-payloads.ts';
import { rotateDataKeys } from '../../src/device-manager/resealing.ts';
import { countOlder, sealedColumns } from '../../src/device-manager/storage/sealed-columns.ts';
import { isServiceToken } from '../../src/http/service-credential.ts';
import { generationOf, sealUnder } from '../../src/keys/cipher.ts';
import { openRotations, listRotations } from '../../src/keys/data-key-rotation.ts';
import { openKeys } from '../../src/keys/master-key-check.ts';
import { createKeyRing } from '../../src/keys/scope-keys.ts';
import { migrateDeviceManager } from '../../src/schemas.ts';
import { appWith, type App } from '../bff/app.ts';
import { accessTokenOf, answered, chartOf, clientWith, eventually, heartRate, newPatient, refused, service, watch, type Client, type KeptRecord } from '../device-manager/client.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';

/** How many values are sealed to look for a nonce that comes twice: many on demand. */
const seals = Number(process.env['ENCRYPTION_SEALS'] ?? 20_000);
const canary = `PHI-${randomBytes(12).toString('hex')}`;
const masterKey = randomBytes(32);
const act = { actor: 'test', requestId: 'test' };
const everything = '/health-data?_l=200&_p=rawData,normalizedData';
const hours = '/chart-data?normalizedDataType=heart-rate&points=20';
const values = '/chart-data?normalizedDataType=heart-rate&points=5000';

let vitalgate: TestVitalgate;
beforeAll(async () => {
  vitalgate = await startTestVitalgate({ MASTER_KEY: masterKey.toString('hex') });
}, 60_000);
afterAll(() => vitalgate.stop());

const query = async <Row extends object>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> => (await vitalgate.database.pool.query<Row>(sql, [...parameters])).rows;
const scopeOf = (patientId: string) => `patient:${patientId}` as const;

/** A patient with two payloads and a chart that is long enough for rollups. */
const patientWithData = async (patientId = newPatient()): Promise<{ patientId: string; client: Client }> => {
  const client = service(vitalgate, patientId);
  await answered(client.post('/devices/assign', watch));
  for (const day of [0, 1]) {
    const samples = Array.from({ length: 60 }, (_, index) => heartRate(day * 86_400 + index * 600, { metadata: { note: canary } }));
    await answered(client.post('/health-data/healthkit', samples));
  }
  await chartOf(client, 'heart-rate', 120, '&points=5000');
  return { patientId, client };
};

const flip = (table: string, column: string, patientId: string, at: number): Promise<unknown> =>
  query(`update device_manager.${table} set ${column} = set_byte(${column}, $2, get_byte(${column}, $2) # 1) where patient_id = $1`, [patientId, at]);
/** Every row gets the value of the next one. */
const rotateRows = (table: string, column: string, key: string, patientId: string): Promise<unknown> =>
  query(
    `update device_manager.${table} t set ${column} = n.value from (select ${key} as key, coalesce(lead(${column}) over w, first_value(${column}) over w) as value
       from device_manager.${table} where patient_id = $1 window w as (order by ${key})) n where t.patient_id = $1 and t.${key} = n.key`,
    [patientId],
  );

const sealed: [string, string, string, string][] = [
  ['payload', 'body', 'payload_id', everything],
  ['payload', 'context', 'payload_id', everything],
  ['normalized_chunk', 'body', 'payload_id', everything],
  ['series_chunk', 'body', 'day', values],
  ['series_rollup', 'body', 'month', hours],
];

describe('G1 what is sealed opens whole, in its place, under its key, or not at all', () => {
  let patient: { patientId: string; client: Client };
  let other: Client;
  beforeAll(async () => {
    patient = await patientWithData();
    other = (await patientWithData()).client;
  }, 60_000);

  test.each(sealed)('%s.%s with one byte changed: its reader is told so, nobody else is', async (table, column, _key, path) => {
    const { patientId, client } = patient;
    expect((await client.get(path)).status).toBe(200);
    for (const at of [0, 4, 7, 20, 36]) {
      await flip(table, column, patientId, at);
      expect(await refused(client.get(path))).toMatchObject({ status: 500, code: 'data-unreadable', retryable: false });
      expect((await other.get(path)).status).toBe(200);
      await flip(table, column, patientId, at);
    }
    expect((await client.get(path)).status).toBe(200);
    const told = vitalgate.logged().split('\n').findLast((line) => line.includes('SealBrokenError')) ?? '';
    expect(told).toContain(`(${table})`);
    expect(told).not.toMatch(new RegExp(`${patientId}|${canary}|HeartRate`));
  });

  test.each(sealed.filter(([table]) => table !== 'series_rollup'))('%s.%s in another row', async (table, column, key, path) => {
    const { patientId, client } = patient;
    await rotateRows(table, column, key, patientId);
    expect(await refused(client.get(path))).toMatchObject({ status: 500, code: 'data-unreadable' });
    await rotateRows(table, column, key, patientId);
    expect((await client.get(path)).status).toBe(200);
  });

  describe('through the BFF', () => {
    let patientId: string;
    let app: App;
    beforeAll(async () => {
      const user = await vitalgate.addUser();
      ({ patientId } = await patientWithData(user.id));
      app = appWith(vitalgate.urls.bff, await vitalgate.signIn(user));
    }, 60_000);

    test.each(sealed)('%s.%s with one byte changed: the app is told to give up, and not to repeat', async (table, column, _key, path) => {
      await flip(table, column, patientId, 20);
      const answer = await app.get(path);
      expect([await refused(Promise.resolve(answer)), answer.headers.get('retry-after')]).toEqual([expect.objectContaining({ status: 500, code: 'data-unreadable', retryable: false }), null]);
      await flip(table, column, patientId, 20);
      expect((await app.get(path)).status).toBe(200);
    });

    test('a part of an archive with one byte changed: so is who downloads it', async () => {
      const { _id } = (await (await app.send('/exports', { method: 'POST' })).json()) as { _id: string };
      const stateOf = async () => (await answered<{ state: string }>(app.get(`/exports/${_id}`))).state;
      expect(await eventually(stateOf, (state) => state === 'ready')).toBe('ready');
      await flip('patient_export_part', 'body', patientId, 20);
      expect(await refused(app.get(`/exports/${_id}/content`))).toMatchObject({ status: 500, code: 'data-unreadable', retryable: false });
      await flip('patient_export_part', 'body', patientId, 20);
    });
  });

  test(`no nonce comes twice in ${String(seals)} seals`, () => {
    const key = randomBytes(32);
    const nonces = new Set<string>();
    for (let index = 0; index < seals; index += 1) nonces.add(sealUnder(1, key, Buffer.alloc(1), 'row').toString('latin1', 5, 17));
    expect(nonces.size).toBe(seals);
  });
});

describe('G2 nothing of health data is in clear', () => {
  test('every binary column is sealed under a key that has generations, or is none of a value', async () => {
    const digests = [
      'payload.digest', 'delivery.body_mac', 'api_key.key_hash', 'audit_event.digest', 'audit_event.salt', 'audit_event.subject', 'audit_link.hash', 'audit_link.previous', 'erasure.pseudonym',
      'patient_export.digest',
    ];
    const ownKey = ['quarantined_delivery.body'];
    const found = await query<{ name: string }>(`select table_name || '.' || column_name as name from information_schema.columns where table_schema = 'device_manager' and data_type = 'bytea'`);
    expect(found.map(({ name }) => name).sort()).toEqual([...sealedColumns.map(({ table, column }) => `${table}.${column}`), ...digests, ...ownKey].sort());
  });

  test('no column, job or log line holds what a sample said, and its reader gets it', async () => {
    const { client } = await patientWithData();
    expect(await (await client.get(everything)).text()).toContain(canary);
    const tables = await query<{ name: string }>(`select table_schema || '.' || table_name as name from information_schema.tables where table_schema in ('device_manager', 'device_manager_keys', 'user_manager', 'graphile_worker') and table_type = 'BASE TABLE'`);
    const holding = async (text: string) => {
      const counts = await Promise.all(tables.map(async ({ name }) => ({ name, rows: await query(`select from ${name} t where t::text like $1`, [`%${text}%`]) })));
      return counts.filter(({ rows }) => rows.length > 0).map(({ name }) => name);
    };
    expect(await holding('HKQuantityTypeIdentifierHeartRate')).toContain('device_manager.sample_group');
    expect([await holding(canary), await holding(Buffer.from(canary).toString('hex'))]).toEqual([[], []]);
    expect(vitalgate.logged()).not.toContain(canary);
  });
});

describe('G3 a patient gets a new data key', () => {
  const generationsOf = async (patientId: string) => (await query<{ generation: number }>('select generation from device_manager_keys.data_key where scope = $1 order by generation', [scopeOf(patientId)])).map((row) => row.generation);
  const bodiesOf = async (patientId: string) => {
    const found: Buffer[] = [];
    for (const { table, column } of sealedColumns) found.push(...(await query<{ body: Buffer }>(`select ${column} as body from device_manager.${table} where patient_id = $1`, [patientId])).map(({ body }) => body));
    return found;
  };
  const readingOf = async (client: Client) => Promise.all([everything, values, hours].map(async (path) => (await client.get(path)).text()));
  const rotated = async (patientId: string | undefined) => {
    await rotateDataKeys(vitalgate.database.pool, patientId, act);
    expect(await eventually(() => openRotations(vitalgate.database.pool), (open) => open.length === 0)).toEqual([]);
    return (await listRotations(vitalgate.database.pool, 1))[0];
  };

  test('everything of one is under the new one, reads the same, and the old one is gone; others keep theirs', async () => {
    const [one, other] = [await patientWithData(), await patientWithData()];
    const before = await readingOf(one.client);
    const identifiersBefore = await query('select _id from device_manager.sample where patient_id = $1 order by _id', [one.patientId]);
    const bodies = await bodiesOf(one.patientId);
    expect(new Set(bodies.map(generationOf))).toEqual(new Set([1]));
    expect(await rotated(one.patientId)).toMatchObject({ resealed: bodies.length, unreadable: 0 });
    expect([await generationsOf(one.patientId), await generationsOf(other.patientId)]).toEqual([[2], [1]]);
    expect(new Set((await bodiesOf(one.patientId)).map(generationOf))).toEqual(new Set([2]));
    expect(await readingOf(one.client)).toEqual(before);
    await answered(one.client.post('/health-data/healthkit', [heartRate(7)]));
    expect(await query('select _id from device_manager.sample where patient_id = $1 and recorded_at <> $2 order by _id', [one.patientId, new Date(Date.UTC(2024, 6, 1, 0, 0, 7))])).toEqual(identifiersBefore);
  });

  test('all get one, and their own uploads go on meanwhile', async () => {
    const { patientId, client } = await patientWithData();
    const uploads: number[] = [];
    const rotation = rotated(undefined);
    for (let index = 0; index < 10; index += 1) uploads.push((await client.post('/health-data/healthkit', [heartRate(200_000 + index)])).status);
    await rotation;
    expect(new Set(uploads)).toEqual(new Set([200]));
    expect(await generationsOf(patientId)).toEqual([2]);
    for (const column of sealedColumns) expect(await countOlder(vitalgate.database.pool, column)).toBe(0);
  });

  test('what does not open stays under the old one and is told, everything else goes on', async () => {
    const { patientId, client } = await patientWithData();
    const [damaged] = await query<{ id: string }>(`update device_manager.payload set body = set_byte(body, 50, get_byte(body, 50) # 1) where payload_id = (select payload_id from device_manager.payload where patient_id = $1 limit 1) returning payload_id as id`, [patientId]);
    expect(await rotated(patientId)).toMatchObject({ unreadable: 1 });
    expect(await generationsOf(patientId)).toEqual([1, 2]);
    expect((await bodiesOf(patientId)).map(generationOf).filter((generation) => generation === 1)).toHaveLength(1);
    expect(vitalgate.logged()).toContain('"kind":"unreadable","where":"payload.body","values":1');
    await query('update device_manager.payload set body = set_byte(body, 50, get_byte(body, 50) # 1) where payload_id = $1', [damaged?.id]);
    expect((await client.get(everything)).status).toBe(200);
    expect(await rotated(patientId)).toMatchObject({ unreadable: 0 });
    expect(await generationsOf(patientId)).toEqual([3]);
  });

  test('a process without a master key that is in use says that it is not ready, and why', async () => {
    const ready = () => fetch(`${vitalgate.urls.deviceManager}/-/ready`);
    expect((await ready()).status).toBe(200);
    await query(`insert into device_manager_keys.master_key (id) values ('0123456789abcdef')`);
    const answer = await ready();
    expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([503, expect.stringMatching(/^The master key is not the one .* wrapped by 0123456789abcdef\./)]);
    await query(`delete from device_manager_keys.master_key where id = '0123456789abcdef'`);
    expect((await ready()).status).toBe(200);
  });

  test('keys that such a process cannot unwrap are a refusal for now, of their patient alone', async () => {
    const { patientId, client } = await patientWithData();
    await createKeyRing({ masterKey: randomBytes(32) }).keysOf(vitalgate.database.pool, 'quarantine:of-another-process');
    await query(`update device_manager_keys.data_key set master_key_id = (select id from device_manager_keys.master_key order by first_used_at desc limit 1) where scope = $1`, [scopeOf(patientId)]);
    const answer = await client.get(everything);
    expect([answer.status, answer.headers.has('retry-after'), ((await answer.json()) as { code: string }).code]).toEqual([503, true, 'keys-unavailable']);
    await query(`update device_manager_keys.data_key set master_key_id = (select master_key_id from device_manager_keys.scope_key where scope = 'installation') where scope = $1`, [scopeOf(patientId)]);
    await query(`delete from device_manager_keys.scope_key where scope = 'quarantine:of-another-process'`);
    await query('delete from device_manager_keys.master_key m where not exists (select from device_manager_keys.scope_key s where s.master_key_id = m.id)');
    expect((await client.get(everything)).status).toBe(200);
  });
});

describe('R23: a stored value that was changed, or a key that is lost', () => {
  test('a job on it fails with the reason and is run again; the service stays up', async () => {
    const { patientId, client } = await patientWithData();
    const [payload] = await query<{ id: string }>(`select replace(payload_id::text, '-', '') as id from device_manager.payload where patient_id = $1 limit 1`, [patientId]);
    await query(`update device_manager.sample set state = 'received' where payload_id = $1::uuid`, [payload?.id]);
    await flip('payload', 'body', patientId, 60);
    await addNormalization(vitalgate.database.pool, patientId, payload?.id ?? '');
    const failed = await eventually(() => query<{ last_error: string | null }>(`select last_error from graphile_worker.jobs where queue_name = $1`, [scopeOf(patientId)]), ([job]) => job?.last_error !== null);
    expect(failed[0]?.last_error).toContain('SealBrokenError');
    expect(vitalgate.logged()).toMatch(/"task":"normalize".*"error":"SealBrokenError"/);
    expect((await fetch(`${vitalgate.urls.deviceManager}/-/ready`)).status).toBe(200);
    await flip('payload', 'body', patientId, 60);
    await query(`select graphile_worker.reschedule_jobs(array(select id from graphile_worker.jobs where queue_name = $1), run_at => now())`, [scopeOf(patientId)]);
    const records = () => answered<KeptRecord[]>(client.get('/health-data?_l=200'));
    expect((await eventually(records, (found) => found.every(({ state }) => state === 'normalized'))).every(({ state }) => state === 'normalized')).toBe(true);
  });

  test('without any key, but with health data, a start is refused: no new keys are made beside it', async () => {
    const DATA_DIR = mkdtempSync(join(tmpdir(), 'vitalgate-lost-'));
    await query('alter schema device_manager_keys rename to device_manager_lost');
    await migrateDeviceManager(vitalgate.database.pool);
    await expect(openKeys(vitalgate.database.pool, { DATA_DIR })).rejects.toThrow('The keys of this database are missing');
    await query('drop schema device_manager_keys cascade');
    await query('alter schema device_manager_lost rename to device_manager_keys');
    expect((await openKeys(vitalgate.database.pool, { DATA_DIR, MASTER_KEY: masterKey.toString('hex') })).masterKeys.previous).toBeUndefined();
    rmSync(DATA_DIR, { recursive: true });
  });

  test('without its key nothing of a patient opens; everybody else reads on', async () => {
    const [lost, other] = [await patientWithData(), await patientWithData()];
    await query('delete from device_manager_keys.scope_key where scope = $1', [scopeOf(lost.patientId)]);
    expect(await refused(lost.client.get(everything))).toMatchObject({ status: 500, code: 'data-unreadable' });
    expect((await other.client.get(everything)).status).toBe(200);
  });
});

describe('G5 keys of senders', () => {
  test('are shown once, kept as a digest, two live at a time, and refused within a second of their revocation', async () => {
    const operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'operator')}` });
    const create = () => operator.post('/api-keys', { sender: 'rotating' });
    const [first, second] = [await answered<{ _id: string; key: string }>(create()), await answered<{ _id: string; key: string }>(create())];
    expect(await refused(create())).toMatchObject({ status: 409, code: 'two-live-keys' });
    const post = (key: string) => clientWith(vitalgate.urls.deviceManager, { 'x-api-key': key }).post('/health-data/medisante', { metadata: { correlationId: randomBytes(8).toString('hex') }, device: { id: 'x' }, measurements: {} });
    expect([(await post(first.key)).status, (await post(second.key)).status]).toEqual([200, 200]);
    expect(Buffer.from(first.key.split('_').slice(2).join('_'), 'base64url').length).toBeGreaterThanOrEqual(16);
    expect(await query('select from device_manager.api_key k where k::text like $1', [`%${first.key}%`])).toEqual([]);
    expect((await operator.send(`/api-keys/${first._id}`, { method: 'DELETE' })).status).toBeLessThan(300);
    const revokedAt = performance.now();
    expect((await eventually(() => post(first.key), ({ status }) => status === 401)).status).toBe(401);
    expect(performance.now() - revokedAt).toBeLessThan(1000);
    expect((await post(second.key)).status).toBe(200);
  });
});

describe('G6 credentials are compared as digests of one length', () => {
  const accepted = ['a'.repeat(32), 'b'.repeat(40)];
  test.each<[string, string | undefined, boolean]>([
    ['none', undefined, false], ['an empty one', '', false], ['one character', 'a', false], ['31 characters', 'a'.repeat(31), false],
    ['the present one', 'a'.repeat(32), true], ['the previous one', 'b'.repeat(40), true], ['33 characters', 'a'.repeat(33), false], ['a megabyte', 'a'.repeat(1 << 20), false],
  ])('%s', (_situation, given, accepts) => {
    expect(isServiceToken(given, accepted)).toBe(accepts);
  });

  test('an empty one, where an empty one is accepted', () => expect(isServiceToken('', [''])).toBe(false));

  test.each([0, 1, 31, 32, 33, 8000])('a bearer of %d characters is refused over HTTP, not a fault', async (length) => {
    expect((await clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${'a'.repeat(length)}`, miauserid: 'x' }).get(everything)).status).toBe(401);
  });
});
