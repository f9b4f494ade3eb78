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
  pool = openPool({ connectionString: network.url }, () => undefined, 4, 30_000);
  await prepareJobs(pool);
});
afterAll(async () => {
  await pool.end();
  await network.stop();
  await database.drop();
});

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
