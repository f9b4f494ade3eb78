import type { PoolClient } from 'pg';
import type { Pool } from '../database/pool.ts';

/** How often dead workers are looked for, and how long a job must have been held before its worker is suspected. */
const everyMs = 2_000;
const suspectedAfter = '2 seconds';

const lockOf = `hashtextextended('vitalgate worker ' || $1, 0)`;

/** Takes back the jobs of workers that died; graphile-worker itself would wait four hours. */
export interface DeadWorkers {
  /** Marks a worker (a worker pool of graphile-worker) of ours as alive, for as long as our connection lives. */
  readonly alive: (workerId: string) => void;
  /** Our workers so far have ended although we have not: what they still hold is taken back as from any dead one. */
  readonly allEnded: () => void;
  readonly stop: () => Promise<void>;
}

/** Inside one statement: the lock is free only when no living process holds it, and is given back at once. */
const takeBack = async (pool: Pool, own: readonly string[]): Promise<void> => {
  const { rows } = await pool.query<{ locked_by: string }>(
    `select distinct locked_by from graphile_worker.jobs where locked_by is not null and locked_at < now() - interval '${suspectedAfter}' and locked_by <> all($1)`,
    [own],
  );
  for (const { locked_by: workerId } of rows) {
    await pool.query(`select graphile_worker.force_unlock_workers(array[$1::text]) where pg_try_advisory_xact_lock(${lockOf})`, [workerId]);
  }
};

/** Advisory locks that say that workers are alive; they go with their connection. */
const createLocks = (pool: Pool) => {
  const locked = new Set<string>();
  let holder: PoolClient | undefined;
  return {
    hold: async (workers: ReadonlySet<string>): Promise<void> => {
      if (!holder) locked.clear();
      holder ??= await pool.connect();
      for (const workerId of workers) {
        if (locked.has(workerId)) continue;
        await holder.query(`select pg_advisory_lock_shared(${lockOf})`, [workerId]);
        locked.add(workerId);
      }
    },
    letGo: (): void => {
      holder?.release(true);
      holder = undefined;
    },
  };
};

/**
 * A worker is alive while its process holds an advisory lock: the database frees it when the connection ends, however the process
 * ended. Jobs held by a worker whose lock is free are handed back. Errors are told and the next round tries again.
 */
export const watchDeadWorkers = (pool: Pool, onError: (error: unknown) => void): DeadWorkers => {
  const own = new Set<string>();
  const locks = createLocks(pool);
  let round = Promise.resolve();
  const look = () => {
    round = round
      .then(() => locks.hold(own))
      .then(() => takeBack(pool, [...own]))
      .catch((error: unknown) => {
        locks.letGo();
        onError(error);
      });
  };
  const timer = setInterval(look, everyMs);
  look();
  return {
    alive: (workerId) => {
      own.add(workerId);
      look();
    },
    allEnded: () => {
      own.clear();
      locks.letGo();
    },
    stop: async () => {
      clearInterval(timer);
      await round;
      locks.letGo();
    },
  };
};
