import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { erasedTables } from '../../src/device-manager/storage/erased-tables.ts';
import { migrateDeviceManager, migrateUserManager } from '../../src/schemas.ts';
import { erasedWithUser } from '../../src/user-manager/storage/erased-with-user.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await migrateDeviceManager(database.pool);
  await migrateUserManager(database.pool);
});
afterAll(() => database.drop());

const tablesWith = async (schema: string, columns: string): Promise<string[]> =>
  (
    await database.pool.query<{ name: string }>(
      `select distinct c.table_name::text as name from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
       where table_schema = $1 and t.table_type = 'BASE TABLE' and c.column_name ~ $2 order by 1`,
      [schema, columns],
    )
  ).rows.map(({ name }) => name);

test.each([
  // The audit keeps its rows under a pseudonym; an erasure names the patient while it runs; a run over samples ends by itself.
  { schema: 'device_manager', columns: '(^|_)patient(_id)?$', listed: erasedTables.map(({ table }) => table), others: ['audit_event', 'erasure'] },
  { schema: 'user_manager', columns: '(^|_)(user|username|email)(_id)?$', listed: erasedWithUser.map(({ table }) => table), others: [] },
])('H8: every table of $schema that names a patient is erased with the patient', async ({ schema, columns, listed, others }) => {
  const named = await tablesWith(schema, columns);
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((table) => !listed.includes(table) && !others.includes(table))).toEqual([]);
});

test('H8: a table that is forgotten is found', async () => {
  await database.pool.query('create table device_manager.forgotten (patient_id text primary key)');
  expect(await tablesWith('device_manager', '(^|_)patient(_id)?$')).toContain('forgotten');
});
