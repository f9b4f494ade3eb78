import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { temporaryDirectory } from '../scripts/demo/program.ts';
import { pack, staged } from '../scripts/release/package.ts';
import budget from './budget.json' with { type: 'json' };
import type { Benchmark, Findings } from './setup/benchmark.ts';
import { startBenched } from './setup/person.ts';
import { descendantsOf, residentMiB } from './setup/processor-time.ts';

const root = join(import.meta.dirname, '..');
const IDLE_FOR_MS = 10_000;
const BYTES_PER_MIB = 1024 * 1024;

/** Bytes of a package's own files; packages inside it count by themselves. */
const bytesIn = (folder: string): number =>
  readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? sum : sum + bytesIn(path);
    return sum + lstatSync(path).size;
  }, 0);

/** Folders of what is installed for production on this platform, as the lock names it. */
const productionPackages = (): string[] => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Readonly<Record<string, { dev?: boolean; devOptional?: boolean }>> };
  return Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true && existsSync(join(root, path))).map(([path]) => join(root, path));
};

/** Memory of a process where each page that several share counts as its part, in MiB. */
const proportionalMiB = (pid: number): number => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${String(pid)}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024;

const idleMemory = async (): Promise<{ readonly program: number; readonly postgres: number }> => {
  const directory = temporaryDirectory();
  const { pid, stop } = await startBenched(directory.path);
  try {
    await sleep(IDLE_FOR_MS);
    return { program: residentMiB(pid), postgres: descendantsOf(pid).reduce((sum, one) => sum + proportionalMiB(one), 0) };
  } finally {
    await stop();
    directory.remove();
  }
};

const run = async (): Promise<Findings> => {
  const packages = productionPackages();
  const packed = pack();
  const idle = await idleMemory();
  const measured: Readonly<Record<keyof typeof budget, number>> = {
    idleProgramMiB: idle.program,
    idlePostgresMiB: idle.postgres,
    productionPackages: packages.length,
    productionMiB: packages.reduce((sum, folder) => sum + bytesIn(folder), 0) / BYTES_PER_MIB,
    packedMiB: statSync(packed).size / BYTES_PER_MIB,
    unpackedMiB: bytesIn(staged) / BYTES_PER_MIB,
  };
  const names = Object.keys(budget) as (keyof typeof budget)[];
  return {
    figures: names.map((name) => ({ what: budget[name].of, against: 'its budget', reached: measured[name], unit: name.endsWith('MiB') ? 'MiB' : 'packages', bound: { is: 'at most', must: budget[name].most } })),
    table: [['what', 'measured', 'budget'], ...names.map((name) => [budget[name].of, measured[name].toFixed(measured[name] < 20 ? 1 : 0), String(budget[name].most)])],
  };
};

/** What the program takes before anybody asks anything of it. */
export const benchmark: Benchmark = {
  title: 'Size',
  about: `What the program takes before anybody asks anything of it, beside the budget in \`bench/budget.json\`: resident memory once it has been idle for ten seconds, what production dependencies
take on the disk and how many they are, and what is packed of the program itself. Linux only.`,
  run,
};
