import type { Config } from '../config.ts';
import { appliedIn } from '../database/migrator.ts';
import type { Queryable } from '../database/pool.ts';
import { schemasOf } from '../schemas.ts';
import { findingsOf, type Finding } from './finding.ts';

const { well, warning, wrong } = findingsOf('database');

const leastVersion = 150_000;
/** Connections of all pools of a service: those of its requests and those of its jobs. */
const connectionsOf = { 'user-manager': 14, 'device-manager': 22 } as const;

export type Owner = keyof typeof connectionsOf;

/** The services with tables of their own that the settings name. */
export const ownersIn = ({ SERVICES }: Pick<Config, 'SERVICES'>): Owner[] => SERVICES.filter((service): service is Owner => service !== 'bff');

const version = async (db: Queryable): Promise<Finding> => {
  const { rows: [row] } = await db.query<{ number: number; text: string }>(`select current_setting('server_version_num')::int as number, current_setting('server_version') as text`);
  const found = `PostgreSQL ${row?.text.split(' ')[0] ?? ''}`;
  return row !== undefined && row.number >= leastVersion ? well('version', found) : wrong('version', found, 'use PostgreSQL 15 or newer');
};

/** Settings of the server by which something acknowledged would be lost, or a text not be kept as it came. */
const settings = async (db: Queryable): Promise<Finding[]> => {
  const { rows: [row] } = await db.query<Record<'fsync' | 'pages' | 'commit' | 'encoding', string>>(
    `select current_setting('fsync') as fsync, current_setting('full_page_writes') as pages, current_setting('synchronous_commit') as commit, current_setting('server_encoding') as encoding`,
  );
  const unsafe = [
    ...(row?.fsync === 'off' ? ['fsync is off'] : []), ...(row?.commit === 'off' ? ['synchronous_commit is off'] : []), ...(row?.pages === 'off' ? ['full_page_writes is off'] : []),
  ];
  return [
    unsafe.length === 0 ? well('durability', 'commits reach the disk') : wrong('durability', unsafe.join(', '), 'switch it on: what was acknowledged can be lost otherwise'),
    ...(row?.encoding === 'UTF8' ? [] : [wrong('encoding', row?.encoding ?? 'unknown', "make the database with encoding 'UTF8'")]),
  ];
};

const connections = async (db: Queryable, owners: readonly Owner[]): Promise<Finding> => {
  const { rows: [row] } = await db.query<{ usable: number; used: number }>(
    `select least(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - coalesce(current_setting('reserved_connections', true)::int, 0),
         (select nullif(datconnlimit, -1) from pg_database where datname = current_database()), (select nullif(rolconnlimit, -1) from pg_roles where rolname = current_user)) as usable,
       (select count(*)::int from pg_stat_activity where backend_type = 'client backend') as used`,
  );
  const { usable, used } = row ?? { usable: 0, used: 0 };
  const needed = owners.reduce((sum, owner) => sum + connectionsOf[owner], 0);
  const found = `${String(usable)} may be open, ${String(used)} are; one process of these services opens up to ${String(needed)}`;
  const remedy = 'raise max_connections, or the limit of database or role';
  if (usable < needed) return wrong('connections', found, remedy);
  return used > 0.9 * usable ? warning('connections', found, remedy) : well('connections', found);
};

const mayCreateIn = async (db: Queryable, schema: string): Promise<boolean> => {
  const { rows: [row] } = await db.query<{ may: boolean | null }>(
    `select coalesce((select pg_has_role(nspowner, 'usage') from pg_namespace where nspname = $1), has_database_privilege(current_database(), 'create')) as may`, [schema],
  );
  return row?.may === true;
};

