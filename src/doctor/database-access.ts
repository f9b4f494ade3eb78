import type { Config } from '../config.ts';
import { startEmbeddedServer } from '../database/embedded-server.ts';
import { openPool, type Connection, type Pool } from '../database/pool.ts';
import { serverAccount } from '../database/server-account.ts';
import { knownStatePath } from '../database/state-directory.ts';
import { startFailureOf } from '../start-failure.ts';
import type { ServerFile } from '../server-file.ts';
import { findingsOf, type Finding } from './finding.ts';

const { well, wrong } = findingsOf('database');

const PATIENCE_MS = 5_000;

interface Reached {
  readonly connection: Connection;
  readonly stop: () => Promise<void>;
}

const untouched = (connection: Connection): Reached => ({ connection, stop: () => Promise.resolve() });

/** The database of DATABASE_URL, of the running server, or the embedded one, which is started for the look; undefined where there is none yet. */
const reach = async ({ DATABASE_URL: url, DATA_DIR: dataDir }: Config, running: ServerFile | undefined): Promise<Reached | undefined> => {
  if (url !== undefined) return untouched({ connectionString: url });
  if (running !== undefined) return untouched(running.database);
  if (knownStatePath(dataDir, serverAccount()) === undefined) return undefined;
  return startEmbeddedServer({ dataDir });
};

const codes: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'start PostgreSQL, or correct host and port in DATABASE_URL', ENOENT: 'start PostgreSQL, or correct the folder of its socket in DATABASE_URL',
  ENOTFOUND: 'correct the host in DATABASE_URL', EAI_AGAIN: 'correct the host in DATABASE_URL, or mend the name service', '28P01': 'correct user and password in DATABASE_URL',
  '28000': 'allow the user of DATABASE_URL in pg_hba.conf', '3D000': 'create the database of DATABASE_URL', '53300': 'raise max_connections, or stop what holds the connections',
  '57P03': 'wait until PostgreSQL has started', EACCES: 'run this as the account that the program runs as',
};

const failure = (error: unknown): Finding => {
  const { code, name } = error as { code?: unknown; name?: unknown };
  const remedy = typeof code === 'string' ? codes[code] : undefined;
  if (name === 'DataInUseError') return wrong('connection', 'another server process holds DATA_DIR and has not finished starting', 'wait for it, or stop it');
  // Messages of the driver may quote user and host.
  const found = typeof code === 'string' ? `does not answer (${code})` : name === 'Error' ? startFailureOf(error) : 'does not answer';
  return wrong('connection', found.replaceAll(/postgres(ql)?:\/\/\S+/g, 'DATABASE_URL'), remedy ?? 'see the log of PostgreSQL');
};

/** Runs `look` on the database without changing it; where it cannot be reached, one finding says why. */
export const withExaminedDatabase = async (config: Config, running: ServerFile | undefined, look: (pool: Pool) => Promise<Finding[]>): Promise<Finding[]> => {
  let reached: Reached | undefined;
  let pool: Pool | undefined;
  try {
    reached = await reach(config, running);
    if (reached === undefined) return [well('connection', 'no data yet: the embedded PostgreSQL is made at the first start')];
    pool = openPool(reached.connection, () => undefined, 2, PATIENCE_MS);
    await pool.query('select 1');
    return [well('connection', config.DATABASE_URL === undefined ? 'the embedded PostgreSQL answers' : 'PostgreSQL answers'), ...(await look(pool))];
  } catch (error) {
    return [failure(error)];
  } finally {
    await pool?.end();
    await reached?.stop();
  }
};
