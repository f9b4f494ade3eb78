import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Queryable } from '../../src/database/pool.ts';
import { addJob, prepareJobs, type Job } from '../../src/jobs/runner.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await prepareJobs(database.pool);
});
afterAll(() => database.drop());

const waits = async (): Promise<boolean> => (await database.pool.query(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).rowCount !== 0;
const jobs = async (): Promise<object[]> => (await database.pool.query<object>('select key, locked_by, payload from graphile_worker._private_jobs order by id')).rows;

const later = new Date(Date.now() + 3_600_000);
const job = { task: 'told', payload: { of: 'before' }, queue: 'one', key: 'one' };
const taken = { key: null, locked_by: 'worker', payload: { of: 'before' } };
const added = { key: 'one', locked_by: null, payload: { of: 'after' } };

test.each<[string, Partial<Job>, 'commit' | 'rollback', object[]]>([
  ['is there beside it', {}, 'commit', [taken, added]],
  ['for later is there beside it', { runAt: later }, 'commit', [taken, added]],
  ['that keeps the time of one that waits is there beside it', { runAt: later, keepsTime: true }, 'commit', [taken, added]],
  ['takes the place of that one where it was not taken after all', {}, 'rollback', [added]],
])('a job that is added while a worker takes the one of its key %s', async (_situation, more, end, expected) => {
  await database.pool.query('delete from graphile_worker._private_jobs');
  await addJob(database.pool, job);
  const worker = await database.pool.connect();
  try {
    await worker.query('begin');
    await worker.query(`update graphile_worker._private_jobs set attempts = attempts + 1, locked_by = 'worker', locked_at = now() where key = 'one'`);
    const adding = addJob(database.pool, { ...job, ...more, payload: { of: 'after' } });
    for (let waitedMs = 0; !(await waits()) && waitedMs < 10_000; waitedMs += 20) await sleep(20);
    await worker.query(end);
    await adding;
  } finally {
    worker.release(true);
  }
  expect(await jobs()).toEqual(expected);
});

test('a job is added by one statement, whether one of its key waits or not', async () => {
  let statements = 0;
  const counting = {
    query: (text: string, values?: unknown[]) => {
      statements += 1;
      return database.pool.query(text, values);
    },
  } as unknown as Queryable;
  await database.pool.query('delete from graphile_worker._private_jobs');
  for (const expected of [1, 2]) {
    await addJob(counting, job);
    expect(statements).toBe(expected);
  }
});
