import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { addJob, prepareJobs } from '../../src/jobs/runner.ts';
import { takeBackQueues } from '../../src/jobs/stuck-queues.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await prepareJobs(database.pool);
});
afterAll(() => database.drop());

const queueOf = async (name: string) =>
  (await database.pool.query<{ held: boolean; jobs: number }>(
    `select queue.locked_at is not null as held, (select count(*)::int from graphile_worker._private_jobs job where job.job_queue_id = queue.id) as jobs
     from graphile_worker._private_job_queues queue where queue_name = $1`, [name])).rows;

test.each([
  ['held for a job that runs', `update graphile_worker._private_jobs set locked_at = now() - interval '1 hour', locked_by = 'pool-a'`, '1 hour', [{ held: true, jobs: 1 }]],
  ['held for none of its jobs', '', '11 seconds', [{ held: false, jobs: 1 }]],
  ['held for none of its jobs, but only just', '', '5 seconds', [{ held: true, jobs: 1 }]],
  ['held, of which no job is left', 'delete from graphile_worker._private_jobs', '11 seconds', [{ held: false, jobs: 0 }]],
])('a queue that is %s', async (name, jobs, heldFor, expected) => {
  await addJob(database.pool, { task: 'task', payload: {}, queue: name });
  if (jobs !== '') await database.pool.query(`${jobs} where job_queue_id = (select id from graphile_worker._private_job_queues where queue_name = $1)`, [name]);
  await database.pool.query(`update graphile_worker._private_job_queues set locked_at = now() - $2::interval, locked_by = 'pool-a' where queue_name = $1`, [name, heldFor]);
  await takeBackQueues(database.pool);
  expect(await queueOf(name)).toEqual(expected);
});

test('a job whose queue is gone is removed, one without a queue and one with a queue stay', async () => {
  await database.pool.query('delete from graphile_worker._private_jobs');
  for (const queue of ['gone', 'there', undefined]) await addJob(database.pool, { task: 'task', payload: { queue: queue ?? 'none' }, ...(queue && { queue }) });
  await database.pool.query(`delete from graphile_worker._private_job_queues where queue_name = 'gone'`);
  await takeBackQueues(database.pool);
  const { rows } = await database.pool.query<{ queue: string }>(`select payload->>'queue' as queue from graphile_worker._private_jobs order by 1`);
  expect(rows.map(({ queue }) => queue)).toEqual(['none', 'there']);
});
