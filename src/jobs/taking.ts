import type { Queryable } from '../database/pool.ts';

/**
 * Takes jobs that were never tried and that nobody works on, by their keys, in the caller's transaction: when that commits they are gone,
 * and what they were for is the caller's to have done. Answers the keys of those that were taken.
 */
export const takeUntried = async (db: Queryable, keys: readonly string[]): Promise<string[]> => {
  const { rows } = await db.query<{ key: string }>({
    name: 'take-untried-jobs',
    text: 'delete from graphile_worker._private_jobs where key = any($1::text[]) and attempts = 0 and locked_at is null returning key',
    values: [keys],
  });
  return rows.map(({ key }) => key);
};

/** Whether a job of that key waits, runs or failed. */
export const hasJob = async (db: Queryable, key: string): Promise<boolean> =>
  (await db.query('select from graphile_worker._private_jobs where key = $1', [key])).rowCount === 1;
