import pg, { type QueryConfig } from 'pg';
import type { Pool } from '../database/pool.ts';
import { isReplaced, removeReplaced } from './replaced-jobs.ts';
import { takeBackQueues } from './stuck-queues.ts';
import type { UnheardJobs } from './unheard-jobs.ts';

/** How long after one look for dead workers comes the next, and how long a job must have been held before its worker is suspected. */
const betweenMs = 1_000;
const suspectedAfter = '1 second';
/**
 * A worker is dead once its lock was free in so many looks one after the other, which are five seconds apart at least: one that lives has
 * noticed by then that its connection is gone (a look of its own, and its answer), and holds the lock again by another one, or by the one after
 * that where an attempt was swallowed.
 */
const freeLooks = 6;
/** Longer than a sound database takes to answer; a lock that is given up too soon is only taken again. */
const answeredWithinMs = 2_000;

/** At every so many looks, queues are looked at as well, which goes through whole tables. */
const looksBetween = 10;

/** A machine that is gone says so to nobody: in the place of two hours, its connections end after some ten seconds. Sockets of files know none of it. */
const soonSilent = `select set_config('tcp_keepalives_idle', '4', false), set_config('tcp_keepalives_interval', '2', false), set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '10000', false)`;

const lockOf = `hashtextextended('vitalgate worker ' || $1, 0)`;

/** Takes back the jobs of workers that died, some seven seconds later; graphile-worker itself would wait four hours. */
export interface DeadWorkers {
  /** Marks a worker (a worker pool of graphile-worker) of ours as alive; a connection that breaks is replaced. */
  readonly alive: (workerId: string) => void;
  /** Our workers so far have ended although we have not: what they still hold is taken back as from any dead one. */
  readonly allEnded: () => void;
  readonly stop: () => Promise<void>;
}

/** Whose jobs have been held for long, and the jobs that nobody holds and a newer one has replaced; one look at the table for both. */
const suspectsAndReplaced = async (pool: Pool, own: readonly string[]): Promise<{ suspects: string[]; replaced: string[] }> => {
  const { rows } = await pool.query<{ worker: string | null; replaced: string | null }>(
    `select distinct job.locked_by as worker, case when job.locked_by is null then job.id::text end as replaced from graphile_worker._private_jobs job
     where job.locked_at < now() - interval '${suspectedAfter}' and job.locked_by <> all($1) or job.locked_by is null and ${isReplaced}`,
    [own],
  );
  return { suspects: rows.flatMap(({ worker }) => worker ?? []), replaced: rows.flatMap(({ replaced }) => replaced ?? []) };
};

/** Looks once. Inside one statement: the lock is free only when no living process holds it, and is given back at once. */
const takeBack = async (pool: Pool, own: readonly string[], seenFree: Map<string, number>): Promise<void> => {
  const { suspects, replaced } = await suspectsAndReplaced(pool, own);
  await removeReplaced(pool, replaced);
  for (const workerId of seenFree.keys()) if (!suspects.includes(workerId)) seenFree.delete(workerId);
  for (const workerId of suspects) {
    const looks = (seenFree.get(workerId) ?? 0) + 1;
    const { rowCount } = await pool.query(`select ${looks < freeLooks ? '' : 'graphile_worker.force_unlock_workers(array[$1::text])'} where pg_try_advisory_xact_lock(${lockOf})`, [workerId]);
    seenFree.set(workerId, rowCount === 1 ? looks : 0);
  }
};

/** A statement with a deadline of its own, which the types of the driver leave out. */
const soon = (text: string, values: string[] = []) => ({ text, values, query_timeout: answeredWithinMs }) as QueryConfig;
const answers = (client: pg.Client): Promise<boolean> => client.query(soon('select 1')).then(() => true, () => false);

