import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Queryable } from '../../src/database/pool.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { forgetJobs, forgetJobsInTime, type JobsAbout } from '../../src/jobs/forgetting.ts';
import { addJob, prepareJobs } from '../../src/jobs/runner.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await prepareJobs(database.pool);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.pool.query('delete from graphile_worker._private_jobs');
  await database.pool.query('delete from graphile_worker._private_job_queues');
});

const queues = async (): Promise<string[]> => (await database.pool.query<{ name: string }>('select queue_name as name from graphile_worker._private_job_queues')).rows.map(({ name }) => name).toSorted();
const add = (id: string, kind = 'patient') => addJob(database.pool, { task: 'normalize', payload: { patientId: id }, queue: `${kind}:${id}` });
/** Queues whose jobs are done; graphile-worker leaves them. */
const emptyQueues = () => database.pool.query('delete from graphile_worker._private_jobs');

describe.each<[string, (jobs: JobsAbout, db?: Queryable) => Promise<number>]>([
  ['for good', (jobs, db = database.pool) => forgetJobsInTime(db, jobs, 1_000)],
  ['in a transaction', (jobs, db) => (db ? forgetJobs(db, jobs) : inTransaction(database.pool, (client) => forgetJobs(client, jobs)))],
])('forgetting jobs %s', (_way, forget) => {
  test.each<[string, string, string[]]>([
    ['plain', 'anna', ['patient:f', 'patient:f:1', 'patient:f:1:anna', 'rotate-data-keys', 'submissions:f:1:anna']],
    ['with colons', 'f:1:anna', ['patient:anna', 'patient:f', 'patient:f:1', 'rotate-data-keys']],
    ['that another one begins with', 'f', ['patient:anna', 'patient:f:1', 'patient:f:1:anna', 'rotate-data-keys', 'submissions:f:1:anna']],
  ])('takes the queues of an identifier %s, and those of nobody else', async (_situation, id, left) => {
    for (const other of ['anna', 'f:1:anna', 'f', 'f:1']) await add(other);
    await add('f:1:anna', 'submissions');
    await addJob(database.pool, { task: 'rotate-data-keys', payload: {}, queue: 'rotate-data-keys' });
    await emptyQueues();
    await forget({ tasks: ['normalize'], id });
    expect(await queues()).toEqual(left);
  });

  test('takes the queue also of a job that ran at first and is over when it is looked for', async () => {
    await add('anna');
    await add('anna');
    await database.pool.query(`update graphile_worker._private_jobs set locked_by = 'worker', locked_at = now() where id = (select min(id) from graphile_worker._private_jobs)`);
    const ends = {
      query: async (text: string, values: unknown[]) => {
        if (text.includes('locked_at is not null')) await emptyQueues();
        return database.pool.query(text, values);
      },
    } as unknown as Queryable;
    expect(await forget({ tasks: ['normalize'], id: 'anna' }, ends)).toBe(1);
    expect(await queues()).toEqual([]);
  });
});
