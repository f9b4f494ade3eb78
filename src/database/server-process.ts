import { spawn, type ChildProcess } from 'node:child_process';
import { chownSync, closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerAccount } from './server-account.ts';

/** PostgreSQL, and the shell that ends it when we die. */
export interface Running {
  readonly postgres: ChildProcess;
  readonly sidecar: ChildProcess;
}

/** What PostgreSQL runs on. */
export interface ServerPlace {
  /** The folder with `bin/postgres`. */
  readonly native: string;
  readonly cluster: string;
  /** The folder of its socket. */
  readonly run: string;
  /** The folder of its log. */
  readonly state: string;
  readonly account: ServerAccount | undefined;
  readonly tell?: ((text: string) => void) | undefined;
}

const logIn = (state: string): string => join(state, 'postgres.log');

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

/** How long PostgreSQL may take to name itself in postmaster.pid, and how often it is told that it is still starting. */
const PATIENCE = { appearsMs: 60_000, tellEveryMs: 60_000 };

/** Waits until postmaster.pid names our process and says ready. A recovery may take long, and would begin anew if it were given up: it is waited for while it lasts. */
const untilReady = async ({ cluster, state, tell }: ServerPlace, postgres: ChildProcess, { appearsMs, tellEveryMs }: typeof PATIENCE): Promise<void> => {
  const [file, log, begun] = [join(cluster, 'postmaster.pid'), logIn(state), performance.now()];
  let nextTellMs = tellEveryMs;
  for (;;) {
    if (hasEnded(postgres)) throw new Error(`PostgreSQL ended while starting; its log is ${log}.`);
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    const isOurs = Number(lines[0]) === postgres.pid;
    if (isOurs && lines[7]?.trim() === 'ready') return;
    const waitedMs = performance.now() - begun;
    if (!isOurs && waitedMs >= appearsMs) throw new Error(`PostgreSQL did not begin to start within ${String(appearsMs / 1000)} s; its log is ${log}.`);
    if (waitedMs >= nextTellMs) {
      nextTellMs += tellEveryMs;
      tell?.(`PostgreSQL has been starting for ${String(Math.round(waitedMs / 1000))} s, as it does while it recovers; its log is ${log}.`);
    }
    await sleep(25);
  }
};

/**
 * Starts PostgreSQL on a Unix socket only, and beside it a shell that waits on a pipe from us: when we die, however we die, the
 * pipe closes and the shell stops PostgreSQL.
 */
const launch = ({ native, cluster, run, state, account }: ServerPlace): Running => {
  const logPath = logIn(state);
  const log = openSync(logPath, 'a', 0o600);
  if (account) chownSync(logPath, account.uid, account.gid);
  const identity = account ? { uid: account.uid, gid: account.gid } : {};
  // A file of the log that is over is removed, not used again: what was erased must not lie in it.
  const settings = ['listen_addresses=', `unix_socket_directories=${run}`, 'unix_socket_permissions=0700', 'max_connections=200', 'log_min_messages=warning', 'log_min_error_statement=panic', 'log_parameter_max_length_on_error=0', 'log_error_verbosity=terse', 'wal_recycle=off', 'wal_keep_size=0'];
  const postgres = spawn(join(native, 'bin', 'postgres'), ['-D', cluster, ...settings.flatMap((setting) => ['-c', setting])], { ...identity, cwd: '/', stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  const sidecar = spawn('/bin/sh', ['-c', 'trap "" INT TERM HUP; read _; kill -INT "$1" 2>/dev/null', 'pg-watch', String(postgres.pid)], { ...identity, cwd: '/', stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  sidecar.unref();
  return { postgres, sidecar };
};

/** Fast shutdown, then harder: a stopped process would make a plain wait last for ever. */
export const shutDown = async ({ postgres, sidecar }: Running): Promise<void> => {
  const exited = hasEnded(postgres) ? Promise.resolve() : once(postgres, 'exit');
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
 * Runs PostgreSQL and waits until it takes connections. Throws when it does not begin to start, or ends by itself, naming its log; nothing
 * of it runs then.
 */
export const runServer = async (place: ServerPlace, patience = PATIENCE): Promise<Running> => {
  const running = launch(place);
  try {
    await untilReady(place, running.postgres, patience);
    return running;
  } catch (error) {
    await shutDown(running);
    throw error;
  }
};
