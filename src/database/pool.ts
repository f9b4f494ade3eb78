import pg from 'pg';
import { isTracing } from '../tracing/tracing.ts';
import type { EmbeddedConnection } from './embedded-server.ts';
import { traceStatements } from './traced-pool.ts';

/** What runs a statement: the pool, or one connection inside a transaction. */
export type Queryable = Pick<pg.Pool, 'query'>;
export type Pool = pg.Pool;

/** An embedded server's connection, or the URL of any PostgreSQL 15 or newer. */
export type Connection = EmbeddedConnection | { readonly connectionString: string };

/**
 * Opens a pool whose statements end after 30 s and whose waits for a lock end after 10 s. A connection that breaks while idle is
 * told to `onIdleError` and replaced; it never ends the process.
 */
export const openPool = (connection: Connection, onIdleError: (error: Error) => void, size = 10, connectWithinMs = 5_000): Pool => {
  const pool = new pg.Pool({
    ...connection,
    max: size,
    connectionTimeoutMillis: connectWithinMs,
    statement_timeout: 30_000,
    lock_timeout: 10_000,
    idle_in_transaction_session_timeout: 60_000,
    application_name: 'vitalgate',
  });
  pool.on('error', onIdleError);
  pool.on('connect', (client) => client.on('error', onIdleError));
  return isTracing() ? traceStatements(pool) : pool;
};
