import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

interface ProcessTimes {
  readonly parent: number;
  /** Own time and that of children that have ended, in ms. */
  readonly ms: number;
  readonly group: number;
}

const timesOf = (pid: string): ProcessTimes | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number);
    const [utime = 0, stime = 0, cutime = 0, cstime = 0] = fields.slice(11, 15);
    return { parent: fields[1] ?? 0, group: fields[2] ?? 0, ms: ((utime + stime + cutime + cstime) * 1000) / TICKS_PER_SECOND };
  } catch {
    return undefined; // ended meanwhile
  }
};

const allProcesses = (): ReadonlyMap<number, ProcessTimes> =>
  new Map(readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    const times = timesOf(name);
    return times === undefined ? [] : [[Number(name), times] as const];
  }));

const below = (all: ReadonlyMap<number, ProcessTimes>, pid: number): number[] =>
  [...all.keys()].filter((one) => {
    for (let at = all.get(one)?.parent ?? 0; at > 1; at = all.get(at)?.parent ?? 0) if (at === pid) return true;
    return false;
  });

/** All processes that a process has started, and those that they have. */
export const descendantsOf = (pid: number): number[] => below(allProcesses(), pid);

/** Milliseconds of processor time that a process and all its descendants have used so far, as Linux counts them. */
export const processorTimes = (pid: number): { readonly program: number; readonly children: number } => {
  const all = allProcesses();
  return { program: all.get(pid)?.ms ?? 0, children: below(all, pid).reduce((sum, one) => sum + (all.get(one)?.ms ?? 0), 0) };
};

/** Resident memory of a process, in MiB. */
export const residentMiB = (pid: number): number => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1] ?? 0) / 1024;
