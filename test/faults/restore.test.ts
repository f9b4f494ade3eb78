import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeOptions, startPlainProgram, startProgram, temporaryDirectory, type Demo, type Program } from '../../scripts/demo/program.ts';
import { openPool, type Pool } from '../../src/database/pool.ts';
import { readPayload } from '../../src/device-manager/storage/payload-table.ts';
import { prepareJobs } from '../../src/jobs/runner.ts';
import { openKeys } from '../../src/keys/master-key-check.ts';
import { commandLine, printed } from '../cli/command-line.ts';
import { eventually } from '../device-manager/client.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { chartedPoints, heartRates, signIn, storedIds, type App } from './app.ts';

const samplesPerUpload = 20;
const lanes = 2;
/** Each lane has hours of its own. */
const secondsPerLane = 20 * 3600;
const uploadsBefore = 15;
const settled = new Set(['normalized', 'submitted']);

interface Ledger {
  readonly sent: Set<string>;
  /** What was acknowledged: SHA-256 of the body, and the identifiers in the receipt. */
  readonly acknowledged: { readonly lane: number; readonly body: string; readonly ids: readonly string[] }[];
}

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

/** Uploads one after the other in each lane until told to stop; what is not acknowledged fails the test. */
const startLoad = (app: App): { readonly ledger: Ledger; readonly stop: () => Promise<void> } => {
  const ledger: Ledger = { sent: new Set(), acknowledged: [] };
  let stopped = false;
  const lane = async (number: number): Promise<void> => {
    for (let second = number * secondsPerLane; !stopped; second += samplesPerUpload) {
      const batch = heartRates(second, samplesPerUpload);
      const body = sha256(JSON.stringify(batch));
      ledger.sent.add(body);
      const answer = await app.post('/health-data?type=HeartRate&unit=bpm', batch);
      if (answer.status !== 200) throw new Error(`an upload answered ${answer.status}`);
      const receipt = (await answer.json()) as { items: { _id: string }[] };
      ledger.acknowledged.push({ lane: number, body, ids: receipt.items.map(({ _id }) => _id) });
    }
  };
  const running = Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)));
  return {
    ledger,
    stop: async () => {
      stopped = true;
      await running;
    },
  };
};

/** The bytes of all payloads, opened with the keys that were restored, as SHA-256. */
const openedPayloads = async (pool: Pool, dataDirectory: string): Promise<string[]> => {
  const { keyRing } = await openKeys(pool, { DATA_DIR: dataDirectory });
  const { rows } = await pool.query<{ patient_id: string; payload_id: string }>(`select patient_id, replace(payload_id::text, '-', '') as payload_id from device_manager.payload`);
  const digests: string[] = [];
  for (const { patient_id: patientId, payload_id: payloadId } of rows) {
    const keys = await keyRing.knownKeysOf(pool, `patient:${patientId}`);
    const payload = keys && (await readPayload(pool, keys, patientId, payloadId));
    digests.push(payload ? sha256(payload.bytes) : 'unreadable');
  }
  return digests;
};

