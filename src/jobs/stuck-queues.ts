import type { Pool } from '../database/pool.ts';

/**
 * Frees queues that have been held for none of their jobs for ten seconds, and removes jobs whose queue is gone, which nobody could take.
 * graphile-worker holds and frees a job and its queue in one statement, but a job can go in other ways, with whom it is about; and so does a
 * queue, with whom it is named after.
 */
export const takeBackQueues = async (pool: Pool): Promise<void> => {
  await pool.query(
    `update graphile_worker._private_job_queues queue set locked_at = null, locked_by = null where queue.locked_at < now() - interval '10 seconds'
       and not exists (select from graphile_worker._private_jobs job where job.job_queue_id = queue.id and job.locked_at is not null)`,
  );
  await pool.query(
    `delete from graphile_worker._private_jobs where id in (
       select job.id from graphile_worker._private_jobs job where job.locked_at is null and job.job_queue_id is not null
         and not exists (select from graphile_worker._private_job_queues queue where queue.id = job.job_queue_id) for update of job skip locked)`,
  );
};
