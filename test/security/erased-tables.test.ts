import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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

/** Every column whose name says that it is about somebody, and every one that can hold anything. */
const columnsAboutPeople = async (): Promise<string[]> =>
  (
    await database.pool.query<{ name: string }>(
      `select format('%s.%s.%s', c.table_schema, c.table_name, c.column_name) as name from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
       where c.table_schema in ('device_manager', 'device_manager_keys', 'user_manager') and t.table_type = 'BASE TABLE'
         and (c.column_name ~ 'patient|user|person|owner|holder|scope|creator|updater|actor|email|account|subject|pseudonym' or c.data_type in ('json', 'jsonb')) order by 1`,
    )
  ).rows.map(({ name }) => name);

const erased = new Set([...erasedTables.map(({ table }) => `device_manager.${table}`), ...erasedWithUser.map(({ table }) => `user_manager.${table}`)]);
const isKept = (column: string): boolean => !erased.has(column.split('.').slice(0, 2).join('.'));

test('H8 every column that can name a person is in a table that is erased, or docs/privacy.md says why it stays; and nothing else is there', async () => {
  const document = readFileSync(join(import.meta.dirname, '../../docs/privacy.md'), 'utf8');
  const reasons = [...document.matchAll(/`((?:device_manager|device_manager_keys|user_manager)\.\w+\.\w+)`/g)].map(([, column]) => column);
  expect((await columnsAboutPeople()).filter(isKept)).toEqual(reasons.toSorted());
});

test('H8 the control: a table that is forgotten is found', async () => {
  await database.pool.query('create table device_manager.forgotten (patient_id text primary key)');
  expect((await columnsAboutPeople()).filter(isKept)).toContain('device_manager.forgotten.patient_id');
});
