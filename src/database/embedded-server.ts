import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openCluster, serverRole } from './cluster.ts';
import { nativeBinaries } from './native-binaries.ts';
import { stopOrphans } from './orphans.ts';
import { serverAccount } from './server-account.ts';
import { takeServerLock } from './server-lock.ts';
import { runServer, shutDown } from './server-process.ts';
import { clusterFolder, knownStatePath, stateDirectory } from './state-directory.ts';

/** How to reach the embedded server; `host` is the folder of its Unix socket. */
export interface EmbeddedConnection {
  readonly host: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface EmbeddedServer {
  readonly connection: EmbeddedConnection;
  /** Said to the operator when data lies elsewhere than in DATA_DIR. */
  readonly notice?: string;
  /** Called when PostgreSQL ends although nobody asked it to. */
  readonly onExit: (listener: (reason: string) => void) => void;
  readonly stop: () => Promise<void>;
}

/** Where the data is, and who is told each minute that a start takes long, as after a crash; nobody when left out. */
interface EmbeddedServerOptions {
  readonly dataDir: string;
  readonly tell?: (text: string) => void;
}

/**
 * Starts the PostgreSQL of the packages on the data of a DATA_DIR; `fsync` and checksums are on. A server left by a killed
 * program is stopped first. Throws DataInUseError when a living program uses the data, and a plain Error with the log's path
 * when PostgreSQL does not start.
 */
export const startEmbeddedServer = async ({ dataDir, tell }: EmbeddedServerOptions): Promise<EmbeddedServer> => {
  const account = serverAccount();
  const state = stateDirectory(dataDir, account);
  const lock = await takeServerLock(state.path, dataDir);
  try {
    const native = nativeBinaries(account);
    const cluster = openCluster(native, state.path, account);
    await stopOrphans(cluster.path, state.run);
    const running = await runServer({ native, cluster: cluster.path, run: state.run, state: state.path, account, tell });
    let stopping = false;
    return {
      connection: { host: state.run, user: serverRole, password: cluster.password, database: 'postgres' },
      ...(state.notice !== undefined && { notice: state.notice }),
      onExit: (listener) => {
        running.postgres.on('exit', (code, signal) => {
          if (!stopping) listener(`PostgreSQL ended by itself (${signal ?? String(code)}).`);
        });
      },
      stop: async () => {
        if (stopping) return;
        stopping = true;
        await shutDown(running);
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
};

/**
 * Removes the data of a DATA_DIR's PostgreSQL for good, one that a killed program left running included. Throws DataInUseError while
 * a living program uses it.
 */
export const forgetEmbeddedServer = async (dataDir: string): Promise<void> => {
  const state = knownStatePath(dataDir, serverAccount());
  if (state === undefined) return;
  const lock = await takeServerLock(state, dataDir);
  try {
    await stopOrphans(join(state, clusterFolder), join(state, 'run'));
    rmSync(state, { recursive: true, force: true });
  } finally {
    await lock.release();
  }
};
