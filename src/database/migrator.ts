import { withoutDeadline, type Pool, type Queryable } from './pool.ts';

/** One step of a schema; `name` orders nothing, the position in the list does. Never change one that was released. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** The migrations that a schema has seen; undefined where it is not there. */
export const appliedIn = async (db: Queryable, schema: string): Promise<ReadonlySet<string> | undefined> => {
  const { rows: [table] } = await db.query<{ there: boolean }>('select to_regclass($1) is not null as there', [`${schema}.migration`]);
  if (table?.there !== true) return undefined;
  const { rows } = await db.query<{ name: string }>(`select name from ${schema}.migration`);
  return new Set(rows.map(({ name }) => name));
};

/** Which migrations a schema has not seen. Throws when it has seen one that the list does not have (an older program). */
const missingIn = async (db: Queryable, schema: string, migrations: readonly Migration[]): Promise<Migration[]> => {
  const applied = await appliedIn(db, schema);
  if (applied === undefined) return [...migrations];
  const unknown = [...applied].filter((name) => !migrations.some((migration) => migration.name === name));
  if (unknown.length > 0) throw new Error(`The schema ${schema} is newer than this program (${unknown.join(', ')}).`);
  return migrations.filter((migration) => !applied.has(migration.name));
};

const createSchema = async (db: Queryable, schema: string): Promise<void> => {
  await db.query(`create schema if not exists ${schema}`);
  await db.query(`create table if not exists ${schema}.migration (name text primary key, applied_at timestamptz not null default now())`);
};

/** Waits until nobody migrates, and keeps others from it until the transaction of the caller ends. */
export const holdMigrations = async (db: Queryable): Promise<void> => {
  await db.query(`select pg_advisory_xact_lock(hashtext('vitalgate migrations'))`);
};

/**
 * Runs the migrations of a schema that it has not seen in a transaction of the caller's, who holds the lock; as far as `isWanted` says,
 * else all. Answers their names as `schema/name`. Throws as `migrate` does.
 */
export const migrateWithin = async (db: Queryable, schema: string, migrations: readonly Migration[], isWanted: (name: string) => boolean = () => true): Promise<string[]> => {
  await createSchema(db, schema);
  const missing = (await missingIn(db, schema, migrations)).filter(({ name }) => isWanted(name));
  for (const { name, sql } of missing) await db.query(`${sql}; insert into ${schema}.migration (name) values ('${name}')`);
  return missing.map(({ name }) => `${schema}/${name}`);
};

/**
 * Brings a PostgreSQL schema to the end of its list of migrations, each in a transaction of its own, under an advisory lock: many
 * processes may start at once. Answers the names of those it ran, as `schema/name`. A schema that is up to date is only read, so that a
 * role which owns nothing can start a service. Throws when the database knows a migration that the list does not (an older program).
 */
export const migrate = async (pool: Pool, schema: string, migrations: readonly Migration[]): Promise<string[]> => {
  if ((await missingIn(pool, schema, migrations)).length === 0) return [];
  const client = await pool.connect();
  try {
    await client.query('set lock_timeout = 0');
    await withoutDeadline(client);
    await client.query(`select pg_advisory_lock(hashtext('vitalgate migrations'))`);
    await createSchema(client, schema);
    const missing = await missingIn(client, schema, migrations);
    for (const { name, sql } of missing) {
      await client.query(`begin; ${sql}; insert into ${schema}.migration (name) values ('${name}'); commit`);
    }
    return missing.map(({ name }) => `${schema}/${name}`);
  } finally {
    client.release(true); // the advisory lock and the settings end with the connection
  }
};
