/**
 * Everything CI demands, in order, stopping at the first fault. One quiet line per step; a failing step prints what it said.
 * The tests' own closing lines are always shown.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name: string) => join(root, 'node_modules', '.bin', name);

const steps: readonly { name: string; command: string; args: readonly string[]; show?: RegExp }[] = [
  { name: 'specification rules', command: bin('redocly'), args: ['check-config', '--lint-config=error'] },
  { name: 'specification lint', command: bin('redocly'), args: ['lint', '--max-problems=50'] },
  { name: 'generated files fresh', command: process.execPath, args: ['scripts/generate.ts', '--check'] },
  { name: 'types', command: bin('tsc'), args: ['-p', '.'] },
  { name: 'lint', command: bin('eslint'), args: ['.', '--max-warnings=0'] },
  { name: 'import rules', command: bin('depcruise'), args: ['src', 'generated', '--config', '.dependency-cruiser.cjs'] },
  { name: 'dead code', command: bin('knip'), args: ['--no-progress'] },
  { name: 'tests', command: 'npm', args: ['test', '--silent'], show: /^(Tests|Test Suites|Time|Snapshots):.*/gm },
  { name: 'security', command: process.execPath, args: ['scripts/security.ts'], show: /^security: .*/gm },
];

const environment = {
  ...process.env,
  REDOCLY_TELEMETRY: 'off',
  REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
  NO_COLOR: '1', // some tools take FORCE_COLOR, whatever its value, as a wish for colour
};

for (const step of steps) {
  const started = performance.now();
  const run = spawnSync(step.command, step.args, {
    cwd: root,
    encoding: 'utf8',
    env: environment,
    maxBuffer: 256 * 1024 * 1024,
  });
  const said = `${run.stdout}\n${run.stderr}`;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${run.status === 0 ? 'ok  ' : 'FAIL'} ${step.name} (${seconds} s)`);
  if (run.status !== 0) console.log(said.trim());
  else if (step.show) console.log((said.match(step.show) ?? []).join('\n'));
  if (run.status !== 0) {
    if (run.error) console.log(run.error.message);
    process.exit(run.status ?? 1);
  }
}
