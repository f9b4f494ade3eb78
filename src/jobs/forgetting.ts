import { setTimeout as sleep } from 'node:timers/promises';
import type { Queryable } from '../database/pool.ts';

const LOOK_MS = 200;

const naming = `task_id in (select id from graphile_worker._private_tasks where identifier = any($2::text[])) and exists (select from json_each_text(payload) as member where member.value = $1)`;

/** A job about somebody is still running; what wants to forget it tries again later. */
export class JobStillRunsError extends Error {
  constructor() {
    super('A job about what is to be forgotten is still running.');
    this.name = 'JobStillRunsError';
  }
}

/** The jobs of one service, by their tasks, whose payload names an identifier. */
export interface JobsAbout {
  readonly tasks: readonly string[];
  readonly id: string;
}

const runs = async (db: Queryable, { tasks, id }: JobsAbout): Promise<boolean> =>
  (await db.query(`select from graphile_worker._private_jobs where locked_at is not null and ${naming} limit 1`, [id, tasks])).rowCount === 1;

const until = async (isOver: () => Promise<boolean>, withinMs: number): Promise<void> => {
  const end = performance.now() + withinMs;
  while (!(await isOver())) {
    if (performance.now() > end) throw new JobStillRunsError();
    await sleep(LOOK_MS);
  }
};

/** Waits until none of the jobs runs. Throws JobStillRunsError when one does for longer than that. */
export const untilNoneRuns = (db: Queryable, jobs: JobsAbout, withinMs: number): Promise<void> => until(async () => !(await runs(db, jobs)), withinMs);

const forgetWaiting = async (db: Queryable, { tasks, id }: JobsAbout): Promise<number> =>
  (await db.query(`delete from graphile_worker._private_jobs where locked_at is null and ${naming}`, [id, tasks])).rowCount ?? 0;

/** A queue is named after its kind, a colon, and an identifier, which may have colons of its own. Goes after the last job: the queue of one that runs stays. */
const forgetQueues = async (db: Queryable, { id }: JobsAbout): Promise<void> => {
  await db.query(
    `delete from graphile_worker._private_job_queues q where substr(queue_name, position(':' in queue_name) + 1) = $1 and position(':' in queue_name) > 0
       and not exists (select from graphile_worker._private_jobs j where j.job_queue_id = q.id)`, [id],
  );
};

/**
 * Forgets jobs that wait, and the queues that are named after the identifier, in the caller's transaction: when that is rolled back, they
 * are all there. Answers how many jobs. Throws JobStillRunsError when one runs, which the caller then rolls back.
 */
export const forgetJobs = async (db: Queryable, jobs: JobsAbout): Promise<number> => {
  const forgotten = await forgetWaiting(db, jobs);
  if (await runs(db, jobs)) throw new JobStillRunsError();
  await forgetQueues(db, jobs);
  return forgotten;
};

/** Forgets jobs for good, those that wait at once, waits for one that runs, and forgets the queues. Throws JobStillRunsError when that takes longer. */
export const forgetJobsInTime = async (db: Queryable, jobs: JobsAbout, withinMs: number): Promise<number> => {
  let forgotten = 0;
  await until(async () => {
    forgotten += await forgetWaiting(db, jobs);
    return !(await runs(db, jobs));
  }, withinMs);
  await forgetQueues(db, jobs);
  return forgotten;
};
