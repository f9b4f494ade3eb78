import { spawn, type ChildProcess } from 'node:child_process';
import { chownSync, closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCluster, serverRole } from './cluster.ts';
import { nativeBinaries } from './native-binaries.ts';
import { stopOrphans } from './orphans.ts';
import { serverAccount, type ServerAccount } from './server-account.ts';
import { takeServerLock } from './server-lock.ts';
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

interface Running {
  readonly postgres: ChildProcess;
  readonly sidecar: ChildProcess;
}

/** Waits until postmaster.pid names our process and says ready. */
const untilReady = async (cluster: string, postgres: ChildProcess, log: string): Promise<void> => {
  const file = join(cluster, 'postmaster.pid');
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 25) {
    if (postgres.exitCode !== null || postgres.signalCode !== null) throw new Error(`PostgreSQL ended while starting; its log is ${log}.`);
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    if (Number(lines[0]) === postgres.pid && lines[7]?.trim() === 'ready') return;
    await sleep(25);
  }
  throw new Error(`PostgreSQL was not ready within 60 s; its log is ${log}.`);
};

/**
 * Starts PostgreSQL on a Unix socket only, and beside it a shell that waits on a pipe from us: when we die, however we die, the
 * pipe closes and the shell stops PostgreSQL.
 */
const launch = async (native: string, cluster: string, run: string, state: string, account: ServerAccount | undefined): Promise<Running> => {
  const logPath = join(state, 'postgres.log');
  const log = openSync(logPath, 'a', 0o600);
  if (account) chownSync(logPath, account.uid, account.gid);
  const identity = account ? { uid: account.uid, gid: account.gid } : {};
  // A file of the log that is over is removed, not used again: what was erased must not lie in it.
  const settings = ['listen_addresses=', `unix_socket_directories=${run}`, 'unix_socket_permissions=0700', 'max_connections=200', 'log_min_messages=warning', 'log_min_error_statement=panic', 'log_parameter_max_length_on_error=0', 'log_error_verbosity=terse', 'wal_recycle=off', 'wal_keep_size=0'];
  const postgres = spawn(join(native, 'bin', 'postgres'), ['-D', cluster, ...settings.flatMap((setting) => ['-c', setting])], { ...identity, cwd: '/', stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  const sidecar = spawn('/bin/sh', ['-c', 'trap "" INT TERM HUP; read _; kill -INT "$1" 2>/dev/null', 'pg-watch', String(postgres.pid)], { ...identity, cwd: '/', stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  sidecar.unref();
  await untilReady(cluster, postgres, logPath);
  return { postgres, sidecar };
};

/** Fast shutdown, then harder: a stopped process would make a plain wait last for ever. */
const shutDown = async ({ postgres, sidecar }: Running): Promise<void> => {
  const exited = postgres.exitCode === null && postgres.signalCode === null ? once(postgres, 'exit') : Promise.resolve();
  const steps: [NodeJS.Signals, number][] = [['SIGINT', 15_000], ['SIGQUIT', 5_000], ['SIGKILL', 5_000]];
  for (const [signal, patienceMs] of steps) {
    postgres.kill(signal);
    const timer = new AbortController();
    const late = sleep(patienceMs, 'late', { signal: timer.signal }).catch(() => undefined);
    if ((await Promise.race([exited, late])) !== 'late') {
      timer.abort();
      break;
    }
  }
  sidecar.kill('SIGKILL');
};

/**
 * Starts the PostgreSQL of the packages on the data of a DATA_DIR; `fsync` and checksums are on. A server left by a killed
 * program is stopped first. Throws DataInUseError when a living program uses the data, and a plain Error with the log's path
 * when PostgreSQL does not start.
 */
export const startEmbeddedServer = async ({ dataDir }: { readonly dataDir: string }): Promise<EmbeddedServer> => {
  const account = serverAccount();
  const state = stateDirectory(dataDir, account);
  const lock = await takeServerLock(state.path, dataDir);
  try {
    const native = nativeBinaries(account);
    const cluster = openCluster(native, state.path, account);
    await stopOrphans(cluster.path, state.run);
    const running = await launch(native, cluster.path, state.run, state.path, account);
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
