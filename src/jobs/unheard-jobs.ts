import type { Worker, WorkerEvents } from 'graphile-worker';
import type { Pool } from '../database/pool.ts';

/** Takes back jobs that the database gave to workers of ours who never heard of them, because its answer was lost: nobody would run them. */
export interface UnheardJobs {
  /** Looks once, at the jobs that are held by these workers (worker pools of graphile-worker). */
  readonly takeBack: (workerIds: readonly string[]) => Promise<void>;
  /** The workers have ended, and with them what they asked for. */
  readonly forget: () => void;
}

interface Held {
  readonly id: string;
  readonly locked_at: Date | null;
}

/** With the instant in all its digits, of which a Date has fewer. */
const heldBy = `select id::text, locked_at, locked_at::text as exactly from graphile_worker._private_jobs where locked_by = any($1::text[])`;

/** Like `force_unlock_workers`, but for some jobs alone; a queue is held for the one job of it that runs. */
const unlock = `
  with unheard as (
    update graphile_worker._private_jobs job set locked_at = null, locked_by = null from unnest($2::bigint[], $3::timestamptz[]) as given (id, locked_at)
    where job.id = given.id and job.locked_at = given.locked_at and job.locked_by = any($1::text[]) returning job.job_queue_id)
  update graphile_worker._private_job_queues queue set locked_at = null, locked_by = null from unheard where queue.id = unheard.job_queue_id and queue.locked_by = any($1::text[])`;

/** Nothing else changes the instant at which a job was given while it is held: whoever adds one with its key changes how often it was tried. */
const tryOf = ({ id, locked_at: lockedAt }: Held): string => `${id}/${String(lockedAt?.getTime())}`;

/**
 * A try is unheard when no worker has begun it, and every worker that was asking for a job when it was first seen has had an answer since,
 * however late: then none can still hear of it. The events are those of the workers.
 */
export const watchUnheardJobs = (pool: Pool, events: WorkerEvents): UnheardJobs => {
  const begun = new Set<string>();
  /** What each worker asks for now; a new object for each time. */
  const asking = new Map<Worker, object>();
  const seen = new Map<string, readonly object[]>();
  events.on('worker:getJob:start', ({ worker }) => asking.set(worker, {}));
  events.on('worker:getJob:empty', ({ worker }) => asking.delete(worker));
  events.on('worker:getJob:error', ({ worker }) => asking.delete(worker));
  events.on('job:start', ({ worker, job }) => {
    begun.add(tryOf(job));
    asking.delete(worker);
  });
  const takeBack = async (workerIds: readonly string[]): Promise<void> => {
    const begunBefore = [...begun];
    const { rows } = await pool.query<Held & { exactly: string }>(heldBy, [workerIds]);
    const held = new Map(rows.map((row) => [tryOf(row), row]));
    // What had begun before the look and is held no more is over: its outcome has been written.
    for (const one of begunBefore) if (!held.has(one)) begun.delete(one);
    for (const one of seen.keys()) if (!held.has(one) || begun.has(one)) seen.delete(one);
    const asked = new Set(asking.values());
    const unheard = rows.filter((row) => !begun.has(tryOf(row)) && seen.get(tryOf(row))?.some((wish) => asked.has(wish)) === false);
    for (const row of rows) if (!begun.has(tryOf(row)) && !seen.has(tryOf(row))) seen.set(tryOf(row), [...asked]);
    if (unheard.length > 0) await pool.query(unlock, [workerIds, unheard.map(({ id }) => id), unheard.map(({ exactly }) => exactly)]);
  };
  return {
    takeBack,
    forget: () => {
      for (const all of [begun, asking, seen]) all.clear();
    },
  };
};
