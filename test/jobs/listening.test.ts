import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPool, type Pool } from '../../src/database/pool.ts';
import { addJob, prepareJobs, startRunner } from '../../src/jobs/runner.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

/** Whether a worker asks the database for a job; it also looks for dead ones. */
const asksForJob = (statement: unknown): boolean => typeof statement === 'object' && statement !== null && 'text' in statement && /skip\s+locked/.test(String(statement.text));

describe('a job that is added', () => {
  let database: TestDatabase;
  const pools: Pool[] = [];
  const stops: (() => Promise<void>)[] = [];
  const done: string[] = [];
  const looks = { quick: 0, rare: 0 };
  const log = { info: () => undefined, error: () => undefined };

  beforeAll(async () => {
    database = await createTestDatabase();
    await prepareJobs(database.pool);
    for (const name of ['quick', 'rare'] as const) {
      const pool = openPool({ connectionString: database.url }, () => undefined);
      pool.on('connect', (client) => {
        const query = client.query.bind(client) as (...given: readonly unknown[]) => unknown;
        const counting = (...given: readonly unknown[]) => {
          if (asksForJob(given[0])) looks[name] += 1;
          return query(...given);
        };
        Object.assign(client, { query: counting });
      });
      pools.push(pool);
      const tasks = { [name]: () => Promise.resolve(void done.push(name)) };
      stops.push((await startRunner({ service: 'test', pool, tasks, log, pollMs: 60_000 })).stop);
    }
  }, 60_000);
  afterAll(async () => {
    for (const stop of stops) await stop();
    for (const pool of pools) await pool.end();
    await database.drop();
  });

  const untilDone = async (count: number): Promise<void> => {
    for (let waitedMs = 0; waitedMs < 20_000 && done.length < count; waitedMs += 20) await sleep(20);
  };

  test('is begun at once, long before a worker looks by itself, and wakes nobody who has nothing to do with it', async () => {
    await sleep(1_000); // what looks at the start is over
    const before = looks.rare;
    for (let count = 1; count <= 30; count += 1) {
      await addJob(database.pool, { task: 'quick', payload: {} });
      await untilDone(count);
    }
    expect([done, looks.quick >= 30, looks.rare - before]).toEqual([Array.from({ length: 30 }, () => 'quick'), true, 0]);
  }, 60_000);

  test('wakes the worker of a rare task, too', async () => {
    done.length = 0;
    await addJob(database.pool, { task: 'rare', payload: {} });
    await untilDone(1);
    expect(done).toEqual(['rare']);
  });
});
