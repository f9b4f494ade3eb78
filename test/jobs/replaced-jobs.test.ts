import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { addJob, prepareJobs, startRunner, type Job } from '../../src/jobs/runner.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await prepareJobs(database.pool);
});
afterAll(() => database.drop());

const quiet = { info: () => undefined, error: () => undefined };
const unkeyed: Job = { task: 'told', payload: {}, queue: 'one' };
const unqueued: Job = { task: 'told', payload: {}, key: 'one' };
const job: Job = { ...unkeyed, ...unqueued };

const left = async (): Promise<object[]> =>
  (await database.pool.query<object>('select key, attempts, locked_by as worker, last_error as reason from graphile_worker._private_jobs order by id')).rows;

const become = async (how: string): Promise<void> => {
  await database.pool.query(`update graphile_worker._private_jobs set ${how}`);
};
const runBy = (worker: string): Promise<void> => become(`attempts = attempts + 1, locked_by = '${worker}', locked_at = now() - interval '5 seconds'`);

const later = new Date(Date.now() + 3_600_000);
const newer = { key: 'one', attempts: 0, worker: null, reason: null };

test.each<[string, () => Promise<void>, Job, object[]]>([
  ['that runs is added again, and its worker dies', () => runBy('dead'), job, [newer]],
  ['without a queue that runs is added again, and its worker dies', () => runBy('dead'), unqueued, [newer]],
  ['that was given up is added again', () => become(`attempts = max_attempts, last_error = 'Error ENOSPC'`), job, [newer]],
  ['that waits for its next try is added again', () => become(`attempts = 3, last_error = 'Error ENOSPC'`), job, [newer]],
  ['without a key is given up, and its like is added', () => become(`attempts = max_attempts, last_error = 'Error ENOSPC'`), unkeyed,
    [{ key: null, attempts: 25, worker: null, reason: 'Error ENOSPC' }, { ...newer, key: null }]],
])('a job %s: what is left', async (_situation, act, wanted, expected) => {
  await database.pool.query('delete from graphile_worker._private_jobs');
  await addJob(database.pool, { ...wanted, runAt: later });
  await act();
  await addJob(database.pool, { ...wanted, runAt: later });
  const runner = await startRunner({ service: 'test', pool: database.pool, log: quiet, tasks: { told: () => Promise.resolve() } });
  try {
    for (let waitedMs = 0; (await left()).length > expected.length && waitedMs < 20_000; waitedMs += 100) await sleep(100);
    // Two looks more: nothing else goes.
    await sleep(2_500);
  } finally {
    await runner.stop();
  }
  expect(await left()).toEqual(expected);
}, 60_000);

test('a job that throws after its like was added is done by that one', async () => {
  await database.pool.query('delete from graphile_worker._private_jobs');
  let runs = 0;
  const told = async (): Promise<void> => {
    runs += 1;
    if (runs > 1) return;
    await addJob(database.pool, job);
    throw new Error('not this time');
  };
  const runner = await startRunner({ service: 'test', pool: database.pool, log: quiet, tasks: { told } });
  try {
    await addJob(database.pool, job);
    for (let waitedMs = 0; (runs < 2 || (await left()).length > 0) && waitedMs < 20_000; waitedMs += 100) await sleep(100);
  } finally {
    await runner.stop();
  }
  expect({ runs, left: await left() }).toEqual({ runs: 2, left: [] });
}, 60_000);
