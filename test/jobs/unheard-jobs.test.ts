import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { inTransaction } from '../../src/database/transaction.ts';
import { addJob, prepareJobs, startRunner } from '../../src/jobs/runner.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await prepareJobs(database.pool);
});
afterAll(() => database.drop());

const jobs = async (condition: string): Promise<Record<string, unknown>[]> => (await database.pool.query<Record<string, unknown>>(`select id, locked_by, attempts from graphile_worker._private_jobs where ${condition}`)).rows;

/** What the database keeps when it has given a job to a worker, and its answer is lost on the way. */
const giveUnheard = (workerId: unknown, name: string): Promise<void> =>
  inTransaction(database.pool, async (client) => {
    await addJob(client, { task: 'quick', payload: { name }, queue: 'one' });
    await client.query(`update graphile_worker._private_jobs set locked_by = $1, locked_at = now(), attempts = attempts + 1 where payload->>'name' = $2`, [workerId, name]);
    await client.query(`update graphile_worker._private_job_queues set locked_by = $1, locked_at = now() where queue_name = 'one'`, [workerId]);
  });

test('a job that was given to a living worker who never heard of it is run all the same, the next of its queue too, and one that it runs only once', async () => {
  const ran: string[] = [];
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const quick = (payload: unknown) => Promise.resolve(void ran.push((payload as { name: string }).name));
  const long = async () => {
    ran.push('long');
    await held;
  };
  const told: string[] = [];
  const log = { info: () => undefined, error: (_fields: object, message: string) => void told.push(message) };
  const runner = await startRunner({ service: 'test', pool: database.pool, log, tasks: { quick, long } });
  try {
    const again = { task: 'long', payload: {}, queue: 'long', key: 'long' };
    await addJob(database.pool, again);
    for (let waitedMs = 0; ran.length === 0 && waitedMs < 10_000; waitedMs += 20) await sleep(20);
    const [running] = await jobs('locked_by is not null');
    await giveUnheard(running?.['locked_by'], 'unheard');
    await addJob(database.pool, { task: 'quick', payload: { name: 'next' }, queue: 'one' });
    // Another one with the key of what runs: it must wait, and what runs stays held although its tries are no longer what they were.
    await addJob(database.pool, again);
    for (let waitedMs = 0; ran.length < 3 && waitedMs < 20_000; waitedMs += 50) await sleep(50);
    await sleep(4_500);
    expect(ran).toEqual(['long', 'unheard', 'next']);
    expect((await jobs('locked_by is not null')).map(({ id }) => id)).toEqual([running?.['id']]);
    release();
    for (let waitedMs = 0; (await jobs('true')).length > 0 && waitedMs < 10_000; waitedMs += 50) await sleep(50);
    expect([await jobs('true'), told, ran]).toEqual([[], [], ['long', 'unheard', 'next', 'long']]);
  } finally {
    release();
    await runner.stop();
  }
}, 60_000);
