import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from '../../src/database/pool.ts';

const schemas = ['device_manager', 'device_manager_keys', 'user_manager', 'graphile_worker'];

const tablesIn = async (pool: Pool, wanted: readonly string[]): Promise<string[]> =>
  (
    await pool.query<{ name: string }>(
      `select format('%I.%I', table_schema, table_name) as name from information_schema.tables where table_schema = any($1) and table_type = 'BASE TABLE' order by 1`, [wanted],
    )
  ).rows.map(({ name }) => name);

/** All rows of all tables as text, as a dump has them. */
export const dumpOf = async (pool: Pool): Promise<string> => {
  const lines: string[] = [];
  for (const name of await tablesIn(pool, schemas)) lines.push(name, ...(await pool.query<{ row: string }>(`select t::text as row from ${name} t`)).rows.map(({ row }) => row));
  return lines.join('\n');
};

/** The rows of every table of ours, to be put into another database. */
export type Backup = ReadonlyMap<string, readonly string[]>;

/** Takes a backup of all schemas but that of the jobs. */
export const backUp = async (pool: Pool): Promise<Backup> => {
  const backup = new Map<string, readonly string[]>();
  for (const name of await tablesIn(pool, schemas.slice(0, 3))) backup.set(name, (await pool.query<{ row: string }>(`select t::text as row from ${name} t`)).rows.map(({ row }) => row));
  return backup;
};

/** Puts a backup into a database whose tables are up to date. */
export const restore = async (pool: Pool, backup: Backup): Promise<void> => {
  const client = await pool.connect();
  try {
    await client.query(`set session_replication_role = replica`);
    for (const [name, rows] of backup) {
      await client.query(`delete from ${name}`);
      await client.query(`insert into ${name} select (row::${name}).* from unnest($1::text[]) as row`, [rows]);
    }
  } finally {
    client.release(true);
  }
};

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));

/** Which of some texts are in any file under some folders, as `grep -ra` finds them. */
export const foundInFiles = (folders: readonly string[], texts: readonly string[]): string[] => {
  const found = new Set<string>();
  for (const path of folders.flatMap(filesIn)) {
    const bytes = readFileSync(path);
    for (const text of texts) if (bytes.includes(text)) found.add(`${text} in ${path.split('/').slice(-3).join('/')}`);
  }
  return [...found];
};
