import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPool, type Connection, type Pool } from '../../src/database/pool.ts';
import { addJob, prepareJobs, startRunner } from '../../src/jobs/runner.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { startDatabaseNetwork, type DatabaseNetwork } from '../players/database-network.ts';

/** Longer than the jobs of a worker wait whose lock is gone. */
const jobMs = 14_000;

/** One program that runs a job, and another one on the same database that could take it. */
interface Programs {
  readonly database: TestDatabase;
  readonly network: DatabaseNetwork;
  readonly pool: Pool;
  readonly told: string[];
}

const locks = async ({ database }: Programs): Promise<number[]> =>
  (await database.pool.query<{ pid: number }>(`select pid from pg_locks where locktype = 'advisory' and mode = 'ShareLock' and database = (select oid from pg_database where datname = current_database())`)).rows.map(({ pid }) => pid);

const terminate = async ({ database }: Programs, pids: readonly number[]): Promise<void> => {
  await database.pool.query('select pg_terminate_backend(pid) from unnest($1::int[]) as pid', [pids]);
};

const situations: readonly [string, (programs: Programs, own: readonly number[]) => Promise<void>, string[]][] = [
  ['whose connection with the lock is ended by the database', (programs, own) => terminate(programs, own), []],
  [
    'whose connections are all ended, again and again',
    async (programs) => {
      for (let count = 0; count < 5; count += 1) {
        await programs.database.pool.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`);
        await sleep(1_000);
      }
    },
    [],
  ],
  [
    'that cannot look for dead ones, because its pool has no connection left',
    async (programs, own) => {
      const taken = await Promise.all(Array.from({ length: 3 }, () => programs.pool.connect()));
      await sleep(6_000);
      for (const client of taken) client.release();
      expect(await locks(programs)).toEqual(expect.arrayContaining([...own]));
    },
    ['looking for dead workers failed'],
  ],
  [
    'whose next connection is taken and answered nothing',
    async (programs, own) => {
      programs.network.swallow(true);
      await terminate(programs, own);
      await sleep(500);
      programs.network.swallow(false);
    },
    ['looking for dead workers failed'],
  ],
  [
    'whose connection with the lock ends behind a network that says nothing of it',
    async (programs, own) => {
      programs.network.suffer('back', { silentMs: Infinity });
      await terminate(programs, own);
      await sleep(500);
      await programs.network.heal();
    },
    [],
  ],
];

/** A connection whose password is a member, which the pool hides, as that of the embedded database is. */
const hidden = (address: string): Connection => {
  const { hostname: host, port, username: user, password, pathname } = new URL(address);
  const connection = { host, port: Number(port), user, password, database: pathname.slice(1) };
  return connection;
};

const databases: TestDatabase[] = [];
beforeAll(async () => {
  for (let count = 0; count < situations.length; count += 1) databases.push(await createTestDatabase());
  for (const { pool } of databases) await prepareJobs(pool);
}, 60_000);
afterAll(async () => {
  for (const database of databases) await database.drop();
});

test.concurrent.each(situations.map(([situation, act, says], index) => [situation, { act, says, index }] as const))('a living worker %s keeps its job: it runs once', async (_situation, { act, says, index }) => {
  const database = databases[index];
  if (!database) throw new Error('no database');
  const network = await startDatabaseNetwork(database.url);
  const [pool, other] = [openPool(hidden(network.url), () => undefined, 4, 2_000), openPool(database.connection, () => undefined, 4)];
  const programs: Programs = { database, network, pool, told: [] };
  const log = { info: () => undefined, error: (_fields: object, message: string) => void programs.told.push(message) };
  let runs = 0;
  const tasks = {
    long: async () => {
      runs += 1;
      await sleep(jobMs);
    },
  };
  const runners = [await startRunner({ service: 'test', pool, log, tasks })];
  try {
    await addJob(database.pool, { task: 'long', payload: {} });
    while (runs === 0 || (await locks(programs)).length === 0) await sleep(50);
    const own = await locks(programs);
    runners.push(await startRunner({ service: 'test', pool: other, log: { ...log, error: () => undefined }, tasks }));
    await sleep(2_500);
    await act(programs, own);
    await sleep(jobMs - 2_000);
    expect(runs).toBe(1);
    expect(await locks(programs)).toHaveLength(2);
    expect([...new Set(programs.told)]).toEqual(says);
  } finally {
    for (const runner of runners) await runner.stop();
    await Promise.all([pool.end(), other.end()]);
    await network.stop();
  }
}, 120_000);
