import type { Queryable } from '../database/pool.ts';
import { ownSchemas } from '../schemas.ts';
import { BackupFault } from './manifest.ts';

/** What a migration leaves behind in tables that nobody has used. */
const filledByMigrations = new Set(['migration', 'audit_chaining']);

const MOST_NAMED = 5;

const tablesIn = async (db: Queryable): Promise<string[]> => {
  const { rows } = await db.query<{ name: string; schema: string; table: string }>(
    `select n.nspname || '.' || c.relname as name, n.nspname as schema, c.relname as table from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and (n.nspname = any($1) or (n.nspname = 'graphile_worker' and c.relname = '_private_jobs')) order by 1`,
    [ownSchemas.map(({ name }) => name)],
  );
  return rows.filter(({ table }) => !filledByMigrations.has(table)).map(({ name }) => name);
};

/** Throws BackupFault when a table of ours has rows: a restore adds to nothing and replaces nothing. */
export const demandEmpty = async (db: Queryable): Promise<void> => {
  const filled: string[] = [];
  for (const table of await tablesIn(db)) {
    const { rows: [found] } = await db.query<{ any: boolean }>(`select exists (select from ${table}) as any`);
    if (found?.any === true) filled.push(table);
  }
  if (filled.length === 0) return;
  const named = `${filled.slice(0, MOST_NAMED).join(', ')}${filled.length > MOST_NAMED ? ` and ${String(filled.length - MOST_NAMED)} more` : ''}`;
  throw new BackupFault(`The database is not empty (${named}): restore into a new one, a new DATA_DIR or a new database for DATABASE_URL, or move DATA_DIR/postgres away (docs/operations.md, Restore).`);
};
