import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { addJob, prepareJobs, startRunner, type Job } from '../../src/jobs/runner.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

const later = new Date(Date.now() + 3_600_000);
const quiet = { info: () => undefined, error: () => undefined };

/** A job for later of a situation, with a queue and a key. */
const jobOf = (situation: string): Job => ({ task: 'waiting', payload: { situation }, queue: situation, key: situation, runAt: later });
const withoutQueue = ({ task, payload, key = '', runAt = later }: Job): Job => ({ task, payload, key, runAt });
const withoutKey = ({ task, payload, queue = '', runAt = later }: Job): Job => ({ task, payload, queue, runAt });

const held = `attempts = attempts + 1, locked_by = 'dead', locked_at = now() - interval '5 seconds'`;
const givenUp = `attempts = max_attempts, last_error = 'Error ENOSPC'`;
const newer = { attempts: 0, worker: null, reason: null };

const situations: readonly [situation: string, form: (job: Job) => Job, became: string, left: object[]][] = [
  ['that runs is added again, and its worker dies', (job) => job, held, [newer]],
  ['without a queue that runs is added again, and its worker dies', withoutQueue, held, [newer]],
  ['that was given up is added again', (job) => job, givenUp, [newer]],
  ['that waits for its next try is added again', (job) => job, `attempts = 3, last_error = 'Error ENOSPC'`, [newer]],
  ['without a key is given up, and its like is added', withoutKey, givenUp, [{ ...newer, attempts: 25, reason: 'Error ENOSPC' }, newer]],
];

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await prepareJobs(database.pool);
});
afterAll(() => database.drop());

const jobs = async (): Promise<{ situation: string }[]> =>
  (await database.pool.query<{ situation: string }>(
    `select payload->>'situation' as situation, attempts, locked_by as worker, last_error as reason from graphile_worker._private_jobs order by id`)).rows;

const run = async (task: () => Promise<void>, isOver: () => Promise<boolean>): Promise<void> => {
  const runner = await startRunner({ service: 'test', pool: database.pool, log: quiet, tasks: { thrown: task, waiting: () => Promise.resolve() } });
  try {
    for (let waitedMs = 0; !(await isOver()) && waitedMs < 20_000; waitedMs += 100) await sleep(100);
    // Two looks more: nothing else goes.
    await sleep(2_500);
  } finally {
    await runner.stop();
  }
};

test('of a job whose like is added, the newer one is left', async () => {
  for (const [situation, form, became] of situations) {
    const job = form(jobOf(situation));
    await addJob(database.pool, job);
    await database.pool.query(`update graphile_worker._private_jobs set ${became} where payload->>'situation' = $1`, [situation]);
    await addJob(database.pool, job);
  }
  const expected = situations.flatMap(([situation, , , left]) => left.map((one) => ({ situation, ...one })));
  await run(() => Promise.resolve(), async () => (await jobs()).length <= expected.length);
  const found = Map.groupBy(await jobs(), ({ situation }) => situation);
  expect(situations.flatMap(([situation]) => found.get(situation) ?? [])).toEqual(expected);
}, 60_000);

test('a job that throws after its like was added is done by that one', async () => {
  await database.pool.query('delete from graphile_worker._private_jobs');
  const job: Job = { task: 'thrown', payload: {}, queue: 'one', key: 'one' };
  let runs = 0;
  const thrown = async (): Promise<void> => {
    runs += 1;
    if (runs > 1) return;
    await addJob(database.pool, job);
    throw new Error('not this time');
  };
  await addJob(database.pool, job);
  await run(thrown, async () => runs > 1 && (await jobs()).length === 0);
  expect({ runs, left: await jobs() }).toEqual({ runs: 2, left: [] });
}, 60_000);
