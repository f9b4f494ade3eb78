/**
 * Runs a long suite, in CI size or with `--full` in full size: `suite.ts faults --full --seed 7`. One summary line, whose seed repeats
 * the run; when something failed, what the tests said comes first, and in full size each file of tests when it is done.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

interface Size {
  readonly ci: number;
  readonly full: number;
  readonly of: string;
}

/** The sizes of a suite, by the variable that its tests read. */
const suites: Readonly<Record<string, Readonly<Record<string, Size>>>> = {
  browser: {},
  faults: {
    SERVICE_KILLS: { ci: 50, full: 1000, of: 'kills of each service' },
    DATABASE_CRASHES: { ci: 20, full: 200, of: 'crashes of their database' },
    FAULT_CYCLES: { ci: 3, full: 100, of: 'strikes in each other situation' },
    NTH_CALLS: { ci: 2, full: 10_000, of: 'failing calls of each use case' },
    OVERLOAD_SECONDS: { ci: 8, full: 60, of: 'seconds of overload' },
    SUBMITTED_DETECTIONS: { ci: 500, full: 10_000, of: 'detections' },
  },
  gates: {},
  volume: {
    FIRST_SYNC_SAMPLES: { ci: 10_000, full: 250_000, of: 'samples of a first sync' },
    PLANNED_SAMPLES: { ci: 300_000, full: 10_000_000, of: 'samples among which statements are planned' },
    RENORMALIZED_RECORDS: { ci: 3000, full: 100_000, of: 'records normalized anew' },
  },
};

const root = join(import.meta.dirname, '..');
const { values, positionals: [suite = ''] } = parseArgs({ options: { full: { type: 'boolean', default: false }, seed: { type: 'string' } }, allowPositionals: true });
const sizes = Object.entries(suites[suite] ?? {}).map(([name, { ci, full, of }]) => ({ name, count: values.full ? full : ci, of }));
const seed = Number(values.seed ?? process.env['SEED'] ?? (values.full ? Math.floor(Math.random() * 2 ** 31) : 20260801));
if (suites[suite] === undefined) throw new Error(`The suites are ${Object.keys(suites).join(' and ')}.`);
if (!Number.isSafeInteger(seed)) throw new Error('A seed is a whole number.');

const started = performance.now();
const run = spawn('npm', ['test', '--silent'], {
  cwd: root,
  stdio: ['ignore', 'pipe', 'pipe'],
  env: { ...process.env, ...Object.fromEntries(sizes.map(({ name, count }) => [name, String(count)])), SUITE: suite, SEED: String(seed) },
});
let said = '';
for (const output of [run.stdout, run.stderr]) {
  output.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    // A full size takes hours: what is done so far is told.
    if (values.full) for (const [line] of text.matchAll(/^(?:PASS|FAIL) .*$/gm)) console.log(line);
  });
}
const [status] = (await once(run, 'close')) as [number | null];
if (status !== 0) console.log(said.replace(/^Tests:.*\n/m, '').trim());
for (const line of new Set(said.match(/^No browser.*$/gm))) console.log(line);
const counts = /^Tests: +(.*)$/m.exec(said)?.[1] ?? '0 passed, 1 failed';
const seconds = ((performance.now() - started) / 1000).toFixed(0);
const told = sizes.length === 0 ? suite : `${suite} in ${values.full ? 'full' : 'CI'} size: ${sizes.map(({ count, of }) => `${count} ${of}`).join(', ')}`;
console.log(`Tests: ${counts} (${told}; seed ${seed}; ${seconds} s)`);
process.exitCode = status ?? 1;