/** Compares one schema with the migrations that this program knows. */
const migrationsIn = async (db: Queryable, schema: string, names: readonly string[]): Promise<Finding> => {
  const looked = `tables of ${schema}`;
  const applied = (await appliedIn(db, schema)) ?? new Set<string>();
  const unknown = [...applied].filter((name) => !names.includes(name));
  if (unknown.length > 0) return wrong(looked, `newer than this program (${unknown.join(', ')})`, 'run the version of the program that made them, or a newer one');
  const pending = names.filter((name) => !applied.has(name)).length;
  if (pending === 0) return well(looked, `as this program expects (${String(names.length)} migrations)`);
  const found = applied.size === 0 ? 'not made yet' : `${String(pending)} migrations to run`;
  return (await mayCreateIn(db, schema)) ? warning(looked, found, 'the next start makes them, or `vitalgate migrate`') : wrong(looked, `${found}, which this role may not do`, 'run `vitalgate migrate` as the owner of the tables');
};

const schemaNames = (owners: readonly Owner[]): string[] => owners.flatMap((owner) => schemasOf(owner).map(({ schema }) => schema));

/** A table that the role may not use as its service does. */
export interface BarredTable {
  readonly schema: string;
  readonly name: string;
  /** Whether it cannot even be read. */
  readonly isUnreadable: boolean;
}

/** Tables that the role cannot read, or cannot write although they are no audit; and tables of jobs whose rows it would not see. Needs no right to any of them. */
export const barredTables = async (db: Queryable, owners: readonly Owner[]): Promise<BarredTable[]> => {
  const { rows } = await db.query<BarredTable>(
    `select * from (
       select n.nspname as schema, c.relname as name, not has_schema_privilege(n.oid, 'usage') or not has_table_privilege(c.oid, 'select') as "isUnreadable",
         (c.relname not in ('migration', 'migrations', 'audit_chaining') and not has_table_privilege(c.oid, 'insert'))
         or (c.relrowsecurity and not pg_has_role(c.relowner, 'usage') and not exists (select from pg_policy p where p.polrelid = c.oid and (p.polroles = '{0}' or exists (select from unnest(p.polroles) as r where pg_has_role(r, 'usage'))))
           and not (select rolsuper or rolbypassrls from pg_roles where rolname = current_user)) as "isUnusable"
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p') and n.nspname = any($1::text[])) as one
     where "isUnreadable" or "isUnusable" order by schema, name`,
    [[...schemaNames(owners), 'graphile_worker']],
  );
  return rows;
};

const role = async (db: Queryable, barred: readonly BarredTable[], isEmbedded: boolean): Promise<Finding> => {
  const remedy = 'as the owner of the tables run what `vitalgate migrate --print-roles` prints';
  const [first] = barred;
  if (first) return wrong('role', `may not use ${String(barred.length)} tables, such as ${first.schema}.${first.name}`, remedy);
  const { rows: [row] } = await db.query<{ rolsuper: boolean }>('select rolsuper from pg_roles where rolname = current_user');
  return row?.rolsuper === true && !isEmbedded ? warning('role', 'is a superuser', `give each service a role of its own: ${remedy}`) : well('role', 'may use all tables');
};

/** What is looked at in a database. */
export interface DatabaseQuestion {
  readonly owners: readonly Owner[];
  readonly isEmbedded: boolean;
  /** Of `barredTables`. */
  readonly barred: readonly BarredTable[];
}

/** Looks at a database that answers: version, what would lose data, connections, tables as far as the role may read of them, and role. Changes nothing. */
export const examineDatabase = async (db: Queryable, { owners, isEmbedded, barred }: DatabaseQuestion): Promise<Finding[]> => {
  const found: Finding[] = [await version(db), ...(await settings(db)), await connections(db, owners)];
  for (const { schema, migrations } of owners.flatMap(schemasOf)) {
    const isBarred = barred.some((table) => table.schema === schema && table.name === 'migration' && table.isUnreadable);
    if (!isBarred) found.push(await migrationsIn(db, schema, migrations.map(({ name }) => name)));
  }
  found.push(await role(db, barred, isEmbedded));
  return found;
};
