/**
 * Everything CI demands, in order, stopping at the first fault, except that every suite of tests is run. One quiet line per step; a
 * failing step prints what it said. The tests' own closing lines are always shown.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name: string) => join(root, 'node_modules', '.bin', name);

interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** What it says is shown also when all is well. */
  readonly tells?: boolean;
}

const workflows = readdirSync(join(root, 'openapi', 'workflows')).map((name) => join('openapi', 'workflows', name));
const closing = /^(Tests|Test Suites|Time|Snapshots|No browser|security):?.*/gm;
const suites: readonly Step[] = [
  { name: 'tests', command: 'npm', args: ['test', '--silent'] },
  { name: 'tests of faults', command: 'npm', args: ['run', '--silent', 'faults'] },
  { name: 'tests of volume', command: 'npm', args: ['run', '--silent', 'volume'] },
  { name: 'tests of security', command: 'npm', args: ['run', '--silent', 'security'] },
];
const steps: readonly Step[] = [
  { name: 'specification rules', command: bin('redocly'), args: ['check-config', '--lint-config=error'] },
  { name: 'specification lint', command: bin('redocly'), args: ['lint', '--max-problems=50'] },
  { name: 'workflow lint', command: bin('redocly'), args: ['lint', ...workflows] },
  { name: 'generated files fresh', command: process.execPath, args: ['scripts/generate.ts', '--check'] },
  { name: 'contract since the release', command: process.execPath, args: ['scripts/contract.ts'] },
  { name: 'scores of specifications', command: process.execPath, args: ['scripts/score.ts'], tells: true },
  { name: 'types', command: bin('tsc'), args: ['-p', '.'] },
  { name: 'lint', command: bin('eslint'), args: ['.', '--max-warnings=0'] },
  { name: 'import rules', command: bin('depcruise'), args: ['src', 'generated', '--config', '.dependency-cruiser.cjs'] },
  { name: 'dead code', command: bin('knip'), args: ['--no-progress'] },
  { name: 'workflows', command: process.execPath, args: ['scripts/workflows.ts'], tells: true },
  ...suites,
];

const environment = {
  ...process.env,
  REDOCLY_TELEMETRY: 'off',
  REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
  NO_COLOR: '1', // some tools take FORCE_COLOR, whatever its value, as a wish for colour
};

let failed = false;
for (const step of steps) {
  const isSuite = suites.includes(step);
  const started = performance.now();
  const run = spawnSync(step.command, step.args, {
    cwd: root,
    encoding: 'utf8',
    env: environment,
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
