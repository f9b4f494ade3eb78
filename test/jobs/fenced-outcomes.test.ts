import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fencedOutcome } from '../../src/jobs/fenced-outcomes.ts';
import { addJob, prepareJobs } from '../../src/jobs/runner.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await prepareJobs(database.pool);
});
afterAll(() => database.drop());

const pool = 'pool-a';

/** Adds a job and has a worker take it, now or some seconds ago. */
const taken = async (queue: string): Promise<{ id: string; lockedAt: Date }> => {
  await addJob(database.pool, { task: 'task', payload: {}, queue });
  await database.pool.query(`update graphile_worker._private_job_queues set locked_at = now(), locked_by = $2 where queue_name = $1`, [queue, pool]);
  const { rows } = await database.pool.query<{ id: string; locked_at: Date }>(
    `update graphile_worker._private_jobs set attempts = attempts + 1, locked_at = now(), locked_by = $2
     where job_queue_id = (select id from graphile_worker._private_job_queues where queue_name = $1) returning id::text, locked_at`, [queue, pool]);
  const [row] = rows;
  if (!row) throw new Error('no job');
  return { id: row.id, lockedAt: row.locked_at };
};

const outcomes = {
  completed: (id: string) => ['complete_job_q/graphile_worker', [[id], pool]] as const,
  failed: (id: string) => ['fail_job_q/graphile_worker', [pool, JSON.stringify([{ jobId: id, message: 'why' }])]] as const,
};

const gone: unknown[] = [];
const untouched = [{ held: true, error: null, waits: false }];
const failed = [{ held: false, error: 'why', waits: true }];
test.each([
  ['completed', 'this try', 0, gone, false],
  ['failed', 'this try', 0, failed, false],
  ['completed', 'the try before, of the same worker', 3_000, untouched, true],
  ['failed', 'the try before, of the same worker', 3_000, untouched, true],
] as const)('a job that %s, told of %s', async (outcome, _which, earlierMs, jobs, isQueueHeld) => {
  const queue = `${outcome} ${String(earlierMs)}`;
  const { id, lockedAt } = await taken(queue);
  await database.pool.query(fencedOutcome(outcomes[outcome](id)[0], outcomes[outcome](id)[1], new Map([[id, new Date(lockedAt.getTime() - earlierMs)]])));
  const { rows } = await database.pool.query(`select locked_at is not null as held, last_error as error, run_at > now() + interval '1 second' as waits from graphile_worker._private_jobs where id = $1`, [id]);
  expect(rows).toEqual(jobs);
  const { rows: queues } = await database.pool.query(`select locked_at is not null as held from graphile_worker._private_job_queues where queue_name = $1`, [queue]);
  expect(queues).toEqual([{ held: isQueueHeld }]);
});
