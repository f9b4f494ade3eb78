import type { QueryConfig } from 'pg';

/** When the jobs that were taken were given, by their identifiers: no other try of a job begins in the same instant. */
export type Tries = Map<string, Date>;

/** A Date has fewer digits than the instant in the database. */
const isThatTry = `job.id = given.id and job.locked_at between given.locked_at - interval '5 ms' and given.locked_at + interval '5 ms'`;

const complete = `
  with given as (select * from unnest($1::bigint[], $2::timestamptz[]) as given (id, locked_at)),
    done as (delete from graphile_worker._private_jobs job using given where ${isThatTry} returning job.job_queue_id, job.locked_by)
  update graphile_worker._private_job_queues queue set locked_by = null, locked_at = null from done where queue.id = done.job_queue_id and queue.locked_by = done.locked_by`;

/** The wait of a failed job is graphile-worker's own: e to the power of its tries, in seconds. */
const fail = `
  with given as (select * from unnest($1::bigint[], $2::timestamptz[], $3::text[]) as given (id, locked_at, message)),
    failed as (
      update graphile_worker._private_jobs job set last_error = given.message, run_at = greatest(now(), job.run_at) + exp(least(job.attempts, 10)) * interval '1 second', locked_by = null, locked_at = null
      from given where ${isThatTry} returning job.job_queue_id)
  update graphile_worker._private_job_queues queue set locked_by = null, locked_at = null from failed where queue.id = failed.job_queue_id and queue.locked_by = $4`;

interface Failure {
  readonly jobId: string;
  readonly message: string;
}

const completed = (values: readonly unknown[]): string[] => [values[0]].flat().map(String);

/**
 * An outcome as graphile-worker would write it, which asks by the job alone or by who holds it, bound to the one try that it is about: when
 * it comes late, it says nothing about a later try, of another worker or the same, nor about a job that was added in its place meanwhile.
 */
export const fencedOutcome = (name: string, values: readonly unknown[], tries: Tries): QueryConfig => {
  if (name.startsWith('complete')) {
    const ids = completed(values);
    return { name: 'complete-tries', text: complete, values: [ids, ids.map((id) => tries.get(id))] };
  }
  const failures = JSON.parse(String(values[1])) as Failure[];
  return { name: 'fail-tries', text: fail, values: [failures.map(({ jobId }) => jobId), failures.map(({ jobId }) => tries.get(jobId)), failures.map(({ message }) => message), values[0]] };
};
