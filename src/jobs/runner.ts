import { EventEmitter } from 'node:events';
import { Logger as GraphileLogger, run, runMigrations, type Runner, type TaskList, type WorkerEvents } from 'graphile-worker';
import type { Pool, Queryable } from '../database/pool.ts';
import { traced, type SpanWish } from '../tracing/tracing.ts';
import { watchDeadWorkers } from './dead-workers.ts';
import { reasonOf } from './failure-reason.ts';
import { JOB_ADDED, listenFor } from './listening.ts';
import { KEYED } from './replaced-jobs.ts';
import { watchUnheardJobs } from './unheard-jobs.ts';
import { connectionsOfWorkers } from './worker-connections.ts';
import { watchShutdown } from './worker-shutdown.ts';

/** A background job: `payload` carries identifiers only; jobs of one `queue` run one after the other. */
export interface Job {
  readonly task: string;
  readonly payload: Readonly<Record<string, string>>;
  readonly queue?: string;
  /** Jobs with the same key that have not started are one job; one that runs, or was given up, gives way to the newer. */
  readonly key?: string;
  /** Not before; now when left out. */
  readonly runAt?: Date;
  /** A job with the same key that waits keeps its time, whatever `runAt` says. */
  readonly keepsTime?: boolean;
}

/** What runs a job; a task that throws is tried again with growing delay, and stays visible when tries are used up. */
export type Tasks = Readonly<Record<string, (payload: unknown) => Promise<void>>>;

export interface JobLog {
  readonly info: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
}

const maxAttempts = 25;

const jobMigrations = async (pool: Pool): Promise<string[]> => {
  const { rows } = await pool.query<{ there: boolean }>(`select to_regclass('graphile_worker.migrations') is not null as there`);
  if (rows[0]?.there !== true) return [];
  return (await pool.query<{ id: number }>('select id from graphile_worker.migrations order by id')).rows.map(({ id }) => `graphile_worker/${id}`);
};

/** Prepares the job tables and answers the migrations that were new; safe to call from many processes at once. */
export const prepareJobs = async (pool: Pool): Promise<string[]> => {
  const before = new Set(await jobMigrations(pool));
  await runMigrations({ pgPool: pool });
  return (await jobMigrations(pool)).filter((name) => !before.has(name));
};

/** Each needs a worker that takes the job of the same key just then. */
const MOST_SWALLOWED = 10;

/** Adds a job in the caller's transaction: it exists when that commits, and not otherwise. */
export const addJob = async (db: Queryable, { task, payload, queue, key, runAt, keepsTime = false }: Job): Promise<void> => {
  const statement = {
    name: 'add-job',
    text: `select job.id is not null as "isAdded", pg_notify('${JOB_ADDED}', $1) from graphile_worker.add_job($1, $2::json, queue_name => $3, job_key => $4, max_attempts => $5, run_at => $6, job_key_mode => $7, flags => $8) job`,
    values: [task, JSON.stringify(payload), queue ?? null, key ?? null, maxAttempts, runAt ?? null, keepsTime ? 'preserve_run_at' : 'replace', key === undefined ? null : [KEYED]],
  };
  // While a worker takes the job of the same key, graphile-worker neither replaces that one nor adds another (graphile/worker#580); a moment later it sees that it is taken.
  for (let tries = 0; tries < MOST_SWALLOWED; tries += 1) if ((await db.query<{ isAdded: boolean }>(statement)).rows[0]?.isAdded === true) return;
  throw new Error('A job was not added: the one of the same key was being taken each time.');
};

/** Messages of the worker quote errors; only their level is passed on, failures are told by the task's own wrapper. */
const quiet = new GraphileLogger(() => () => undefined);

const told = (service: string, tasks: Tasks, log: JobLog): TaskList =>
  Object.fromEntries(
    Object.entries(tasks).map(([name, task]) => [
      name,
      async (payload: unknown, { job }: { job: { id: string; attempts: number } }) => {
        const span: SpanWish = { name: `job ${name}`, kind: 'consumer', service, attributes: { 'vitalgate.job.task': name, 'vitalgate.job.attempt': job.attempts } };
        const failure: unknown = await traced(span, () => task(payload)).then(() => undefined, (error: unknown) => error ?? new Error('unknown'));
        if (failure === undefined) return;
        log.error({ task: name, job: job.id, attempt: job.attempts, error: reasonOf(failure) }, 'job failed');
        // The message is kept with the job, in clear: it must not quote what the job worked on.
        throw new Error(reasonOf(failure));
      },
    ]),
  );

/** Outcomes are written in batches that are retried and waited for at the end; singly, a failed write would be nobody's rejection. */
const preset = { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } };

