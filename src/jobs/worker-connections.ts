import type { PoolClient, QueryConfig, QueryResult } from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../database/pool.ts';

/** Statements of graphile-worker, by the beginnings of their names. */
const OUTCOME = /^(?:complete|fail)_job/;
/** Takes from whoever holds a job for four hours, also where it is still worked on; the look for dead workers knows better. */
const FOUR_HOURS = /^clear_stale_locks/;

/** Pauses before an outcome is written again: for some two minutes, which is longer than a restart of the database. */
const pauseMs = (tries: number): number => Math.min(5_000, 100 * 2 ** tries);
const MOST_TRIES = 30;

/** graphile-worker sleeps up to three minutes after these (`withRetries`), and nothing wakes it; without them it asks at the next poll. */
const SLEPT_ON = ['57P03', 'EHOSTUNREACH', 'ETIMEDOUT'];

/** SQLSTATE classes that pass by themselves (PostgreSQL, appendix A): connections, read-only, conflicts, resources, locks, the operator, the system. */
const PASSING = ['08', '25', '40', '53', '55', '57', '58'];

const codeOf = (error: unknown): string => (error as { code?: string } | undefined)?.code ?? '';

/** A failure of the network has no SQLSTATE. */
const passes = (error: unknown): boolean => {
  const code = codeOf(error);
  return !/^[0-9A-Z]{5}$/.test(code) || PASSING.includes(code.slice(0, 2));
};

const awake = (error: unknown): unknown => (SLEPT_ON.includes(codeOf(error)) ? new Error((error as Error).message, { cause: error }) : error);

type Statement = string | (QueryConfig & { readonly name?: string });

/** A connection that is only made for the first statement, so that whoever made it knows what for; one that failed is closed. */
const lend = (pool: Pool, isStopping: () => boolean): Pick<PoolClient, 'release'> & { query: (statement: Statement, values?: unknown[]) => Promise<QueryResult> } => {
  let client: PoolClient | undefined;
  const giveBack = (isBroken: boolean): void => {
    client?.release(isBroken);
    client = undefined;
  };
  const ask = async (statement: Statement, values?: unknown[]): Promise<QueryResult> => {
    try {
      client ??= await pool.connect();
      return await client.query(statement as QueryConfig, values);
    } catch (error) {
      // The next statement of whoever gets it would wait behind one that was not answered in time.
      if (codeOf(error) === '') giveBack(true);
      throw awake(error);
    }
  };
  const write = async (statement: Statement, values?: unknown[]): Promise<QueryResult> => {
    for (let tries = 0; ; tries += 1) {
      try {
        return await ask(statement, values);
      } catch (error) {
        giveBack(true);
        if (tries === MOST_TRIES || isStopping() || !passes(error)) throw error;
        await sleep(pauseMs(tries));
      }
    }
  };
  return {
    query: async (statement, values) => {
      const name = typeof statement === 'string' ? '' : statement.name ?? '';
      if (FOUR_HOURS.test(name)) return { command: 'UPDATE', rowCount: 0, oid: 0, fields: [], rows: [] };
      return (OUTCOME.test(name) ? write : ask)(statement, values);
    },
    release: () => giveBack(false),
  };
};

/**
 * The pool as graphile-worker shall see it. The outcome of a job is written until the database hears it: graphile-worker would stop all its
 * workers after the first failure (graphile/worker#636) and wait for the longest job before it starts others. Its other statements fail at
 * once. The connection that listens is lent as it is.
 */
export const connectionsOfWorkers = (pool: Pool, isStopping: () => boolean): Pool =>
  new Proxy(pool, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property, target);
      if (property === 'connect') return (listening?: Parameters<Pool['connect']>[0]) => (listening ? target.connect(listening) : Promise.resolve(lend(target, isStopping)));
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
