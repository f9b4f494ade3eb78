import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { openPool, withoutDeadline, type Pool } from '../../src/database/pool.ts';
import { inTransaction, isUnavailable } from '../../src/database/transaction.ts';
import { startDatabaseNetwork, type DatabaseNetwork } from '../players/database-network.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

const DEADLINE_MS = 400;

describe('a network that swallows what the database says', () => {
  let database: TestDatabase;
  let network: DatabaseNetwork;
  let pool: Pool;
  beforeAll(async () => {
    database = await createTestDatabase();
    network = await startDatabaseNetwork(database.url);
    pool = openPool({ connectionString: network.url }, () => undefined, 2, 5_000, DEADLINE_MS);
    await database.pool.query('create table kept (id int primary key)');
  });
  beforeEach(async () => {
    await network.heal();
    await pool.query('select 1');
  });
  afterAll(async () => {
    await network.heal();
    await pool.end();
    await network.stop();
    await database.drop();
  });

  const swallow = (): void => network.suffer('back', { silentMs: Infinity });
  const statement = () => pool.query('select 1');
  const transaction = () =>
    inTransaction(pool, async (client) => {
      await client.query('insert into kept values (1)');
      swallow();
      await client.query('select 1');
    });

  test.each<[string, () => Promise<unknown>]>([
    ['a statement', () => {
      swallow();
      return statement();
    }],
    ['a transaction, which is not done in part', transaction],
  ])('%s ends as one that the database cannot serve now, once its deadline is over, and the pool is of use when the network is', async (_situation, work) => {
    const started = performance.now();
    const error: unknown = await work().then(() => undefined, (failure: unknown) => failure);
    expect([isUnavailable(error), performance.now() - started < 4 * DEADLINE_MS]).toEqual([true, true]);
    await network.heal();
    expect((await pool.query('select from kept')).rowCount).toBe(0);
    expect(pool.totalCount).toBeLessThanOrEqual(2);
  });

  test('work that takes its time has no deadline', async () => {
    const client = await pool.connect();
    try {
      await withoutDeadline(client);
      expect((await client.query<{ slept: boolean }>(`select true as slept from pg_sleep(${String((2 * DEADLINE_MS) / 1000)})`)).rows).toEqual([{ slept: true }]);
    } finally {
      client.release(true);
    }
  });
});
