import { afterEach, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom, type Random } from '../../src/simulator/random.ts';
import { startCrashingDatabase, type CrashingDatabase } from './crashing-database.ts';
import { openInstallation, type Installation, type Instance } from './installation.ts';
import { untilJobsAreDone } from './jobs-left.ts';
import { startPhone, type Phone } from './phones.ts';

/** How often each fault strikes: few in CI, more in full size. */
const cycles = Number(process.env['FAULT_CYCLES'] ?? 3);
const seed = Number(process.env['SEED'] ?? 20260801);
const phones = 3;

let database: CrashingDatabase;
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

/** All faults are off: what is left to do is done, and everything is there once. */
const check = async (): Promise<void> => {
  await Promise.all(running.map((phone) => phone.stop()));
  await untilJobsAreDone(database.pool);
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
    database = await startCrashingDatabase();
    installation = openInstallation(database.url);
    const instances = await Promise.all(Array.from({ length: count }, (_, index) => installation.add(`instance ${String(index)}`, ['bff', 'device-manager', 'user-manager'])));
    // All at once: each migration is made by one of them.
    await Promise.all(instances.map((instance) => instance.start()));
    await startPhones(instances.map(({ urls }) => urls['bff'] ?? ''), instances[0]?.urls['user-manager'] ?? '');
    await strike(nemesis, instances);
    await check();
  }, 180_000 + cycles * 30_000);
});
