import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeSchemas } from '../../src/database/schema-snapshot.ts';
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
