import type { Pool } from '../database/pool.ts';

/** Borne by every job that has a key, so that it is known later that it had one. */
export const KEYED = 'keyed';

/**
 * Whether a row `job` has been replaced, in SQL: a job of its key was added while it ran, or after it had been given up. graphile-worker
 * takes the key from it then, and all tries that it had left, so that it would count as given up once its worker dies or it throws.
 */
export const isReplaced = `(job.key is null and coalesce(job.flags ? '${KEYED}', false))`;

/** Removes replaced jobs that nobody runs: what they were for is the newer one's, so that there is nothing to see or to try again. */
export const removeReplaced = async (pool: Pool, ids: readonly string[]): Promise<void> => {
  if (ids.length > 0) await pool.query(`delete from graphile_worker._private_jobs job where job.id = any($1::bigint[]) and job.locked_at is null and ${isReplaced}`, [ids]);
};
