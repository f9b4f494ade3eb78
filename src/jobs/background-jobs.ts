import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { stateOfJob, type JobState } from './job-counts.ts';

/** One job that has not been done, as operators see it; instants in UTC. */
export interface BackgroundJob {
  readonly _id: string;
  readonly task: string;
  readonly state: JobState;
  /** What the last try ended with: a class of errors and its codes. */
  readonly reason?: string;
  readonly attempts: number;
  readonly maxAttempts: number;
  /** Identifiers of what it is about. */
  readonly about: Readonly<Record<string, string>>;
  readonly createdAt: string;
  readonly changedAt: string;
  /** Absent for one that runs now or was given up. */
  readonly nextTryAt?: string;
}

/** Which jobs; all that is given must hold. */
export interface JobFilter {
  readonly state?: JobState | undefined;
  readonly task?: string | undefined;
  readonly reason?: string | undefined;
}

/** Who acts, in which request; of the request under way when left out. */
export interface JobAct {
  readonly actor: string;
  readonly requestId?: string;
}

/** What became of a wish about one job. */
export type JobOutcome = 'done' | 'not-found' | 'cannot-go-on';

/** The jobs of one service for its operators: what failed or waits is seen, tried again, or thrown away; each act is audited. */
export interface BackgroundJobs {
  /** Jobs by filter, oldest first; those that were given up when no state is named. */
  readonly list: (filter: JobFilter & { readonly limit: number; readonly skip: number }) => Promise<BackgroundJob[]>;
  /** Has one tried again now, with all its tries before it; not one under way. */
  readonly retry: (id: string, act: JobAct) => Promise<JobOutcome>;
  /** Has all that were given up and that the filter means tried again, at most 10000; answers how many. */
  readonly retryAll: (filter: Omit<JobFilter, 'state'>, act: JobAct) => Promise<number>;
  /** Throws one away for good; not one under way, nor one that erases. */
  readonly discard: (id: string, act: JobAct) => Promise<JobOutcome>;
}

export interface BackgroundJobsOptions {
  /** The tasks of the service; jobs of others are not there. */
  readonly tasks: readonly string[];
  /** Tasks whose jobs are owed to somebody, and are not thrown away. */
  readonly owed: readonly string[];
  readonly record: (db: Queryable, entry: JobAct & { readonly event: 'job-retried' | 'job-discarded'; readonly patientId?: string | undefined; readonly resource: string }) => Promise<void>;
  /** What else a job leaves that is thrown away, in the same transaction. */
  readonly discarded?: (db: Queryable, job: DiscardedJob) => Promise<void>;
}

/** A job that will not be done. */
export interface DiscardedJob {
  readonly task: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

const MOST_AT_ONCE = 10_000;

interface JobRow {
  readonly id: string;
  readonly task: string;
  readonly state: JobState;
  readonly reason: string | null;
  readonly attempts: number;
  readonly max_attempts: number;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly run_at: Date;
}

/** Members of payloads that are identifiers; whatever else a payload carries is not shown. */
const identifiers = ['patientId', 'userId', 'payloadId', 'device', 'exportId', 'erasureId', 'renormalizationId', 'jobId'];

const aboutOf = (payload: JobRow['payload']): Record<string, string> =>
  Object.fromEntries(identifiers.flatMap((name) => (typeof payload[name] === 'string' ? [[name, payload[name]]] : [])));

/** What others than our own runner wrote as the reason may quote anything. */
const reasonIn = (text: string): string => (/^[A-Za-z0-9_ -]{1,100}$/.test(text) ? text : 'unknown');

const toJob = (row: JobRow): BackgroundJob => ({
  _id: row.id, task: row.task, state: row.state, ...(row.reason !== null && { reason: reasonIn(row.reason) }), attempts: row.attempts, maxAttempts: row.max_attempts, about: aboutOf(row.payload),
  createdAt: row.created_at.toISOString(), changedAt: row.updated_at.toISOString(), ...(row.state !== 'failed' && row.state !== 'running' && { nextTryAt: row.run_at.toISOString() }),
});

const jobs = `
  select job.id::text, task.identifier as task, ${stateOfJob} as state, job.last_error as reason, job.attempts::int, job.max_attempts::int, job.payload, job.created_at, job.updated_at, job.run_at
  from graphile_worker._private_jobs job join graphile_worker._private_tasks task on task.id = job.task_id
  where task.identifier = any($1::text[])`;

const findJobs = async (db: Queryable, tasks: readonly string[], { state = 'failed', task, reason, limit, skip }: Parameters<BackgroundJobs['list']>[0], lock = ''): Promise<JobRow[]> => {
  const { rows } = await db.query<JobRow>(
    `${jobs} and ${stateOfJob} = $2 and ($3::text is null or task.identifier = $3) and ($4::text is null or job.last_error = $4) order by job.created_at, job.id limit $5 offset $6 ${lock}`,
    [tasks, state, task ?? null, reason ?? null, limit, skip],
  );
  return rows;
};

/** Held until the transaction ends: no worker takes it meanwhile. */
const heldJob = async (db: Queryable, tasks: readonly string[], id: string): Promise<JobRow | undefined> =>
  /^\d{1,18}$/.test(id) ? (await db.query<JobRow>(`${jobs} and job.id = $2::bigint for update of job`, [tasks, id])).rows[0] : undefined;

const startAgain = async (db: Queryable, ids: readonly string[]): Promise<void> => {
  await db.query('select from graphile_worker.reschedule_jobs($1::bigint[], run_at => now(), attempts => 0)', [ids]);
};

const patientOf = ({ patientId, userId }: JobRow['payload']): string | undefined => [patientId, userId].find((id) => typeof id === 'string');

/** The background jobs of one service. */
export const createBackgroundJobs = (pool: Pool, { tasks, owed, record, discarded }: BackgroundJobsOptions): BackgroundJobs => {
  const actOn = (id: string, act: JobAct, event: 'job-retried' | 'job-discarded', may: (job: JobRow) => boolean, change: (db: Queryable, job: JobRow) => Promise<unknown>): Promise<JobOutcome> =>
    inTransaction(pool, async (client): Promise<JobOutcome> => {
      const job = await heldJob(client, tasks, id);
      if (job === undefined) return 'not-found';
      if (job.state === 'running' || !may(job)) return 'cannot-go-on';
      await change(client, job);
      await record(client, { ...act, event, patientId: patientOf(job.payload), resource: `job/${job.task}/${job.id}` });
      return 'done';
    });
  return {
    list: async (filter) => (await findJobs(pool, tasks, filter)).map(toJob),
    retry: (id, act) => actOn(id, act, 'job-retried', () => true, (client) => startAgain(client, [id])),
    retryAll: (filter, act) =>
      inTransaction(pool, async (client) => {
        const found = await findJobs(client, tasks, { ...filter, limit: MOST_AT_ONCE, skip: 0 }, 'for update of job skip locked');
        await startAgain(client, found.map(({ id }) => id));
        await record(client, { ...act, event: 'job-retried', resource: filter.task === undefined ? 'jobs' : `jobs/${filter.task}` });
        return found.length;
      }),
    discard: (id, act) =>
      actOn(id, act, 'job-discarded', ({ task }) => !owed.includes(task), async (client, job) => {
        await client.query('select from graphile_worker.complete_jobs($1::bigint[])', [[id]]);
        await discarded?.(client, job);
      }),
  };
};
