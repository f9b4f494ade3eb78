import pg from 'pg';
import { isTracing } from '../tracing/tracing.ts';
import type { EmbeddedConnection } from './embedded-server.ts';
import { traceStatements } from './traced-pool.ts';

/** What runs a statement: the pool, or one connection inside a transaction. */
export type Queryable = Pick<pg.Pool, 'query'>;
export type Pool = pg.Pool;

/** An embedded server's connection, or the URL of any PostgreSQL 15 or newer. */
export type Connection = EmbeddedConnection | { readonly connectionString: string };

/** Longer than the database takes to end a statement by itself, so that it speaks first where it can. */
const ANSWERED_WITHIN_MS = 32_000;

/**
 * Opens a pool whose statements end after 30 s and whose waits for a lock end after 10 s; one that the network swallowed is given up
 * soon after. A connection that breaks while idle is told to `onIdleError` and replaced; it never ends the process.
 */
export const openPool = (connection: Connection, onIdleError: (error: Error) => void, size = 10, connectWithinMs = 5_000, answeredWithinMs = ANSWERED_WITHIN_MS): Pool => {
  const pool = new pg.Pool({
    ...connection,
    max: size,
    connectionTimeoutMillis: connectWithinMs,
    statement_timeout: 30_000,
    query_timeout: answeredWithinMs,
    lock_timeout: 10_000,
    idle_in_transaction_session_timeout: 60_000,
    // A server that is gone says so to nobody, and what has no deadline would wait for it for ever.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'vitalgate',
  });
  pool.on('error', onIdleError);
  pool.on('connect', (client) => client.on('error', onIdleError));
  return isTracing() ? traceStatements(pool) : pool;
};

/**
 * Lets statements take as long as they take, for copies and indexes: in the database for the session, or for the transaction with `local`;
 * in the driver, which has a deadline of its own, for the life of the connection.
 */
export const withoutDeadline = async (client: pg.PoolClient, local: 'local' | '' = ''): Promise<void> => {
  Object.assign((client as unknown as { readonly connectionParameters: object }).connectionParameters, { query_timeout: 0 });
  await client.query(`set ${local} statement_timeout = 0`);
};