describe('R22 a backup under load, restored elsewhere', () => {
  const [here, elsewhere] = [temporaryDirectory(), temporaryDirectory()];
  const archive = join(here.path, 'backup.zip');
  let database: TestDatabase | undefined;
  let source: Program;
  let demo: Demo;
  let before: Ledger['acknowledged'];
  let sent: Ledger['sent'];
  let acknowledgedAfter: number;
  let app: App;

  beforeAll(async () => {
    // From the PostgreSQL that was named for the suite, of any release, to the embedded one.
    database = process.env['DATABASE_URL'] ? await createTestDatabase() : undefined;
    source = await startProgram(here.path, database ? { DATABASE_URL: database.url } : {});
    ({ demo } = source);
    app = await signIn(demo);
    expect((await app.post('/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' })).status).toBe(200);
    const load = startLoad(app);
    await eventually(() => Promise.resolve(load.ledger.acknowledged.length), (count) => count >= uploadsBefore);
    before = [...load.ledger.acknowledged];
    await printed(commandLine({ DATA_DIR: here.path }).run(['--json', 'backup', archive]));
    await load.stop();
    ({ sent } = load.ledger);
    acknowledgedAfter = load.ledger.acknowledged.length - before.length;
    copyFileSync(join(here.path, 'master-key'), join(elsewhere.path, 'master-key'));
    await printed(commandLine({ DATA_DIR: elsewhere.path }).run(['--json', 'restore', archive, '--without-erasure-journal']));
  }, 180_000);
  afterAll(async () => {
    await source.stop();
    await database?.drop();
    for (const directory of [here, elsewhere]) directory.remove();
  });

  test('3.1 a to g hold on the copy: all that was acknowledged before is there once, normalized once, opens to the bytes that were sent, and is charted as at the source', async () => {
    expect(acknowledgedAfter).toBeGreaterThan(0);
    const copy = await startPlainProgram(elsewhere.path);
    const pool = openPool(copy.server.database, () => undefined, 2);
    try {
      const there = await signIn({ ...demo, bff: copy.server.urls.bff ?? '' });
      // Some are with the Therapy and Monitoring Manager of the demo already.
      const states = async () => (await pool.query<{ state: string; count: number }>(`select coalesce(state, '-') as state, count(*)::int as count from device_manager.whole_sample group by 1`)).rows;
      const drained = await eventually(states, (rows) => rows.every(({ state }) => settled.has(state)));
      const stored = await storedIds(there);
      expect(drained.filter(({ state }) => !settled.has(state))).toEqual([]);
      expect(drained.reduce((sum, { count }) => sum + count, 0)).toBe(stored.length);
      expect(new Set(stored).isSupersetOf(new Set(before.flatMap(({ ids }) => ids)))).toBe(true);
      expect(new Set(stored).size).toBe(stored.length);
      const bodies = await openedPayloads(pool, elsewhere.path);
      expect(new Set(bodies).isSupersetOf(new Set(before.map(({ body }) => body)))).toBe(true);
      expect(bodies.filter((body) => !sent.has(body))).toEqual([]);
      expect(bodies.length * samplesPerUpload).toBe(stored.length);
      const points = await chartedPoints(there, lanes * secondsPerLane);
      expect([points.length, new Set(points).size]).toEqual([stored.length, stored.length]);
      for (let lane = 0; lane < lanes; lane += 1) {
        const first = Date.UTC(2024, 0, 1) + lane * secondsPerLane * 1000;
        const range = `from=${new Date(first).toISOString()}&to=${new Date(first + before.filter((one) => one.lane === lane).length * samplesPerUpload * 1000).toISOString()}`;
        const chart = async (one: App) => (await one.get(`/chart-data?normalizedDataType=heart-rate&points=5000&${range}`)).json() as Promise<{ data: unknown[] }[]>;
        const [old] = await eventually(() => chart(app), ([series]) => series?.data.length === before.filter((one) => one.lane === lane).length * samplesPerUpload);
        expect((await chart(there))[0]?.data).toEqual(old?.data);
      }
      const { rows: audited } = await pool.query(`select from device_manager.audit_event where event = 'samples-uploaded'`);
      expect(audited).toHaveLength(bodies.length);
      const verified = await commandLine({ DATA_DIR: elsewhere.path }).run(['audit', 'verify']);
      expect([verified.code, verified.told]).toEqual([0, '']);
      expect((await fetch(`${copy.server.urls.deviceManager ?? ''}/-/ready`)).status).toBe(200);
    } finally {
      await pool.end();
      expect(await copy.stop()).toBe(0);
    }
  });

  test('killed when all has come but the commit, it has restored nothing, and is run again', async () => {
    const place = await createTestDatabase();
    const directory = temporaryDirectory();
    copyFileSync(join(here.path, 'master-key'), join(directory.path, 'master-key'));
    const settings = { DATABASE_URL: place.url, DATA_DIR: directory.path };
    const words = ['restore', archive, '--without-erasure-journal'];
    try {
      await prepareJobs(place.pool);
      const holder = await place.pool.connect();
      // Jobs come last: whoever keeps them from being added holds the restore up where everything else has come.
      await holder.query('begin; lock table graphile_worker._private_jobs in exclusive mode');
      const killed = spawn(process.execPath, [...nodeOptions, 'src/cli/vitalgate.ts', ...words], { cwd: join(import.meta.dirname, '..', '..'), env: { PATH: process.env['PATH'], ...settings }, stdio: 'ignore' });
      const waiting = () => place.pool.query<{ query: string }>(`select query from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%add_job%'`);
      expect((await eventually(waiting, ({ rowCount }) => rowCount === 1)).rowCount).toBe(1);
      killed.kill('SIGKILL');
      await once(killed, 'exit');
      await holder.query('rollback');
      holder.release();
      const tables = async () => (await place.pool.query<{ table: string | null; other: string | null }>(`select to_regclass('device_manager.sample') as table, to_regclass('user_manager.user_account') as other`)).rows;
      expect(await tables()).toEqual([{ table: null, other: null }]);
      // PostgreSQL notices by itself that nobody is there any more.
      await eventually(async () => (await place.pool.query(`select from pg_stat_activity where datname = current_database() and query like '%add_job%' and pid <> pg_backend_pid()`)).rowCount, (count) => count === 0);
      expect(await commandLine(settings).run(words)).toMatchObject({ code: 0, told: '' });
      expect((await place.pool.query('select from device_manager.sample')).rowCount).toBeGreaterThanOrEqual(before.length * samplesPerUpload);
    } finally {
      await place.drop();
      directory.remove();
    }
  });
});
