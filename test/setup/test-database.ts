import { randomBytes } from 'node:crypto';
import { openPool, type Connection, type Pool } from '../../src/database/pool.ts';

/** A database of one suite's own. */
export interface TestDatabase {
  readonly connection: Connection;
  readonly url: string;
  readonly pool: Pool;
  readonly drop: () => Promise<void>;
}

const urlOf = (connection: Connection, database: string): string => {
  if ('connectionString' in connection) {
    const url = new URL(connection.connectionString);
    url.pathname = `/${database}`;
    return url.href;
  }
  const { user, password, host } = connection;
  return `postgres://${user}:${password}@/${database}?host=${encodeURIComponent(host)}`;
};

/** A connection to a database of the server. */
export const connectionTo = (server: Connection, database: string): Connection => ({ connectionString: urlOf(server, database) });

const CONNECT_WITHIN_MS = 60_000;

const complain = (error: Error) => {
  process.stderr.write(`test database: ${error.message}\n`);
};

/** Creates a database, empty or with all tables; `drop` closes its pool and removes it, whoever is still connected. */
export const createTestDatabase = async (content: 'empty' | 'migrated' = 'empty'): Promise<TestDatabase> => {
  const server = JSON.parse(process.env['TEST_DATABASE'] ?? '{}') as Connection;
  const name = `test_${randomBytes(8).toString('hex')}`;
  // The program gives up on a database sooner than a busy machine may answer.
  const administration = openPool(server, complain, 1, CONNECT_WITHIN_MS);
  await administration.query(`create database ${name}${content === 'migrated' ? ` template ${process.env['MIGRATED_DATABASE'] ?? ''}` : ''}`);
  const url = urlOf(server, name);
  const connection = { connectionString: url };
  const pool = openPool(connection, () => undefined, undefined, CONNECT_WITHIN_MS);
  return {
    connection,
    url,
    pool,
    drop: async () => {
      await pool.end();
      await administration.query(`drop database if exists ${name} with (force)`);
      await administration.end();
    },
  };
};
