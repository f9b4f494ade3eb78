import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** First line of postmaster.pid: the server's process id. */
export const postmasterPid = (cluster: string): number | undefined => {
  const file = join(cluster, 'postmaster.pid');
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : undefined;
};

const workingIn = (pid: string, cluster: string): boolean => {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === cluster;
  } catch {
    return false; // ended meanwhile, a zombie, or not ours to see: none of them holds the data
  }
};

/** Processes whose working folder is the cluster: the server and its backends. Zombies have none. */
const holders = (cluster: string): number[] =>
  process.platform === 'linux'
    ? readdirSync('/proc').filter((name) => /^\d+$/.test(name) && workingIn(name, cluster)).map(Number)
    : [postmasterPid(cluster)].filter((pid) => pid !== undefined && isAlive(pid)).map(Number);

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const signal = (pids: readonly number[], name: NodeJS.Signals): void => {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
};

/**
 * Stops a server that outlived its program, and clears its lock files once no process holds the data. Only for the holder of
 * the server lock: a living program's server would be stopped too. Throws when processes do not go.
 */
export const stopOrphans = async (cluster: string, run: string): Promise<void> => {
  const steps: [NodeJS.Signals, number][] = [['SIGINT', 15_000], ['SIGQUIT', 5_000], ['SIGKILL', 5_000]];
  for (const [name, patienceMs] of steps) {
    const left = holders(cluster);
    if (left.length === 0) break;
    const postmaster = postmasterPid(cluster);
    signal(name !== 'SIGKILL' && postmaster !== undefined && left.includes(postmaster) ? [postmaster] : left, name);
    for (let waitedMs = 0; waitedMs < patienceMs && holders(cluster).length > 0; waitedMs += 25) await sleep(25);
  }
  if (holders(cluster).length > 0) throw new Error(`PostgreSQL processes hold ${cluster} and do not stop.`);
  rmSync(join(cluster, 'postmaster.pid'), { force: true });
  rmSync(join(run, '.s.PGSQL.5432.lock'), { force: true });
  rmSync(join(run, '.s.PGSQL.5432'), { force: true });
};
