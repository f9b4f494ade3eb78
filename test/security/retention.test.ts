import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { settings } from '../../src/config/settings.ts';
import { expire, type RetentionDays } from '../../src/device-manager/retention.ts';
import { readPayload } from '../../src/device-manager/storage/payload-table.ts';
import { addJob } from '../../src/jobs/runner.ts';
import { openKeys } from '../../src/keys/master-key-check.ts';
import type { KeyRing } from '../../src/keys/scope-keys.ts';
import { expireAccounts } from '../../src/user-manager/retention.ts';
import { answered, bloodPressure, chartOf, clientWith, eventually, heartRate, newPatient, service, watch, type KeptRecord } from '../device-manager/client.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';

const DAY_MS = 86_400_000;
const forEver: RetentionDays = { payloads: undefined, healthData: undefined, quarantine: undefined, discarded: undefined };

describe('H9 each class of data is kept for as long as the settings say', () => {
  let vitalgate: TestVitalgate;
  let keyRing: KeyRing;
  const patientId = newPatient();
  const count = async (table: string): Promise<number> => (await vitalgate.database.pool.query<{ rows: number }>(`select count(*)::int as rows from ${table}`)).rows[0]?.rows ?? 0;
  /** What goes when some days have passed. */
  const after = (days: number, kept: Partial<RetentionDays>) => expire({ pool: vitalgate.database.pool, keyRing, days: { ...forEver, ...kept }, isStopping: () => false }, Date.now() + days * DAY_MS);

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    ({ keyRing } = await openKeys(vitalgate.database.pool, { DATA_DIR: vitalgate.dataDir }));
    const { key } = await vitalgate.createWebhookKey();
    const sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': key });
    const app = service(vitalgate, patientId);
    await answered(app.post('/devices/assign', watch));
    await answered(app.post('/health-data/healthkit', [heartRate(0, { value: 71 }), heartRate(1, { value: 72 })]));
    await answered(app.post('/health-data/healthkit', [heartRate(2, { type: 'NothingThatAnybodyKnows' })]));
    await answered(sender.post('/health-data/medisante', bloodPressure({ id: 'nobodys-cuff' }, '2024-03-02T09:10:11Z')));
    await chartOf(app, 'heart-rate', 2);
    await eventually(() => answered<KeptRecord[]>(app.get('/health-data?state=normalization-failed')), (records) => records.length === 1);
  }, 120_000);
  afterAll(() => vitalgate.stop());

  test('unless somebody says otherwise, health data, what waits, and the audit are kept for ever', async () => {
    const tables = ['device_manager.payload', 'device_manager.sample', 'device_manager.quarantined_delivery', 'device_manager.audit_event'];
    const before = await Promise.all(tables.map(count));
    expect(Math.min(...before)).toBeGreaterThan(0);
    await after(3_650, {});
    expect(await Promise.all(tables.map(count))).toEqual(before);
  });

  test('payloads go alone: what was normalized of them stays readable, and what was not keeps its payload', async () => {
    expect(await after(29, { payloads: 30 })).toMatchObject({ payloads: 0 });
    expect(await after(31, { payloads: 30 })).toMatchObject({ payloads: 1 });
    const records = await answered<KeptRecord[]>(service(vitalgate, patientId).get('/health-data?_p=rawData,normalizedData'));
    expect(records.map(({ state, rawData, normalizedData }) => ({ state, raw: rawData !== undefined, value: normalizedData?.observations[0]?.value }))).toEqual([
      { state: 'normalization-failed', raw: true, value: undefined }, { state: 'normalized', raw: false, value: 72 }, { state: 'normalized', raw: false, value: 71 },
    ]);
    expect(await chartOf(service(vitalgate, patientId), 'heart-rate', 2)).toMatchObject([{ data: [{ y: 71 }, { y: 72 }] }]);
  });

  describe('of a payload that a record refers to', () => {
    interface Resource {
      readonly resourceType: string;
      readonly id: string;
      readonly meta: { readonly versionId?: string; readonly lastUpdated?: string };
      readonly identifier?: readonly { readonly system: string }[];
    }
    const [holder, other, broken, sound] = [newPatient(), newPatient(), newPatient(), newPatient()];
    const app = () => service(vitalgate, holder);
    const taken = { startDate: '2024-07-01T12:00:00.000Z', endDate: '2024-07-01T12:00:30.000Z' };
    const ecg = { ...heartRate(0, { ...taken, type: 'Electrocardiogram', unit: undefined, value: undefined }), classification: 'SinusRhythm', samplingFrequency: 512, voltageMeasurements: Array.from({ length: 64 }, (_, index) => [index / 512, index * 1e-5]) };
    const condition = { id: randomUUID(), ...taken, displayName: 'Asthma', fhirRelease: 'R4', fhirVersion: '4.0.1', fhirData: { resourceType: 'Condition', id: '1', subject: { reference: 'Patient/77' }, code: { text: 'Asthma' } } };
    const [alone, beside] = [heartRate(60, { value: 66 }), heartRate(61, { value: 67 })];
    const run = heartRate(0, { ...taken, type: 'Workout', unit: undefined, value: undefined, activityName: 'Running', duration: 30 });
    const everything = async (): Promise<Resource[]> => (await (await app().get(`/fhir/Patient/${holder}/$everything`)).text()).trim().split('\n').map((line) => JSON.parse(line) as Resource);
    const kept = async (): Promise<number> => count(`device_manager.payload where body is not null and patient_id = '${holder}'`);
    const identified = (resources: readonly Resource[]) => resources.filter(({ identifier = [] }) => identifier.some(({ system }) => system === 'urn:ietf:rfc:3986')).length;

    beforeAll(async () => {
      await answered(app().post('/devices/assign', watch));
      for (const items of [[ecg, beside], [condition], [alone], [run]]) await answered(app().post('/health-data/healthkit', items));
      await eventually(() => answered<KeptRecord[]>(app().get('/health-data')), (records) => records.length === 5 && records.every(({ state }) => state === 'normalized'));
    });

    afterAll(async () => {
      for (const table of ['normalized_chunk', 'sample_group', 'sample', 'payload']) await vitalgate.database.pool.query(`delete from device_manager.${table} where patient_id = any($1)`, [[holder, other, broken, sound]]);
    });

    test('nothing goes, because the record alone is not all: traces and clinical records are handed out as before', async () => {
      const before = await everything();
      expect(await after(29, { payloads: 30 })).toMatchObject({ payloads: 0 });
      expect(await everything()).toEqual(before);
      expect([await after(31, { payloads: 30 }), await kept()]).toMatchObject([{ payloads: 2 }, 2]);
      const now = await everything();
      const stripped = (resources: readonly Resource[]) => resources.map(({ meta, identifier = [], ...resource }) => ({ ...resource, meta: { ...meta, versionId: undefined, lastUpdated: undefined }, identifier: identifier.filter(({ system }) => system !== 'urn:ietf:rfc:3986') }));
      expect(stripped(now)).toEqual(stripped(before));
      expect(now.filter(({ resourceType }) => resourceType !== 'Observation')).toEqual(before.filter(({ resourceType }) => resourceType !== 'Observation'));
      expect(JSON.stringify(now)).toContain('"valueSampledData"');
      expect(now.map(({ resourceType }) => resourceType)).toContain('Condition');
      // What a resource loses makes another version of it.
      const changed = now.filter((one) => JSON.stringify(one) !== JSON.stringify(before.find(({ id }) => id === one.id)));
      expect([changed.length, identified(before) - identified(now)]).toEqual([2, 2]);
      for (const one of changed) expect(Number(one.meta.versionId)).toBeGreaterThan(Number(before.find(({ id }) => id === one.id)?.meta.versionId));
    });

    test('it is not looked at again', async () => {
      expect(await after(31, { payloads: 30 })).toMatchObject({ payloads: 0 });
      expect(await count(`device_manager.payload where referred_to and patient_id = '${holder}'`)).toBe(2);
    });

    test('it goes when what the record referred to is deleted', async () => {
      await answered(app().post('/health-data/deletions', { deletions: [{ uuid: ecg.id }] }));
      expect([await after(31, { payloads: 30 }), await kept()]).toMatchObject([{ payloads: 1 }, 1]);
    });

    test('a record whose payload was emptied before is no document, and a trace is unknown', async () => {
      const client = service(vitalgate, other);
      await answered(client.post('/devices/assign', watch));
      await answered(client.post('/health-data/healthkit', [{ ...ecg, id: randomUUID() }, { ...condition, id: randomUUID() }]));
      await eventually(() => answered<KeptRecord[]>(client.get('/health-data')), (records) => records.length === 2 && records.every(({ state }) => state === 'normalized'));
      await vitalgate.database.pool.query('update device_manager.payload set body = null where patient_id = $1', [other]);
      const lines = await (await client.get(`/fhir/Patient/${other}/$everything`)).text();
      expect([lines.includes('DocumentReference'), lines.includes('"unsupported"'), lines.includes('"unknown"')]).toEqual([false, false, true]);
    });

    test('one that does not open stays, and stops nobody else', async () => {
      for (const one of [broken, sound]) {
        const client = service(vitalgate, one);
        await answered(client.post('/devices/assign', watch));
        await answered(client.post('/health-data/healthkit', [one === broken ? { ...ecg, id: randomUUID() } : heartRate(0)]));
        await eventually(() => answered<KeptRecord[]>(client.get('/health-data')), ([record]) => record?.state === 'normalized');
      }
      await vitalgate.database.pool.query('update device_manager.normalized_chunk set body = set_byte(body, 40, get_byte(body, 40) # 1) where patient_id = $1', [broken]);
      expect(await after(31, { payloads: 30 })).toMatchObject({ payloads: 1 });
      const { rows } = await vitalgate.database.pool.query(`select patient_id, body is not null as kept, referred_to from device_manager.payload where patient_id = any($1)`, [[broken, sound]]);
      expect(rows).toEqual(expect.arrayContaining([{ patient_id: broken, kept: true, referred_to: false }, { patient_id: sound, kept: false, referred_to: false }]));
    });
  });

  test('what waits goes with its key, and it is known for a while that it expired', async () => {
    expect(await after(29, { quarantine: 30 })).toMatchObject({ quarantine: 0 });
    expect(await after(31, { quarantine: 30 })).toMatchObject({ quarantine: 1 });
    expect([await count('device_manager.quarantined_delivery'), await count(`device_manager_keys.scope_key where scope like 'quarantine:%'`), await count(`device_manager.discarded_delivery where reason = 'expired'`)]).toEqual([0, 0, 1]);
    expect(await after(89, { discarded: 90 })).toMatchObject({ discarded: 0 });
    expect(await after(91, { discarded: 90 })).toMatchObject({ discarded: 1 });
  });

  test('samples go with records and points, and charts are empty', async () => {
    expect(await after(29, { healthData: 30 })).toMatchObject({ healthData: 0 });
    expect(await after(31, { healthData: 30 })).toMatchObject({ healthData: 2 });
    expect(await Promise.all(['payload', 'sample', 'normalized_chunk'].map((table) => count(`device_manager.${table}`)))).toEqual([0, 0, 0]);
    expect(await answered(service(vitalgate, patientId).get('/chart-data?normalizedDataType=heart-rate'))).toEqual([]);
  });

  test('a patient whose points do not open stops nobody else, is told, and goes when they open', async () => {
    const { pool } = vitalgate.database;
    const [broken, sound] = [newPatient(), newPatient()];
    for (const one of [broken, sound]) {
      const app = service(vitalgate, one);
      await answered(app.post('/devices/assign', watch));
      await answered(app.post('/health-data/healthkit', [heartRate(0, { value: 71 })]));
      await chartOf(app, 'heart-rate', 1);
    }
    const flip = () => pool.query('update device_manager.series_chunk set body = set_byte(body, 40, get_byte(body, 40) # 1) where patient_id = $1', [broken]);
    const left = async () => (await pool.query<{ patient_id: string }>('select patient_id from device_manager.payload')).rows.map((row) => row.patient_id);
    await flip();
    expect(await after(31, { healthData: 30 })).toMatchObject({ healthData: 1, unreadable: 1 });
    expect(await left()).toEqual([broken]);
    await flip();
    expect(await after(31, { healthData: 30 })).toMatchObject({ healthData: 1, unreadable: 0 });
    expect(await left()).toEqual([]);
  });

  test('a sample whose first payload has expired is deleted from a later one that holds it once more', async () => {
    const { pool } = vitalgate.database;
    const holder = newPatient();
    const app = service(vitalgate, holder);
    await answered(app.post('/devices/assign', watch));
    const [twice, other] = [heartRate(0, { value: 71.123456 }), heartRate(1, { value: 72.654321 })];
    await answered(app.post('/health-data/healthkit', [twice]));
    await chartOf(app, 'heart-rate', 1);
    await pool.query(`update device_manager.payload set received_at = received_at - interval '40 days' where patient_id = $1`, [holder]);
    await answered(app.post('/health-data/healthkit', [twice, other]));
    await chartOf(app, 'heart-rate', 2);
    expect(await after(0, { healthData: 30 })).toMatchObject({ healthData: 1 });
    const kept = async (): Promise<string> => {
      const keys = await keyRing.knownKeysOf(pool, `patient:${holder}`);
      const { rows: [row] } = await pool.query<{ id: string }>(`select replace(payload_id::text, '-', '') as id from device_manager.payload where patient_id = $1`, [holder]);
      return (keys && row && (await readPayload(pool, keys, holder, row.id)))?.bytes.toString('utf8') ?? '';
    };
    expect(await kept()).toContain('71.123456');
    const remove = () => answered<{ items: { status: string }[] }>(app.post('/health-data/deletions', { deletions: [{ uuid: twice.id }] }));
    expect((await remove()).items).toMatchObject([{ status: 'deleted' }]);
    expect([(await kept()).includes('71.123456'), (await kept()).includes('72.654321')]).toEqual([false, true]);
    expect((await remove()).items).toMatchObject([{ status: 'already-deleted' }]);
    await after(31, { healthData: 30 });
    expect(await count(`device_manager.sample_copy where patient_id = '${holder}'`)).toBe(0);
  });

  test('a payload that somebody erased before its turn came is deleted by nobody else: the audit is not told of the person again', async () => {
    const { pool } = vitalgate.database;
    const [first, erased] = [newPatient(), newPatient()];
    for (const one of [first, erased]) {
      const app = service(vitalgate, one);
      await answered(app.post('/devices/assign', watch));
      await answered(app.post('/health-data/healthkit', [heartRate(0, { value: 71 })]));
      await chartOf(app, 'heart-rate', 1);
    }
    // Between the list of what is old and the turn of each.
    await pool.query(`create function erase_other() returns trigger language plpgsql as $$ begin delete from device_manager.payload where patient_id = '${erased}'; return old; end $$;
      create trigger erase_other before delete on device_manager.payload for each row when (old.patient_id = '${first}') execute function erase_other()`);
    try {
      expect(await after(31, { healthData: 30 })).toMatchObject({ healthData: 1, unreadable: 0 });
      const { rows } = await pool.query<{ patient_id: string }>(`select patient_id from device_manager.audit_event where event = 'record-deleted' and patient_id = any($1)`, [[first, erased]]);
      expect(rows.map((row) => row.patient_id)).toEqual([first]);
    } finally {
      await pool.query('drop trigger erase_other on device_manager.payload; delete from device_manager.sample');
    }
  });

  test('a delivery whose measurement has expired is known when it comes again, and not kept anew; what it is known by says nothing of whose it was', async () => {
    const { pool } = vitalgate.database;
    const holder = newPatient();
    const app = service(vitalgate, holder);
    const { key } = await vitalgate.createWebhookKey();
    const sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': key });
    await answered(app.post('/devices/assign', { deviceId: 'holders-cuff', deviceType: 'Medical', deviceProvider: 'medisante', assignedFrom: '2024-03-01T00:00:00Z' }));
    const measured = bloodPressure({ id: 'holders-cuff' }, '2024-03-02T09:10:11Z');
    const first = await answered<unknown>(sender.post('/health-data/medisante', measured));
    await chartOf(app, 'blood-pressure', 1);
    expect(await after(31, { healthData: 30 })).toMatchObject({ healthData: 1 });
    expect(await answered<unknown>(sender.post('/health-data/medisante', measured))).toEqual(first);
    expect(await Promise.all(['payload', 'sample'].map((table) => count(`device_manager.${table} where patient_id = '${holder}'`)))).toEqual([0, 0]);
    const { rows } = await pool.query<Record<string, unknown>>('select * from device_manager.delivery order by received_at desc limit 1');
    expect(Object.keys(rows[0] ?? {}).toSorted()).toEqual(['body_mac', 'correlation_id', 'received_at', 'sample_id', 'sender']);
    expect(JSON.stringify(rows)).not.toContain(holder);
  });

  test('sessions and links that have ended, and mails in files, go after days; what lives stays', async () => {
    const { pool } = vitalgate.database;
    const user = await vitalgate.addUser();
    const cookie = await vitalgate.signIn(user);
    const row = (table: string, more: string, values: string, ended: string) => pool.query(
      `insert into user_manager.${table} (token_hash, user_id, ${more} created_at, expires_at) values ($1, $2, ${values} now() - interval '9 days', now() - interval '${ended}')`,
      [Buffer.from(`${table}${ended}`), user.id],
    );
    for (const ended of ['3 days', '1 hour']) {
      await row('session', 'kind, family,', `'cookie', 'ended',`, ended);
      await row('password_reset', '', '', ended);
    }
    const folder = join(vitalgate.dataDir, 'mail');
    mkdirSync(folder, { recursive: true });
    // The second is what a process left that was killed while it wrote.
    for (const [name, days] of [['old.eml', 8], ['.old.tmp', 8], ['new.eml', 6]] as const) {
      writeFileSync(join(folder, name), 'To: somebody@example.org\r\n\r\n');
      utimesSync(join(folder, name), new Date(Date.now() - days * DAY_MS), new Date(Date.now() - days * DAY_MS));
    }
    expect(await expireAccounts(pool, folder, { sessions: 1, resets: 1, bulkJobs: 30, mails: 7 })).toMatchObject({ sessions: 1, passwordResets: 1, mails: 2 });
    expect((await fetch(`${vitalgate.urls.bff}/profile`, { headers: { cookie } })).status).toBe(200);
  });

  describe('when much has expired at once', () => {
    const many = 450;
    const fill = async (): Promise<void> => {
      const { pool } = vitalgate.database;
      const old = `now() - interval '9 years'`;
      const of = (rows: number) => `from generate_series(1, ${String(rows)}) n`;
      await pool.query(`
        insert into device_manager.payload (patient_id, payload_id, provider, format, received_at, body, context, digest, size_bytes, item_count)
          select 'of-' || n, gen_random_uuid(), 'healthkit', 'healthkitstandard-json', ${old}, '\x01', '\x01', '\x01', 1, 1 ${of(many)};
        insert into device_manager.discarded_delivery (payload_id, sender, correlation_id, quarantine_reason, reason, actor, discarded_at)
          select gen_random_uuid(), 'medisante', 'old ' || n, 'device-unknown', 'expired', 'program', ${old} ${of(many)};
        insert into device_manager.patient_export (patient_id, _id, creator, expires_at) select 'of-' || n, gen_random_uuid(), 'test', now() ${of(25)};
        insert into device_manager.patient_export_part (patient_id, _id, position, body) select patient_id, _id, 0, '\x01' from device_manager.patient_export`);
    };
    const expiring = (kept: Partial<RetentionDays>, isStopping = () => false) => expire({ pool: vitalgate.database.pool, keyRing, days: { ...forEver, ...kept }, isStopping });

    test('it goes in batches, each committed by itself: a program that stops has done whole batches, and the next run does the rest', async () => {
      await fill();
      const kept = { payloads: 3_000, discarded: 3_000 };
      expect(await expiring(kept, () => true)).toMatchObject({ exports: 10, payloads: 200, discarded: 200 });
      expect(await expiring(kept)).toMatchObject({ exports: 15, payloads: many - 200, discarded: many - 200 });
      expect(await Promise.all(['patient_export', 'patient_export_part'].map((table) => count(`device_manager.${table}`)))).toEqual([0, 0]);
      expect(await expiring({ healthData: 3_000 }, () => true)).toMatchObject({ healthData: 200 });
      expect(await expiring({ healthData: 3_000 })).toMatchObject({ healthData: many - 200 });
    });

    test('sessions, links and failed sign-ins, too', async () => {
      const { pool } = vitalgate.database;
      const { id } = await vitalgate.addUser();
      for (const [table, more, values] of [['session', 'kind, family,', `'cookie', 'old',`], ['refresh_token', 'family,', `'old',`], ['password_reset', '', '']] as const) {
        await pool.query(
          `insert into user_manager.${table} (token_hash, user_id, ${more} created_at, expires_at)
           select sha256(convert_to($2 || n, 'UTF8')), $1, ${values} now() - interval '9 days', now() - interval '8 days' from generate_series(1, 2500) n`,
          [id, table],
        );
      }
      for (const [kind, noted, signedIn] of [['stranger', '3 days', undefined], ['recent', '1 day', undefined], ['known', '80 days', '80 days'], ['left', '91 days', '91 days']] as const) {
        await pool.query(
          `insert into user_manager.sign_in_failures (account, source, failures, noted_at, signed_in_at)
           select sha256(convert_to($1 || n, 'UTF8')), '', 1, now() - $2::interval, now() - $3::interval from generate_series(1, 1200) n`, [kind, noted, signedIn ?? null],
        );
      }
      expect(await expireAccounts(pool, join(vitalgate.dataDir, 'mail'), { sessions: 1, resets: 1, bulkJobs: 30, mails: 7 })).toMatchObject({ sessions: 2500, refreshTokens: 2500, passwordResets: 2500, signInFailures: 2400 });
    });
  });

  test('the job does it, by the settings of the program', async () => {
    const { pool } = vitalgate.database;
    await pool.query(`insert into device_manager.patient_export (patient_id, _id, creator, expires_at) values ($1, gen_random_uuid(), 'test', now() - interval '1 second')`, [patientId]);
    await addJob(pool, { task: 'expire-data', payload: {}, key: 'expire-data' });
    expect(await eventually(() => count('device_manager.patient_export'), (rows) => rows === 0)).toBe(0);
  });

  test('docs/privacy.md lists every class with its setting and default', () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/privacy.md'), 'utf8');
    const listed = [...text.matchAll(/^\| [^|]+ \| `([A-Z_]+)` \| ([^|]+) \|/gm)].map(([, name, otherwise]) => [name, otherwise?.trim()]);
    const known = Object.entries(settings).filter(([name]) => name.endsWith('_RETENTION_DAYS')).map(([name, { otherwise }]) => [name, otherwise]);
    expect(listed.toSorted()).toEqual(known.toSorted());
  });
});
