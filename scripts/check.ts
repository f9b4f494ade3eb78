/**
 * Everything CI demands, in order, stopping at the first fault, except that every suite of tests is run. One quiet line per step; a
 * failing step prints what it said. The tests' own closing lines are always shown.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { stepEnvironment, stepsIn } from './check/steps.ts';

const root = join(import.meta.dirname, '..');
const closing = /^(Tests|Test Suites|Time|Snapshots|Statuses|No browser|security):?.*/gm;
const { gates, suites } = stepsIn(root);

let failed = false;
for (const step of [...gates, ...suites]) {
  const isSuite = suites.includes(step);
  const started = performance.now();
  const run = spawnSync(step.command, step.args, {
    cwd: root,
    encoding: 'utf8',
    env: stepEnvironment,
    maxBuffer: 256 * 1024 * 1024,
  });
  const said = `${run.stdout}\n${run.stderr}`;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const isGood = run.status === 0;
  console.log(`${isGood ? 'ok  ' : 'FAIL'} ${step.name} (${seconds} s)`);
  if (!isGood || step.tells === true) console.log(said.trim());
  else if (isSuite) console.log([...new Set(said.match(closing) ?? [])].join('\n'));
  if (run.error) console.log(run.error.message);
  failed ||= !isGood;
  if (failed && !isSuite) break;
}
process.exitCode = failed ? 1 : 0;
