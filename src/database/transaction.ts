import type { PoolClient } from 'pg';
import type { Pool } from './pool.ts';

/**
 * Runs `work` in one transaction: committed when it resolves, rolled back when it throws. A connection whose rollback fails is
 * thrown away. When the commit itself throws, its outcome is unknown: callers answer with an error and rely on idempotence.
 */
export const inTransaction = <Result>(pool: Pool, work: (client: PoolClient) => Promise<Result>): Promise<Result> => transact(pool, 'begin', work);

/** Begins reads that all see one state of the database. */
export const beginSnapshot = 'begin isolation level repeatable read read only';

/** Runs reads that must all see one state of the database, whatever commits meanwhile. */
export const inSnapshot = <Result>(pool: Pool, work: (client: PoolClient) => Promise<Result>): Promise<Result> => transact(pool, beginSnapshot, work);

/**
 * Runs work that streams, in a transaction that begins as `begin` says. A connection in the middle of a COPY cannot roll back: when the
 * work throws, the connection is closed, and the server rolls back.
 */
export const inStreamingTransaction = <Result>(pool: Pool, begin: string, work: (client: PoolClient) => Promise<Result>): Promise<Result> =>
  transact(pool, begin, work, () => Promise.reject(new Error('A connection that streams is closed.')));

const rollback = (client: PoolClient): Promise<unknown> => client.query('rollback');

/** A statement that was not answered is still under way for the driver: a rollback would wait behind it. */
const isUnanswered = (error: unknown): boolean => error instanceof Error && error.message === 'Query read timeout';

const transact = async <Result>(pool: Pool, begin: string, work: (client: PoolClient) => Promise<Result>, undo = rollback): Promise<Result> => {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    if (isUnanswered(error)) broken = true;
    else
      await undo(client).catch(() => {
        broken = true;
      });
    throw error;
  } finally {
    client.release(broken);
  }
};

/** SQLSTATE classes and codes that mean trouble with the server, not with the statement (PostgreSQL, appendix A). */
const unavailableStates = /^(08|53|57P|57014|55P03|40001|40P01|25P03|58)/;
/** Of the system: the server or the way to it is away, or this process has no file descriptor left for a connection. */
const unavailableCodes = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EACCES', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL', 'EMFILE', 'ENFILE',
]);
const unavailableTexts = /timeout exceeded when trying to connect|^Query read timeout$|Connection terminated|Client has encountered a connection error|Cannot use a pool after calling end/;

/** Tells whether an error means that the database cannot serve now, so that the same request can succeed later. */
export const isUnavailable = (error: unknown): boolean => {
  if (typeof error !== 'object' || error === null) return false;
  const { code, message, cause } = error as { code?: unknown; message?: unknown; cause?: unknown };
  if (typeof code === 'string' && (unavailableCodes.has(code) || unavailableStates.test(code))) return true;
  return (typeof message === 'string' && unavailableTexts.test(message)) || isUnavailable(cause);
};
