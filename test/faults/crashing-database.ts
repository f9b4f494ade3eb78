import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedServer, type EmbeddedServer } from '../../src/database/embedded-server.ts';
import { openPool, type Pool } from '../../src/database/pool.ts';

/** `immediate`: as `pg_ctl stop -m immediate` does it; `kill`: SIGKILL of the server's first process, whose others notice. Nothing is written any more. */
export type Crash = 'immediate' | 'kill';

/** A PostgreSQL that can be crashed: on an embedded server of the test's own, with `fsync` on. */
export interface CrashingDatabase {
  readonly url: string;
  readonly pool: Pool;
  /** Crashes it, and starts it on what lies on the disk. */
  readonly crash: (how?: Crash) => Promise<void>;
  readonly stop: () => Promise<void>;
}

const signals: Readonly<Record<Crash, NodeJS.Signals>> = { immediate: 'SIGQUIT', kill: 'SIGKILL' };

/** Starts one. */
export const startCrashingDatabase = async (): Promise<CrashingDatabase> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-'));
  // Started as root, PostgreSQL runs as another user, which shall reach its files in here.
  chmodSync(dataDir, 0o711);
  let server: EmbeddedServer = await startEmbeddedServer({ dataDir });
  const { host, user, password, database } = server.connection;
  const postmaster = (): number => {
    const file = readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('postmaster.pid'));
    return Number(readFileSync(join(dataDir, file ?? ''), 'utf8').split('\n')[0]);
  };
  const pool = openPool(server.connection, () => undefined, 4, 60_000);
  return {
    url: `postgres://${user}:${password}@/${database}?host=${encodeURIComponent(host)}`,
    pool,
    crash: async (how = 'immediate') => {
      const gone = new Promise<void>((resolve) => server.onExit(() => resolve()));
      process.kill(postmaster(), signals[how]);
      await gone;
      await server.stop();
      server = await startEmbeddedServer({ dataDir });
    },
    stop: async () => {
      await pool.end();
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
};
