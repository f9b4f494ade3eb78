import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { openPool } from '../../src/database/pool.ts';
import { scrub } from '../../src/database/scrubbing.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

let database: TestDatabase;
const fileOf = async (): Promise<string> => (await database.pool.query<{ file: string }>(`select pg_relation_filepath('erased') as file`)).rows[0]?.file ?? '';
const pages = async (): Promise<number> => (await database.pool.query<{ pages: number }>(`select (pg_relation_size('erased') / current_setting('block_size')::int)::int as pages`)).rows[0]?.pages ?? 0;

beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(() => database.pool.query(`drop table if exists erased; create table erased (what text); insert into erased select repeat('trace', 400) from generate_series(1, 100)`));
afterAll(() => database.drop());

test('H8 a table is written anew without what was deleted', async () => {
  const before = await fileOf();
  await database.pool.query('delete from erased');
  expect(await scrub(database.pool, ['public.erased'])).toMatchObject({ rewritten: ['public.erased'], notRewritten: [] });
  expect([await pages(), (await fileOf()) === before]).toEqual([0, false]);
});

test('H8 what somebody still looks at is waited for, and told where that takes too long', async () => {
  const reader = await database.pool.connect();
  try {
    await reader.query('begin isolation level repeatable read');
    await reader.query('select count(*) from pg_class');
    await database.pool.query('delete from erased');
    expect(await scrub(database.pool, ['public.erased'], 200)).toMatchObject({ rewritten: [], notRewritten: ['public.erased'] });
    expect(await pages()).toBeGreaterThan(0);
    const later = scrub(database.pool, ['public.erased']);
    await reader.query('commit');
    expect(await later).toMatchObject({ rewritten: ['public.erased'] });
    expect(await pages()).toBe(0);
  } finally {
    reader.release();
  }
});

test('H8 what is under way in another database is waited for, too: whoever writes a table anew looks back as far as that', async () => {
  const elsewhere = await createTestDatabase();
  const writer = await elsewhere.pool.connect();
  try {
    await writer.query('begin; create table begun (what text)');
    await database.pool.query('delete from erased');
    expect(await scrub(database.pool, ['public.erased'], 200)).toMatchObject({ rewritten: [], notRewritten: ['public.erased'] });
    await writer.query('commit');
    expect(await scrub(database.pool, ['public.erased'])).toMatchObject({ rewritten: ['public.erased'] });
    expect(await pages()).toBe(0);
  } finally {
    writer.release();
    await elsewhere.drop();
  }
});

test('H8 a role that may not write a table anew tells so', async () => {
  const role = `reader_${randomBytes(6).toString('hex')}`;
  await database.pool.query(`create role ${role} login password '${role}'; grant select, delete on erased to ${role}`);
  const pool = openPool({ connectionString: database.url.replace(/\/\/[^@]*@/, `//${role}:${role}@`) }, () => undefined);
  try {
    await pool.query('delete from erased');
    expect(await scrub(pool, ['public.erased'])).toEqual({ rewritten: [], notRewritten: ['public.erased'], logReplaced: false });
  } finally {
    await pool.end();
    await database.pool.query(`drop owned by ${role}; drop role ${role}`);
  }
});
