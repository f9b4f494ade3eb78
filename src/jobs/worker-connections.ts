import pg, { type PoolClient, type QueryConfig, type QueryResult } from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../database/pool.ts';
import { fencedOutcome, type Tries } from './fenced-outcomes.ts';

/** Statements of graphile-worker, by the beginnings of their names. */
const TAKING = /^get_job/;
const OUTCOME = /^(?:complete|fail)_jobs?(?:_q)?\//;
/** Takes from whoever holds a job for four hours, also where it is still worked on; the look for dead workers knows better. */
const FOUR_HOURS = /^clear_stale_locks/;

/** For how long an outcome is written again: longer than a restart of the database takes. */
const REPEATED_FOR_MS = 120_000;
const pauseMs = (tries: number): number => Math.min(5_000, 100 * 2 ** tries);

/** graphile-worker sleeps up to three minutes after these (`withRetries`), and nothing wakes it; without them it asks at the next poll. */
const SLEPT_ON = ['57P03', 'EHOSTUNREACH', 'ETIMEDOUT'];

/** SQLSTATE classes that pass by themselves (PostgreSQL, appendix A): connections, read-only, conflicts, resources, locks, the operator, the system. */
const PASSING = ['08', '25', '40', '53', '55', '57', '58'];

const codeOf = (error: unknown): string => (error as { code?: string } | undefined)?.code ?? '';

/** What the database did not say itself is the network's. */
const passes = (error: unknown): boolean => !(error instanceof pg.DatabaseError) || PASSING.includes(codeOf(error).slice(0, 2));

const awake = (error: unknown): unknown => (SLEPT_ON.includes(codeOf(error)) ? new Error((error as Error).message, { cause: error }) : error);

type Statement = string | QueryConfig;

/** What graphile-worker asks of a connection. */
interface Lent {
  readonly query: (statement: Statement, values?: unknown[]) => Promise<QueryResult>;
  readonly release: () => void;
}

/** A connection that is made for its first statement, so that whoever made it knows what for; one that did not answer in time is closed. */
const createConnection = (pool: Pool) => {
  let client: PoolClient | undefined;
  const release = (isBroken: boolean): void => {
    client?.release(isBroken);
    client = undefined;
  };
  return {
    release,
    ask: async (statement: Statement, values?: unknown[]): Promise<QueryResult> => {
      try {
        client ??= await pool.connect();
        return await client.query(statement as QueryConfig, values);
      } catch (error) {
        // The next statement of whoever gets it would wait behind one that was not answered.
        if (codeOf(error) === '') release(true);
        throw awake(error);
      }
    },
  };
};

/** Knows what it is asked for by the names that graphile-worker gives its statements. */
const lend = (pool: Pool, tries: Tries, isStopping: () => boolean): Lent => {
  const { ask, release } = createConnection(pool);
  const take = async (statement: Statement): Promise<QueryResult> => {
    const taken = await ask(statement);
    for (const { id, locked_at: lockedAt } of taken.rows as { id: string; locked_at: Date }[]) tries.set(id, lockedAt);
    return taken;
  };
  const write = async (outcome: QueryConfig): Promise<QueryResult> => {
    const until = performance.now() + REPEATED_FOR_MS;
    for (let count = 0; ; count += 1) {
      try {
        return await ask(outcome);
      } catch (error) {
        release(true);
        if (performance.now() > until || isStopping() || !passes(error)) throw error;
        await sleep(pauseMs(count));
      }
    }
  };
  const writeOutcome = async (name: string, values: readonly unknown[]): Promise<QueryResult> => {
    const outcome = fencedOutcome(name, values, tries);
    try {
      return await write(outcome);
    } finally {
      for (const id of outcome.values?.[0] as string[]) tries.delete(id);
    }
  };
  return {
    query: async (statement, values) => {
      const { name = '', values: given = [] } = typeof statement === 'string' ? {} : statement;
      if (FOUR_HOURS.test(name)) return { command: 'UPDATE', rowCount: 0, oid: 0, fields: [], rows: [] };
      if (OUTCOME.test(name)) return writeOutcome(name, given);
      return TAKING.test(name) ? take(statement) : ask(statement, values);
    },
    release: () => release(false),
  };
};

/**
 * The pool as graphile-worker shall see it. The outcome of a job is written until the database hears it: graphile-worker would stop all its
 * workers after the first failure (graphile/worker#636) and wait for the longest job before it starts others. Its other statements fail at
 * once. The connection that listens is lent as it is.
 */
export const connectionsOfWorkers = (pool: Pool, isStopping: () => boolean): Pool => {
  const tries: Tries = new Map();
  return new Proxy(pool, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property, target);
      if (property === 'connect') return (listening?: Parameters<Pool['connect']>[0]) => (listening ? target.connect(listening) : Promise.resolve(lend(target, tries, isStopping)));
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
};
