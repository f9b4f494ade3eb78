/**
 * Runs the benchmarks of bench/, each as a process of its own, and prints the table of what must be reached: `npm run bench`, or one of them by its
 * name, `npm run bench -- chart`. What was found is kept as JSON in build/bench, with `--keep` in bench/results, from which
 * docs/benchmarks.md is made. Ends with one summary line; the exit code is 1 when something that must be was missed.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { isMet, type Benchmark, type Figure } from '../bench/setup/benchmark.ts';
import { benchmarkNames, keepResult, keptResult, resultOf, type Result } from '../bench/setup/result.ts';
import { benchmarkFigures, boundOf, reachedOf } from './generate/benchmarks-page.ts';

const { values: { keep, one }, positionals: [name] } = parseArgs({ options: { keep: { type: 'boolean', default: false }, one: { type: 'boolean', default: false } }, allowPositionals: true });
const folder = keep ? 'bench/results' : 'build/bench';
const wanted = name === undefined ? benchmarkNames() : benchmarkNames().filter((other) => other === name);

const lineOf = (figure: Figure): string =>
  `${isMet(figure) ? 'met   ' : 'MISSED'} ${reachedOf(figure).padStart(9)}  must be ${boundOf(figure).padEnd(14)} ${figure.what}, against ${figure.against}`;

const print = (result: Result): void => {
  const { table } = result.findings;
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  for (const row of table) console.log(`  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()}`);
};

const runHere = async (which: string): Promise<void> => {
  const { benchmark } = (await import(`../bench/${which}.ts`)) as { benchmark: Benchmark };
  const result = resultOf(which, await benchmark.run());
  keepResult(folder, result);
  print(result);
};

if (wanted.length === 0) {
  console.error(`npm run bench [-- name], where the name is one of: ${benchmarkNames().join(', ')}`);
  process.exitCode = 2;
} else if (one && name !== undefined) {
  await runHere(name);
} else {
  const failed = wanted.filter((which) => {
    console.log(which);
    return spawnSync(process.execPath, ['--expose-gc', import.meta.filename, which, '--one', ...(keep ? ['--keep'] : [])], { stdio: 'inherit' }).status !== 0;
  });
  const figures = benchmarkFigures(wanted.filter((which) => !failed.includes(which)).flatMap((which) => keptResult(folder, which) ?? []));
  for (const figure of figures) console.log(lineOf(figure));
  const missed = figures.filter((figure) => !isMet(figure));
  if (failed.length > 0) console.log(`did not run to its end: ${failed.join(', ')}`);
  console.log(`Benchmarks: ${String(figures.length - missed.length)} of ${String(figures.length)} figures reached what they must, ${String(failed.length)} of ${String(wanted.length)} benchmarks failed.`);
  process.exitCode = missed.length > 0 || failed.length > 0 ? 1 : 0;
}
