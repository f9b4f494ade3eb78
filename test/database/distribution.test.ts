import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PoolClient } from 'pg';
import { migrateDeviceManager, migrateUserManager } from '../../src/schemas.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { tablePlaces } from './table-places.ts';

const script = readFileSync(join(import.meta.dirname, '..', '..', 'scripts', 'distribute.sql'), 'utf8');
const standIn = readFileSync(join(import.meta.dirname, 'citus-stand-in.sql'), 'utf8');
const distributed = Object.entries(tablePlaces).flatMap(([table, place]) => ('distributedBy' in place ? [{ table, column: place.distributedBy }] : []));

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await migrateUserManager(database.pool);
  await migrateDeviceManager(database.pool);
});
afterAll(() => database.drop());

test('of every table it is said where its rows are once an installation is distributed', async () => {
  const { rows } = await database.pool.query<{ name: string }>(
    `select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and n.nspname in ('device_manager', 'device_manager_keys', 'user_manager')`,
  );
  expect(rows.map(({ name }) => name).toSorted()).toEqual(Object.keys(tablePlaces).toSorted());
});

test.each(distributed)('every unique key of $table holds $column', async ({ table, column }) => {
  const { rows } = await database.pool.query<{ name: string; columns: string[] }>(
    `select i.indexrelid::regclass::text as name, array(select attname::text from pg_attribute where attrelid = i.indrelid and attnum = any(i.indkey)) as columns
     from pg_index i where i.indrelid = $1::regclass and i.indisunique`,
    [table],
  );
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.filter(({ columns }) => !columns.includes(column))).toEqual([]);
});

test('no table with a column patient_id stays whole without a reason that is its own', async () => {
  const { rows } = await database.pool.query<{ name: string }>(
    `select table_schema || '.' || table_name as name from information_schema.columns
     where column_name = 'patient_id' and table_schema in ('device_manager', 'user_manager') and table_name <> 'whole_sample'`,
  );
  const staying = rows.map(({ name }) => name).filter((name) => 'staysBecause' in (tablePlaces[name] ?? {}));
  expect(staying.toSorted()).toEqual(['device_manager.assignment', 'device_manager.audit_event', 'device_manager.erasure', 'user_manager.audit_event']);
});

describe('scripts/distribute.sql on a server whose functions of Citus refuse what Citus refuses', () => {
  let client: PoolClient;
  beforeAll(async () => {
    await database.pool.query(standIn);
    client = await database.pool.connect();
    await client.query('set search_path = stand_in, public');
  });
  afterAll(() => client.release(true));

  test('distributes each table by its column, those of a patient together, and empties what is left behind', async () => {
    await client.query(script);
    const { rows } = await client.query<{ table: string; column: string; together: string }>(
      'select logicalrelid::text as "table", distribution_column as "column", colocated_with as together from stand_in.pg_dist_partition order by 1',
    );
    const first = 'device_manager.payload';
    expect(rows).toEqual(distributed.map(({ table, column }) => ({ table, column, together: column === 'patient_id' && table !== first ? first : 'none' })).toSorted((a, b) => (a.table < b.table ? -1 : 1)));
    const { rows: truncated } = await client.query<{ name: string }>('select name::text from stand_in.truncated order by 1');
    expect(truncated.map(({ name }) => name)).toEqual(rows.map(({ table }) => table));
    expect((await client.query('select from stand_in.distributed_function')).rowCount).toBe(1);
  });

  test('does nothing when it runs again', async () => {
    await expect(client.query(script)).resolves.toBeDefined();
  });

  test.each<[string, string, string, RegExp]>([
    ['a table that is not there', 'device_manager.nothing', 'patient_id', /does not exist/],
    ['a column that is not there', 'device_manager.device', 'patient_id', /has no column patient_id/],
    ['a unique key without the column', 'device_manager.device', 'owner_patient_id', /device_pkey lacks owner_patient_id/],
    ['a foreign key to what stays', 'device_manager.assignment', 'device', /assignment_device_fkey leads out/],
    ['a table that a trigger guards', 'device_manager.audit_event', 'patient_id', /audit_keep|audit_refuse|audit_stamp/],
  ])('the stand-in refuses %s', async (_situation, table, column, refusal) => {
    await expect(client.query('select create_distributed_table($1, $2)', [table, column])).rejects.toThrow(refusal);
  });
});
