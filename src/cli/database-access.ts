import type { Config } from '../config.ts';
import { startEmbeddedServer } from '../database/embedded-server.ts';
import { openPool, type Connection, type Pool } from '../database/pool.ts';
import { migrateDeviceManager, migrateUserManager } from '../schemas.ts';
import { readServerFile } from '../server-file.ts';

/** A service with tables of its own. */
export type Owner = 'user-manager' | 'device-manager';

const withPool = async <Result>(connection: Connection, work: (pool: Pool) => Promise<Result>): Promise<Result> => {
  const pool = openPool(connection, () => undefined, 2);
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
};

const withInstallation = async <Result>(config: Config, say: (text: string) => void, work: (pool: Pool) => Promise<Result>): Promise<Result> => {
  // Whoever names a database means that one, or that role of it; an embedded one can be found by the file of its server alone.
  if (config.DATABASE_URL !== undefined) return withPool({ connectionString: config.DATABASE_URL }, work);
  const running = readServerFile(config.DATA_DIR);
  if (running !== undefined) return withPool(running.database, work);
  const server = await startEmbeddedServer({ dataDir: config.DATA_DIR });
  try {
    if (server.notice !== undefined) say(server.notice);
    return await withPool(server.connection, work);
  } finally {
    await server.stop();
  }
};

/**
 * Runs one command on the database of DATABASE_URL, else on the one of the server that runs on DATA_DIR, else on the embedded
 * one, started for as long as the command takes. The tables of the owners are brought up to date first; `ran` names the migrations.
 */
export const withDatabase = <Result>(
  { config, say, owners }: { readonly config: Config; readonly say: (text: string) => void; readonly owners: readonly Owner[] }, work: (pool: Pool, ran: readonly string[]) => Promise<Result>,
): Promise<Result> =>
  withInstallation(config, say, async (pool) => {
    const ran: string[] = [];
    if (owners.includes('user-manager')) ran.push(...(await migrateUserManager(pool)));
    if (owners.includes('device-manager')) ran.push(...(await migrateDeviceManager(pool)));
    return work(pool, ran);
  });