/** When the outcome of a job has usually been written, and when it has on a busy machine. */
const lookAgainMs = [20, 80, 300];

/** Wakes a worker when a job of its tasks could be had; looking locks nothing, so that it is in nobody's way. */
const wakeForReadyJob = `
  select pg_notify('${JOB_ADDED}', ready.identifier) from (
    select task.identifier from graphile_worker._private_jobs job join graphile_worker._private_tasks task on task.id = job.task_id and task.identifier = any($1::text[]) left join graphile_worker._private_job_queues queue on queue.id = job.job_queue_id
    where job.is_available and job.run_at <= now() and queue.is_available is not false limit 1) ready`;

/**
 * Looks for jobs that a worker missed, instead of waiting for the poll: a queue is free only once the outcome of its last job has been
 * written, and two workers that look at the same time hide all queues from each other. Another call starts the looks anew.
 */
const createLookAgain = (pool: Pool, tasks: readonly string[], isStopping: () => boolean, log: JobLog): (() => void) => {
  let next: NodeJS.Timeout | undefined;
  const look = ([delay, ...later]: readonly number[]): void => {
    clearTimeout(next);
    if (delay === undefined) return;
    next = setTimeout(() => {
      if (isStopping()) return;
      pool.query(wakeForReadyJob, [tasks]).catch((error: unknown) => log.error({ error: reasonOf(error) }, 'the next job waits for the poll'));
      look(later);
    }, delay).unref();
  };
  return () => look(lookAgainMs);
};

/** How long to wait before a worker that gave up is started again. */
const restartMs = 5_000;

interface RunnerOptions {
  /** Whose jobs they are, for traces. */
  readonly service: string;
  readonly pool: Pool;
  readonly tasks: Tasks;
  readonly log: JobLog;
  readonly concurrency?: number;
  /** How late a job that was for later may start. */
  readonly pollMs?: number;
}

/**
 * Runs the tasks until stopped; `stop` waits for jobs under way and may be called twice. A worker that loses the database for good is
 * told in the log and started again. The pool should be the jobs' own, so that requests cannot starve them.
 */
export const startRunner = async ({ service, pool, tasks, log, concurrency = 2, pollMs = 2_000 }: RunnerOptions): Promise<{ stop: () => Promise<void> }> => {
  const events = new EventEmitter() as WorkerEvents;
  const watch = watchDeadWorkers(pool, watchUnheardJobs(pool, events), (error) => log.error({ error: reasonOf(error) }, 'looking for dead workers failed'));
  // graphile-worker marks jobs with the identifier of the pool, not of the worker.
  events.on('pool:create', ({ workerPool }) => watch.alive(workerPool.id));
  // It has been stopped already where it does not let itself be stopped.
  const shutdown = watchShutdown(events, () => void launching.then((runner) => runner.stop()).catch(() => undefined));
  listenFor(events, Object.keys(tasks));
  const lookAgain = createLookAgain(pool, Object.keys(tasks), () => stopped !== undefined, log);
  events.on('job:complete', lookAgain);
  events.on('worker:getJob:empty', lookAgain);
  const options = { pgPool: connectionsOfWorkers(pool, () => stopped !== undefined), concurrency, noHandleSignals: true, pollInterval: pollMs, logger: quiet, taskList: told(service, tasks, log), events, preset };
  let stopped: Promise<void> | undefined;
  let restart: NodeJS.Timeout | undefined;
  const launch = async (): Promise<Runner> => {
    const launched = await run(options);
    // It also ends, without an error, when the outcome of a job is refused; of several, its promise may wait for ever.
    Promise.race([launched.promise, shutdown.isOver().then(() => launched.stop())]).then(() => again(new Error('ended')), again);
    return launched;
  };
  const again = (error: unknown): void => {
    if (stopped) return;
    log.error({ error: reasonOf(error) }, 'the job worker gave up and is started again');
    watch.allEnded();
    restart = setTimeout(() => {
      launching = launch();
      launching.catch(again);
    }, restartMs).unref();
  };
  let launching = launch();
  await launching;
  const stop = async (): Promise<void> => {
    clearTimeout(restart);
    // One that is just being started again is stopped as well. A pool that shuts down by itself is not waited for by the runner's own `stop`.
    await launching.then((runner) => Promise.race([runner.stop().catch(() => undefined).then(() => runner.promise), shutdown.isOver()])).catch((error: unknown) => log.error({ error: reasonOf(error) }, 'the job worker did not stop cleanly'));
    await watch.stop();
  };
  return { stop: () => (stopped ??= stop()) };
};
