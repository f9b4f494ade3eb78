/**
 * Runs the suite of faults (kill -9 in the middle of uploads, an upstream that fails at random), in CI size or with `--full` in full
 * size. One summary line, which repeats the run with `--seed`; when something failed, what the tests said comes first.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { full: { type: 'boolean', default: false }, seed: { type: 'string' } } });
const seed = Number(values.seed ?? (values.full ? Math.floor(Math.random() * 2 ** 31) : 20260801));
if (!Number.isSafeInteger(seed)) throw new Error('A seed is a whole number.');
const size = values.full ? { name: 'full', kills: 20, detections: 10_000 } : { name: 'CI', kills: 3, detections: 500 };

const started = performance.now();
const run = spawnSync('npm', ['test', '--silent'], {
  cwd: root,
  encoding: 'utf8',
  env: { ...process.env, SUITE: 'faults', FAULT_SEED: String(seed), FAULT_CYCLES: String(size.kills), SUBMITTED_DETECTIONS: String(size.detections) },
  maxBuffer: 256 * 1024 * 1024,
});
const said = `${run.stdout}\n${run.stderr}`;
if (run.status !== 0) console.log(run.error?.message ?? said.replace(/^Tests:.*\n/m, '').trim());
const counts = /^Tests: +(.*)$/m.exec(said)?.[1] ?? '0 passed, 1 failed';
const seconds = ((performance.now() - started) / 1000).toFixed(0);
console.log(`Tests: ${counts} (faults in ${size.name} size: ${size.kills} kills in each situation, ${size.detections} detections; seed ${seed}; ${seconds} s)`);
process.exitCode = run.status ?? 1;
