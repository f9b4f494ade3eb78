import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPool, type Pool } from '../../src/database/pool.ts';
import { addJob, prepareJobs, startRunner } from '../../src/jobs/runner.ts';
import { startDatabaseNetwork, type DatabaseNetwork } from '../players/database-network.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

let database: TestDatabase;
let network: DatabaseNetwork;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  network = await startDatabaseNetwork(database.url);
  pool = openPool({ connectionString: network.url }, () => undefined, 10, 30_000);
  await prepareJobs(pool);
});
afterAll(async () => {
  await pool.end();
  await network.stop();
  await database.drop();
});

test('three jobs whose outcomes are lost together, while a fourth runs, are done once more', async () => {
  const done: string[] = [];
  const told: string[] = [];
  const log = { info: () => undefined, error: (_fields: object, message: string) => void told.push(message) };
  const all = Promise.withResolvers<undefined>();
  // The outcome of each is a statement of its own; the worker is still at the last job when they have failed.
  const endsAfterMs: Readonly<Record<string, number>> = { first: 0, second: 100, third: 200, fourth: 2_000 };
  const task = async (payload: unknown): Promise<void> => {
    const { name } = payload as { name: string };
    done.push(name);
    if (done.length > 4) return;
    if (done.length === 4) {
      // The database hears nothing from now on.
      network.suffer('there', { silentMs: Infinity });
      all.resolve(undefined);
    }
    await all.promise;
    await sleep(endsAfterMs[name]);
  };
  const runner = await startRunner({ service: 'test', pool, tasks: { task }, log, concurrency: 4, pollMs: 200 });
  try {
    for (const name of Object.keys(endsAfterMs)) await addJob(database.pool, { task: 'task', payload: { name } });
    await all.promise;
    await sleep(500);
    await network.down(true);
    await network.heal();
    for (let waitedMs = 0; done.length < 7 && waitedMs < 60_000; waitedMs += 100) await sleep(100);
    expect(done.toSorted()).toEqual(['first', 'first', 'fourth', 'second', 'second', 'third', 'third']);
    expect(told).toContain('the job worker gave up and is started again');
  } finally {
    await runner.stop();
  }
}, 90_000);

test('a job whose outcome could not be written is done once more, and those behind it in its queue are done', async () => {
  const done: string[] = [];
  const told: string[] = [];
  const log = { info: () => undefined, error: (_fields: object, message: string) => void told.push(message) };
  const task = async (payload: unknown): Promise<void> => {
    const { name } = payload as { name: string };
    done.push(name);
    // Whatever the worker says next, the database does not hear it, until this job has been seen twice.
    if (done.filter((one) => one === 'first').length === 1 && name === 'first') network.cutAll(true);
    await Promise.resolve();
  };
  const runner = await startRunner({ service: 'test', pool, tasks: { task }, log, pollMs: 200 });
  try {
    for (const name of ['first', 'second']) await addJob(database.pool, { task: 'task', payload: { name }, queue: 'one' });
    for (let waitedMs = 0; done.length === 0 && waitedMs < 10_000; waitedMs += 20) await sleep(20);
    await sleep(1_000);
    network.cutAll(false);
    for (let waitedMs = 0; !done.includes('second') && waitedMs < 40_000; waitedMs += 100) await sleep(100);
    expect(done).toEqual(['first', 'first', 'second']);
    expect(told).toContain('the job worker gave up and is started again');
  } finally {
    await runner.stop();
  }
}, 90_000);
