import { afterEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, readdirSync, rmSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbeddedServer, type EmbeddedServer } from '../../src/database/embedded-server.ts';
import { openPool, type Pool } from '../../src/database/pool.ts';
import { createRandom, type Random } from '../../src/simulator/random.ts';
import { openInstallation, type Installation, type Instance } from './installation.ts';
import { startPhone, type Phone } from './phones.ts';

/** How often each fault strikes: few in CI, more in full size. */
const cycles = Number(process.env['FAULT_CYCLES'] ?? 3);
const seed = Number(process.env['SEED'] ?? 20260801);
const phones = 3;

/** A PostgreSQL that can be crashed: on an embedded server of the test's own, with `fsync` on. */
interface Database {
  readonly url: string;
  readonly pool: Pool;
  /** As `pg_ctl stop -m immediate` does: nothing is written any more; then it is started on what lies on the disk. */
  readonly crash: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const startDatabase = async (): Promise<Database> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-'));
  chmodSync(dataDir, 0o711);
  let server: EmbeddedServer = await startEmbeddedServer({ dataDir });
  const { host, user, password, database } = server.connection;
  const postmaster = (): number => {
    const file = readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('postmaster.pid'));
    return Number(readFileSync(join(dataDir, file ?? ''), 'utf8').split('\n')[0]);
  };
  const pool = openPool(server.connection, () => undefined, 4, 60_000);
  return {
    url: `postgres://${user}:${password}@/${database}?host=${encodeURIComponent(host)}`,
    pool,
    crash: async () => {
      const gone = new Promise<void>((resolve) => server.onExit(() => resolve()));
      process.kill(postmaster(), 'SIGQUIT');
      await gone;
      await server.stop();
      server = await startEmbeddedServer({ dataDir });
    },
    stop: async () => {
      await pool.end();
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
};

let database: Database;
let installation: Installation;
let running: Phone[] = [];
afterEach(async () => {
  await installation.stop();
  await database.stop();
});

type Nemesis = (instances: readonly Instance[], draw: Random) => Promise<void>;

const kill: Nemesis = async (instances, draw) => {
  const victim = draw.oneOf(instances);
  victim.signal('SIGKILL');
  await victim.ended();
  await sleep(draw.whole(0, 500));
  await victim.start();
};
const endInOrder: Nemesis = async (instances, draw) => {
  const victim = draw.oneOf(instances);
  victim.signal('SIGTERM');
  expect(await victim.ended()).toBe(0);
  await victim.start();
};
const freeze: Nemesis = async (instances, draw) => {
  const victim = draw.oneOf(instances);
  victim.signal('SIGSTOP');
  await sleep(draw.whole(3_000, 6_000));
  victim.signal('SIGCONT');
};
const crashDatabase: Nemesis = () => database.crash();

const one = async (text: string): Promise<Record<string, unknown>> => (await database.pool.query<Record<string, unknown>>(text)).rows[0] ?? {};
const waiting = async (): Promise<unknown> => (await one(`select count(*)::int as n from graphile_worker._private_jobs j join graphile_worker._private_tasks t on t.id = j.task_id where t.identifier = 'normalize'`))['n'];

/** All faults are off: what is left to do is done, and everything is there once. */
const check = async (): Promise<void> => {
  await Promise.all(running.map((phone) => phone.stop()));
  for (let waitedMs = 0; (await waiting()) !== 0 && waitedMs < 60_000; waitedMs += 200) await sleep(200);
  expect(await waiting()).toBe(0);
  for (const { patientId, acknowledged, undeclared, sent } of running) {
    const { rows } = await database.pool.query<{ _id: string; state: string }>(`select replace(_id::text, '-', '') as _id, state from device_manager.whole_sample where patient_id = $1`, [patientId]);
    expect(undeclared).toEqual([]);
    // What was sent is acknowledged in the end, so that all three are the same.
    expect([acknowledged.length, rows.length, new Set(rows.map(({ _id }) => _id)).size]).toEqual([sent(), sent(), sent()]);
    expect(new Set(rows.map(({ _id }) => _id))).toEqual(new Set(acknowledged));
    expect([...new Set(rows.map(({ state }) => state))]).toEqual(['normalized']);
  }
};

const startPhones = async (bffs: readonly string[], userManager: string): Promise<void> => {
  running = await Promise.all(Array.from({ length: phones }, () => startPhone({ bffs: () => bffs, userManager, serviceToken: installation.serviceToken })));
};

const strike = async (nemesis: Nemesis, victims: readonly Instance[]): Promise<void> => {
  const draw = createRandom(seed);
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    const before = running.map(({ acknowledged }) => acknowledged.length);
    await sleep(draw.whole(0, 500));
    await nemesis(victims, draw);
    // Between two faults somebody gets through.
    for (let waitedMs = 0; running.some(({ acknowledged }, index) => acknowledged.length <= (before[index] ?? 0)) && waitedMs < 20_000; waitedMs += 50) await sleep(50);
    expect(running.every(({ acknowledged }, index) => acknowledged.length > (before[index] ?? 0))).toBe(true);
  }
};

describe('several processes on one PostgreSQL', () => {
  test.each<[string, number, Nemesis]>([
    ['two, any of which is killed', 2, kill],
    ['three, any of which is killed', 3, kill],
    ['two, any of which is ended and started', 2, endInOrder],
    ['two, any of which freezes and goes on', 2, freeze],
    ['two, whose database crashes', 2, crashDatabase],
  ])('%s, %i of them: migrated once, sessions shared, nothing lost, nothing doubled', async (_situation, count, nemesis) => {
    database = await startDatabase();
    installation = openInstallation(database.url);
    const instances = await Promise.all(Array.from({ length: count }, (_, index) => installation.add(`instance ${String(index)}`, ['bff', 'device-manager', 'user-manager'])));
    // All at once: each migration is made by one of them.
    await Promise.all(instances.map((instance) => instance.start()));
    await startPhones(instances.map(({ urls }) => urls['bff'] ?? ''), instances[0]?.urls['user-manager'] ?? '');
    await strike(nemesis, instances);
    await check();
  }, 180_000 + cycles * 30_000);

  test.each(['bff', 'device-manager', 'user-manager'] as const)('one for each service, of which the %s is killed: nothing lost, nothing doubled', async (service) => {
    database = await startDatabase();
    installation = openInstallation(database.url);
    const userManager = await installation.add('user-manager', ['user-manager']);
    const others = { USER_MANAGER_URL: userManager.urls['user-manager'] ?? '' };
    const deviceManager = await installation.add('device-manager', ['device-manager'], others);
    const bff = await installation.add('bff', ['bff'], { ...others, DEVICE_MANAGER_URL: deviceManager.urls['device-manager'] ?? '' });
    for (const instance of [userManager, deviceManager, bff]) await instance.start();
    await startPhones([bff.urls['bff'] ?? ''], userManager.urls['user-manager'] ?? '');
    await strike(kill, [userManager, deviceManager, bff].filter(({ name }) => name === service));
    await check();
  }, 180_000 + cycles * 30_000);
});
