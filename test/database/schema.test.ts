import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openPool } from '../../src/database/pool.ts';
import { describeSchemas } from '../../src/database/schema-snapshot.ts';
import { addJob } from '../../src/jobs/runner.ts';
import { migrateDeviceManager, migrateUserManager } from '../../src/schemas.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test('the migrations make the tables, keys and indexes of the committed snapshot (npm run schema writes it)', async () => {
  await migrateDeviceManager(database.pool);
  await migrateUserManager(database.pool);
  const described = await describeSchemas(database.pool, ['device_manager', 'device_manager_keys', 'user_manager']);
  expect(described).toBe(readFileSync(join(import.meta.dirname, 'schema.snapshot'), 'utf8'));
});

test('services that start at the same time bring an empty database up to date together', async () => {
  const empty = await createTestDatabase();
  const pools = Array.from({ length: 6 }, () => openPool(empty.connection, () => undefined, 2));
  await Promise.all(pools.map((pool, index) => (index % 2 === 0 ? migrateUserManager(pool) : migrateDeviceManager(pool))));
  await addJob(empty.pool, { task: 'normalize', payload: {} });
  expect((await empty.pool.query('select 1 from graphile_worker.jobs')).rowCount).toBe(1);
  await Promise.all(pools.map((pool) => pool.end()));
  await empty.drop();
});
