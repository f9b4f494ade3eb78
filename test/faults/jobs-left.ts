import { expect } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../../src/database/pool.ts';

/** How long nothing may be done of what is due. */
const STUCK_AFTER_MS = 120_000;

interface Left {
  readonly id: string;
  readonly task: string;
  readonly attempts: number;
  readonly error: string | null;
  readonly waitMs: number;
  /** By which worker it is held, or its queue, and for how long. */
  readonly held: string | null;
}

const jobsLeft = async (pool: Pool): Promise<Left[]> =>
  (await pool.query<Left>(
    `select job.id::text, task.identifier as task, job.attempts::int, job.last_error as error, greatest(0, extract(epoch from job.run_at - now()) * 1000)::float8 as "waitMs",
       coalesce(job.locked_by || ' for ' || (now() - job.locked_at), 'queue: ' || queue.locked_by || ' for ' || (now() - queue.locked_at)) as held
     from graphile_worker._private_jobs job join graphile_worker._private_tasks task on task.id = job.task_id left join graphile_worker._private_job_queues queue on queue.id = job.job_queue_id
     order by job.locked_at, job.id`)).rows;

/**
 * All faults are off: jobs that are left are done, those that failed meanwhile among them. After hours of kills they are thousands, so that
 * patience is counted while some are due and none is done. One that failed five times waits for minutes, but none longer than its tries
 * explain (graphile-worker: e to their power, in seconds).
 */
export const untilJobsAreDone = async (pool: Pool): Promise<void> => {
  let rows = await jobsLeft(pool);
  for (let stuckMs = 0; rows.length > 0 && stuckMs < STUCK_AFTER_MS;) {
    const before = new Set(rows.map(({ id }) => id));
    await sleep(500);
    rows = await jobsLeft(pool);
    const there = new Set(rows.map(({ id }) => id));
    if ([...before].some((id) => !there.has(id))) stuckMs = 0;
    else if (rows.some(({ waitMs }) => waitMs === 0)) stuckMs += 500;
    if (rows.some(({ attempts, waitMs }) => waitMs > Math.min(1200, Math.exp(attempts)) * 1000)) break;
  }
  // A few tell what the others are about.
  expect([rows.length, rows.slice(0, 20)]).toEqual([0, []]);
};
