import type { Queryable } from '../database/pool.ts';
import { isReplaced, KEYED } from '../jobs/replaced-jobs.ts';
import type { Table } from './tables.ts';

/** Jobs as graphile-worker is told of them, whatever its own tables look like: they can be added to another release of it. */
export const jobsPart: Table = {
  schema: 'graphile_worker',
  table: 'job',
  columns: ['identifier', 'payload', 'queue_name', 'priority', 'run_at', 'attempts', 'max_attempts', 'last_error', 'key', 'created_at'],
};

/**
 * All jobs: those that wait, those that failed for good and stay visible, and those under way, whose try does not count as it is cut off
 * by the restore. Not those that a newer one has replaced.
 */
export const jobsQuery = `
  select task.identifier, job.payload, queue.queue_name, job.priority, job.run_at, case when job.locked_at is null then job.attempts else greatest(job.attempts - 1, 0) end,
    job.max_attempts, job.last_error, job.key, job.created_at
  from graphile_worker._private_jobs job join graphile_worker._private_tasks task on task.id = job.task_id left join graphile_worker._private_job_queues queue on queue.id = job.job_queue_id
  where not ${isReplaced} order by job.id`;

/** Whether a database has tables of jobs at all. */
export const hasJobs = async (db: Queryable): Promise<boolean> =>
  (await db.query<{ there: boolean }>(`select to_regclass('graphile_worker._private_jobs') is not null as there`)).rows[0]?.there === true;

/** Where jobs lie between the archive and graphile-worker, until the transaction ends. */
export const restoredJobs = 'pg_temp.restored_job';

export const createRestoredJobs = async (db: Queryable): Promise<void> => {
  await db.query(
    `create temporary table restored_job (place bigint generated always as identity, identifier text, payload json, queue_name text, priority integer, run_at timestamptz,
       attempts integer, max_attempts integer, last_error text, key text, created_at timestamptz) on commit drop`,
  );
};

/** Adds the jobs again, in their order and with the tries that they had. */
export const addRestoredJobs = async (db: Queryable): Promise<void> => {
  await db.query(
    `create temporary table added_job on commit drop as
     select job.id, restored.attempts, restored.last_error, restored.created_at from (select * from ${restoredJobs} order by place) restored
     cross join lateral graphile_worker.add_job(restored.identifier, restored.payload, queue_name => restored.queue_name, run_at => restored.run_at,
       max_attempts => restored.max_attempts, job_key => restored.key, priority => restored.priority,
       flags => case when restored.key is not null then array['${KEYED}'] end) job`,
  );
  await db.query(
    `update graphile_worker._private_jobs job set attempts = added.attempts, last_error = added.last_error, created_at = added.created_at
     from pg_temp.added_job added where added.id = job.id`,
  );
};
