import type { Queryable } from '../database/pool.ts';
import { ownSchemas } from '../schemas.ts';

/** A table with the columns that are written, in the order of the table. */
export interface Table {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly string[];
}

/**
 * What lets somebody in without a password, and stays out of backups: a session that was ended, a token that was renewed and a link that
 * was used since would work again. Everybody signs in anew after a restore.
 */
const neverKept = new Set(['user_manager.session', 'user_manager.refresh_token', 'user_manager.password_reset']);

export const nameOf = ({ schema, table }: Pick<Table, 'schema' | 'table'>): string => `${schema}.${table}`;

interface FoundTable extends Table {
  readonly refers: readonly string[];
}

/** A row may only come after the one it refers to. */
const inOrderOfReference = (tables: readonly FoundTable[]): FoundTable[] => {
  const [ordered, left] = [[] as FoundTable[], new Map(tables.map((table) => [nameOf(table), table]))];
  while (left.size > 0) {
    const ready = [...left].filter(([name, { refers }]) => refers.every((other) => other === name || !left.has(other)));
    if (ready.length === 0) throw new Error(`Tables refer to each other in a circle: ${[...left.keys()].join(', ')}.`);
    for (const [name, table] of ready) {
      ordered.push(table);
      left.delete(name);
    }
  }
  return ordered;
};

/** The tables of ours that a database has and a backup keeps, each after those that it refers to. */
export const keptTables = async (db: Queryable): Promise<Table[]> => {
  const { rows } = await db.query<FoundTable>(
    `select n.nspname::text as schema, c.relname::text as table,
       array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum) as columns,
       array(select rn.nspname || '.' || r.relname from pg_constraint k join pg_class r on r.oid = k.confrelid join pg_namespace rn on rn.oid = r.relnamespace
         where k.conrelid = c.oid and k.contype = 'f') as refers
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = any($1) and c.relkind = 'r' order by 1, 2`,
    [ownSchemas.map(({ name }) => name)],
  );
  return inOrderOfReference(rows.filter((table) => !neverKept.has(nameOf(table)))).map(({ schema, table, columns }) => ({ schema, table, columns }));
};

/** Columns for SQL; names may be words of SQL, such as `position`. */
export const columnList = (columns: readonly string[]): string => columns.map((column) => `"${column}"`).join(', ');
