import type { Queryable } from '../database/pool.ts';

/** How a job stands: given up after its last try, under way, tried before and to be tried again, for a time to come, or ready. */
export const jobStates = ['ready', 'running', 'later', 'retrying', 'failed'] as const;

export type JobState = (typeof jobStates)[number];

/** The state of a row `job` of graphile-worker's table of jobs, in SQL. */
export const stateOfJob =
  `case when job.locked_at is not null then 'running' when job.attempts >= job.max_attempts then 'failed' when job.attempts > 0 then 'retrying' when job.run_at > now() then 'later' else 'ready' end`;

/** Jobs of one task in one state. */
export interface JobCount {
  readonly task: string;
  readonly state: JobState;
  readonly jobs: number;
  /** Since the oldest of them was due for the first time; 0 for those that are not due yet. */
  readonly oldestSeconds: number;
}

/** Counts the jobs of some tasks by state; tasks without jobs are left out. */
export const countJobs = async (db: Queryable, tasks: readonly string[]): Promise<JobCount[]> => {
  const { rows } = await db.query<JobCount>(
    `select task, state, count(*)::int as jobs, (case when state = 'later' then 0 else greatest(0, max(extract(epoch from now() - due))) end)::float8 as "oldestSeconds" from (
       select task.identifier as task,
         ${stateOfJob} as state,
         -- A job that is tried again has a new time to run, and is as old as it is.
         case when job.attempts > 0 then job.created_at else job.run_at end as due
       from graphile_worker._private_jobs job join graphile_worker._private_tasks task on task.id = job.task_id where task.identifier = any($1::text[])) as one
     group by task, state`,
    [tasks],
  );
  return rows;
};
