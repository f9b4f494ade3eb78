import type { Queryable } from './pool.ts';

const columns = `
  select c.table_schema || '.' || c.table_name || '.' || c.column_name || ' ' || c.data_type || coalesce('[' || e.data_type || ']', '')
    || case c.is_nullable when 'NO' then ' not null' else '' end || coalesce(' default ' || c.column_default, '') as line
  from information_schema.columns c
  left join information_schema.element_types e
    on (e.object_catalog, e.object_schema, e.object_name, e.object_type, e.collection_type_identifier)
     = (c.table_catalog, c.table_schema, c.table_name, 'TABLE', c.dtd_identifier)
  where c.table_schema = any($1)`;

const keys = `
  select conrelid::regclass::text || ' ' || conname || ' ' || pg_get_constraintdef(oid) as line
  from pg_constraint where connamespace = any(select oid from pg_namespace where nspname = any($1)) and contype <> 'n'`;

const indexes = `select indexdef as line from pg_indexes where schemaname = any($1)`;

/**
 * Describes tables, columns, keys and indexes of schemas as sorted lines, the same text on every PostgreSQL from 15 on (not-null
 * constraints are named only since 18, so they are shown at the column alone).
 */
export const describeSchemas = async (db: Queryable, schemas: readonly string[]): Promise<string> => {
  const parts: string[] = [];
  for (const [title, sql] of Object.entries({ columns, keys, indexes })) {
    const { rows } = await db.query<{ line: string }>(sql, [schemas]);
    parts.push(`# ${title}`, ...rows.map(({ line }) => line).sort());
  }
  return `${parts.join('\n')}\n`;
};
