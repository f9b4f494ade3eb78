import type { Config } from '../config.ts';
import { startEmbeddedServer } from '../database/embedded-server.ts';
import { openPool, type Connection, type Pool } from '../database/pool.ts';
import { migrateDeviceManager, migrateUserManager } from '../schemas.ts';
import { readServerFile } from '../server-file.ts';

const withPool = async <Result>(connection: Connection, work: (pool: Pool) => Promise<Result>): Promise<Result> => {
  const pool = openPool(connection, () => undefined, 2);
  try {
    await migrateUserManager(pool);
    await migrateDeviceManager(pool);
    return await work(pool);
  } finally {
    await pool.end();
  }
};

/**
 * Runs one command on the database of the server that runs on DATA_DIR, else on the one of DATABASE_URL, else on the embedded
 * one, started for as long as the command takes. Tables are brought up to date first.
 */
export const withDatabase = async <Result>(config: Config, say: (text: string) => void, work: (pool: Pool) => Promise<Result>): Promise<Result> => {
  const running = readServerFile(config.DATA_DIR);
  if (running !== undefined) return withPool(running.database, work);
  if (config.DATABASE_URL !== undefined) return withPool({ connectionString: config.DATABASE_URL }, work);
  const server = await startEmbeddedServer({ dataDir: config.DATA_DIR });
  try {
    if (server.notice !== undefined) say(server.notice);
    return await withPool(server.connection, work);
  } finally {
    await server.stop();
  }
};
