import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { addRestoredJobs, createRestoredJobs, jobsPart, jobsQuery, restoredJobs } from '../../src/backup/jobs-part.ts';
import { inTransaction } from '../../src/database/transaction.ts';
import { addJob, prepareJobs, type Job } from '../../src/jobs/runner.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await prepareJobs(database.pool);
});
afterAll(() => database.drop());
beforeEach(() => database.pool.query('delete from graphile_worker._private_jobs'));

const job: Job = { task: 'told', payload: { of: 'one' }, queue: 'one', key: 'one' };
const run = () => database.pool.query(`update graphile_worker._private_jobs set attempts = attempts + 1, locked_by = 'worker', locked_at = now()`);
const giveUp = () => database.pool.query(`update graphile_worker._private_jobs set attempts = max_attempts, last_error = 'Error ENOSPC'`);

/** What the archive has of the jobs is all that the database has of them afterwards. */
const restore = (): Promise<void> =>
  inTransaction(database.pool, async (client) => {
    await createRestoredJobs(client);
    await client.query(`insert into ${restoredJobs} (${jobsPart.columns.join(', ')}) ${jobsQuery}`);
    await client.query('delete from graphile_worker._private_jobs');
    await addRestoredJobs(client);
  });

const left = async (): Promise<object[]> => (await database.pool.query<object>('select key, attempts, last_error as reason, flags from graphile_worker._private_jobs order by id')).rows;

const waiting = { key: 'one', attempts: 0, reason: null, flags: { keyed: true } };

test.each<[string, () => Promise<unknown>, object[]]>([
  ['waits waits', () => addJob(database.pool, job), [waiting]],
  ['runs waits, and its try does not count', async () => { await addJob(database.pool, job); await run(); }, [waiting]],
  ['was given up stays given up', async () => { await addJob(database.pool, job); await giveUp(); }, [{ ...waiting, attempts: 25, reason: 'Error ENOSPC' }]],
  ['runs and was added again is there once', async () => { await addJob(database.pool, job); await run(); await addJob(database.pool, job); }, [waiting]],
  ['was given up and was added again is there once', async () => { await addJob(database.pool, job); await giveUp(); await addJob(database.pool, job); }, [waiting]],
  ['has no key is there as often as it was added', async () => { for (const payload of [{}, {}]) await addJob(database.pool, { task: 'told', payload }); },
    Array.from({ length: 2 }, () => ({ ...waiting, key: null, flags: null }))],
])('a restored job that %s', async (_situation, add, expected) => {
  await add();
  await restore();
  expect(await left()).toEqual(expected);
});
