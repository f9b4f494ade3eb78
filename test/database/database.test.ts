import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { addJob, prepareJobs, startRunner } from '../../src/jobs/runner.ts';
import { migrate } from '../../src/database/migrator.ts';
import { inTransaction, isUnavailable } from '../../src/database/transaction.ts';
import { openPool } from '../../src/database/pool.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

describe('the database', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  test('ten programs that start at once migrate once', async () => {
    const migrations = [{ name: '1', sql: 'create table ten.thing (id int)' }, { name: '2', sql: 'insert into ten.thing values (1)' }];
    await Promise.all(Array.from({ length: 10 }, () => migrate(database.pool, 'ten', migrations)));
    expect((await database.pool.query('select * from ten.thing')).rowCount).toBe(1);
  });

  test('a migration that fails leaves nothing behind and can be mended', async () => {
    await expect(migrate(database.pool, 'mend', [{ name: '1', sql: 'create table mend.thing (id int); select 1/0' }])).rejects.toThrow('division by zero');
    await migrate(database.pool, 'mend', [{ name: '1', sql: 'create table mend.thing (id int)' }]);
    expect((await database.pool.query('select * from mend.thing')).rowCount).toBe(0);
  });

  test('a schema that is newer than the program is refused', async () => {
    await migrate(database.pool, 'newer', [{ name: '1', sql: 'select 1' }]);
    await expect(migrate(database.pool, 'newer', [])).rejects.toThrow('newer than this program');
  });

  test('a job exists when its transaction commits, and not otherwise', async () => {
    await prepareJobs(database.pool);
    const ran: unknown[] = [];
    const runner = await startRunner({
      service: 'test',
      pool: database.pool,
      log: { info: () => undefined, error: () => undefined },
      tasks: { remember: (payload) => Promise.resolve(void ran.push(payload)) },
    });
    await inTransaction(database.pool, (client) => addJob(client, { task: 'remember', payload: { id: 'kept' } }));
    await expect(
      inTransaction(database.pool, async (client) => {
        await addJob(client, { task: 'remember', payload: { id: 'lost' } });
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    for (let waitedMs = 0; ran.length === 0 && waitedMs < 5_000; waitedMs += 50) await new Promise((done) => setTimeout(done, 50));
    await runner.stop();
    await runner.stop();
    expect(ran).toEqual([{ id: 'kept' }]);
  });

  test('a job held by a dead worker is taken back, and run', async () => {
    await prepareJobs(database.pool);
    await addJob(database.pool, { task: 'orphaned', payload: { id: 'orphaned' }, queue: 'patient:anna' });
    await database.pool.query("update graphile_worker._private_jobs set locked_by = 'worker-that-died', locked_at = now() - interval '5 seconds'");
    await database.pool.query("update graphile_worker._private_job_queues set locked_by = 'worker-that-died', locked_at = now() - interval '5 seconds'");
    const ran: unknown[] = [];
    const log = { info: () => undefined, error: () => undefined };
    const runner = await startRunner({ service: 'test', pool: database.pool, log, tasks: { orphaned: (payload) => Promise.resolve(void ran.push(payload)) } });
    for (let waitedMs = 0; ran.length === 0 && waitedMs < 30_000; waitedMs += 50) await new Promise((done) => setTimeout(done, 50));
    await runner.stop();
    expect(ran).toEqual([{ id: 'orphaned' }]);
  });

  test('a job that takes longer than the watch for dead workers runs once, beside another program', async () => {
    await prepareJobs(database.pool);
    let runs = 0;
    const log = { info: () => undefined, error: () => undefined };
    const tasks = {
      long: async () => {
        runs += 1;
        await new Promise((done) => setTimeout(done, 6_500));
      },
    };
    const runners = await Promise.all([startRunner({ service: 'test', pool: database.pool, log, tasks }), startRunner({ service: 'test', pool: database.pool, log, tasks })]);
    await addJob(database.pool, { task: 'long', payload: { id: 'long' }, queue: 'patient:ben' });
    await new Promise((done) => setTimeout(done, 8_000));
    await Promise.all(runners.map((runner) => runner.stop()));
    expect(runs).toBe(1);
  });

  test('a stopped runner has told the database that its jobs are done', async () => {
    await prepareJobs(database.pool);
    const pool = openPool(database.connection, () => undefined);
    const ran: string[] = [];
    const runner = await startRunner({ service: 'test', pool, log: { info: () => undefined, error: () => undefined }, tasks: { quick: () => Promise.resolve(void ran.push('quick')) } });
    await addJob(pool, { task: 'quick', payload: { id: 'quick' }, queue: 'patient:carla' });
    for (let waitedMs = 0; ran.length === 0 && waitedMs < 5_000; waitedMs += 1) await new Promise((done) => setTimeout(done, 1));
    await runner.stop();
    await pool.end();
    expect((await database.pool.query("select * from graphile_worker.jobs where task_identifier = 'quick'")).rows).toEqual([]);
  });

  test('jobs of one queue follow one another without waiting for the next look', async () => {
    await prepareJobs(database.pool);
    const ran: unknown[] = [];
    const steps = Array.from({ length: 8 }, (_, index) => ({ id: String(index) }));
    for (const payload of steps) await addJob(database.pool, { task: 'step', payload, queue: 'patient:dora' });
    const runner = await startRunner({ service: 'test', pool: database.pool, log: { info: () => undefined, error: () => undefined }, tasks: { step: (payload) => Promise.resolve(void ran.push(payload)) } });
    // Eight looks would take 16 s.
    for (let waitedMs = 0; ran.length < 8 && waitedMs < 8_000; waitedMs += 50) await new Promise((done) => setTimeout(done, 50));
    await runner.stop();
    expect(ran).toEqual(steps);
  });

  test('a database that is not there is told apart from a wrong statement', async () => {
    const nowhere = openPool({ connectionString: 'postgres://nobody@127.0.0.1:1/none' }, () => undefined);
    const refused: unknown = await nowhere.query('select 1').catch((error: unknown) => error);
    const wrong: unknown = await database.pool.query('select nothing').catch((error: unknown) => error);
    expect([isUnavailable(refused), isUnavailable(wrong)]).toEqual([true, false]);
    await nowhere.end();
  });
});