/** A connection like those of a pool, which hides its password from whoever copies its options. One that fails is closed. */
const connectAs = async (options: Pool['options']): Promise<pg.Client> => {
  const client = new pg.Client({ ...options, password: options.password, connectionTimeoutMillis: answeredWithinMs });
  // It ends with the connection, and is told by that.
  client.on('error', () => undefined);
  await client.connect().catch((error: unknown) => {
    client.end().catch(() => undefined);
    throw error;
  });
  return client;
};

/**
 * Advisory locks that say that workers are alive; they go with their connection, which is none of the pool's: where jobs use up all of
 * those, it is replaced at once none the less. `onLost` is told when it broke.
 */
const createLocks = ({ options }: Pool, onLost: () => void) => {
  const locked = new Set<string>();
  let holder: pg.Client | undefined;
  const letGo = (): void => {
    const client = holder;
    holder = undefined;
    locked.clear();
    client?.end().catch(() => undefined);
  };
  const connected = async (): Promise<pg.Client> => {
    const client = await connectAs(options);
    const lose = () => {
      if (holder !== client) return;
      letGo();
      onLost();
    };
    client.on('error', lose).on('end', lose);
    return client;
  };
  return {
    letGo,
    /** Throws what keeps it from holding them; they are let go then. */
    hold: async (workers: ReadonlySet<string>): Promise<void> => {
      if (holder && !(await answers(holder))) letGo();
      const before = holder;
      const client = (holder ??= await connected());
      try {
        for (const workerId of workers) {
          if (locked.has(workerId)) continue;
          await client.query(soon(`select pg_advisory_lock_shared(${lockOf})`, [workerId]));
          locked.add(workerId);
        }
        // After the lock, which others miss meanwhile; where it is refused, the lock is worth having all the same.
        if (client !== before) client.query(soon(soonSilent)).catch(() => undefined);
      } catch (error) {
        letGo();
        throw error;
      }
    },
  };
};

/** Does something again and again, with a pause between; answers how to end, which waits for what is under way. */
const repeat = (work: () => Promise<void>): (() => Promise<void>) => {
  let isOver = false;
  let next: NodeJS.Timeout | undefined;
  const once = async (): Promise<void> => {
    await work();
    if (isOver) return;
    next = setTimeout(() => {
      doing = once();
    }, betweenMs);
  };
  let doing = once();
  return async () => {
    isOver = true;
    clearTimeout(next);
    await doing;
  };
};

/**
 * A worker is alive while its process holds an advisory lock: the database frees it when the connection ends, however the process
 * ended. Jobs held by a worker whose lock stays free are handed back, and those that a newer one of
 * their key has replaced go. Errors are told and the next look tries again; a look that fails lets go of no lock that is held.
 */
export const watchDeadWorkers = (pool: Pool, unheard: UnheardJobs, onError: (error: unknown) => void): DeadWorkers => {
  const own = new Set<string>();
  const seenFree = new Map<string, number>();
  let isStopped = false;
  let holding = Promise.resolve();
  const hold = (): Promise<void> => (holding = holding.then(() => (isStopped ? undefined : locks.hold(own))).catch(onError));
  const locks = createLocks(pool, () => void hold());
  let looks = 0;
  const look = async (): Promise<void> => {
    try {
      await takeBack(pool, [...own], seenFree);
      await unheard.takeBack([...own]);
    } catch (error) {
      // Whoever could not look does not know what was held meanwhile.
      seenFree.clear();
      onError(error);
    }
    if ((looks += 1) % looksBetween === 0) await takeBackQueues(pool).catch(onError);
  };
  // Each by itself: a look that waits for a connection keeps nobody from seeing that the own one is gone.
  const endings = [repeat(hold), repeat(look)];
  return {
    alive: (workerId) => {
      own.add(workerId);
      void hold();
    },
    allEnded: () => {
      own.clear();
      unheard.forget();
      locks.letGo();
    },
    stop: async () => {
      isStopped = true;
      await Promise.all(endings.map((end) => end()));
      await holding;
      locks.letGo();
    },
  };
};
