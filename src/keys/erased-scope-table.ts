import type { Queryable } from '../database/pool.ts';

/** Whether the scope of a pseudonym was erased. */
export const isBuried = async (db: Queryable, pseudonym: Buffer): Promise<boolean> =>
  (await db.query('select from device_manager_keys.erased_scope where pseudonym = $1', [pseudonym])).rowCount === 1;

/** Notes that the scope of a pseudonym was erased; again keeps the first instant. */
export const buryScope = async (db: Queryable, pseudonym: Buffer, erasedAt: Date): Promise<void> => {
  await db.query('insert into device_manager_keys.erased_scope (pseudonym, erased_at) values ($1, $2) on conflict do nothing', [pseudonym, erasedAt]);
};

/** Which of some pseudonyms are of scopes that were not erased. */
export const unburiedAmong = async (db: Queryable, pseudonyms: readonly Buffer[]): Promise<Buffer[]> => {
  const { rows } = await db.query<{ pseudonym: Buffer }>(
    `select pseudonym from unnest($1::bytea[]) as asked(pseudonym)
     where not exists (select from device_manager_keys.erased_scope e where e.pseudonym = asked.pseudonym)`,
    [pseudonyms],
  );
  return rows.map(({ pseudonym }) => pseudonym);
};

/** Which of some pseudonyms are of scopes that were erased, in hexadecimal digits, and when. */
export const buriedAmong = async (db: Queryable, pseudonyms: readonly Buffer[]): Promise<ReadonlyMap<string, Date>> => {
  const { rows } = await db.query<{ pseudonym: Buffer; erased_at: Date }>('select pseudonym, erased_at from device_manager_keys.erased_scope where pseudonym = any($1::bytea[])', [pseudonyms]);
  return new Map(rows.map(({ pseudonym, erased_at: erasedAt }) => [pseudonym.toString('hex'), erasedAt]));
};

/** Whether any scope was erased. */
export const isAnyBuried = async (db: Queryable): Promise<boolean> =>
  (await db.query<{ any: boolean }>('select exists (select from device_manager_keys.erased_scope) as any')).rows[0]?.any === true;
