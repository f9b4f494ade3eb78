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
