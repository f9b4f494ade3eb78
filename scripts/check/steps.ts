import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** One thing that CI demands: a command that fails where it is not so. */
export interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** What it says is shown also when all is well. */
  readonly tells?: boolean;
}

/** All steps for a copy of the repository: gates that stop the run, then suites of tests, every one of which is run. */
export const stepsIn = (root: string): { readonly gates: readonly Step[]; readonly suites: readonly Step[] } => {
  const bin = (name: string): string => join(root, 'node_modules', '.bin', name);
  const workflows = readdirSync(join(root, 'openapi', 'workflows')).map((name) => join('openapi', 'workflows', name));
  return {
    gates: [
      { name: 'specification rules', command: bin('redocly'), args: ['check-config', '--lint-config=error'] },
      { name: 'specification lint', command: bin('redocly'), args: ['lint', '--max-problems=50'] },
      { name: 'workflow lint', command: bin('redocly'), args: ['lint', ...workflows] },
      { name: 'generated files fresh', command: process.execPath, args: ['scripts/generate.ts', '--check'] },
      { name: 'contract since the release', command: process.execPath, args: ['scripts/contract.ts'] },
      { name: 'scores of specifications', command: process.execPath, args: ['scripts/score.ts'], tells: true },
      { name: 'types', command: bin('tsc'), args: ['-p', '.'] },
      { name: 'types of pages', command: bin('tsc'), args: ['-p', 'src/bff/pages'] },
      { name: 'types of the client', command: bin('tsc'), args: ['-p', 'tsconfig.client.json', '--noEmit'] },
      { name: 'lint', command: bin('eslint'), args: ['.', '--max-warnings=0'] },
      { name: 'import rules', command: bin('depcruise'), args: ['src', 'generated', '--config', '.dependency-cruiser.cjs'] },
      { name: 'dead code', command: bin('knip'), args: ['--no-progress'] },
      { name: 'workflows', command: process.execPath, args: ['scripts/workflows.ts'], tells: true },
    ],
    suites: [
      { name: 'tests', command: 'npm', args: ['test', '--silent'] },
      { name: 'tests in a browser', command: 'npm', args: ['run', '--silent', 'browser'] },
      { name: 'tests of gates', command: 'npm', args: ['run', '--silent', 'gates'] },
      { name: 'tests of faults', command: 'npm', args: ['run', '--silent', 'faults'] },
      { name: 'tests of volume', command: 'npm', args: ['run', '--silent', 'volume'] },
      { name: 'tests of security', command: 'npm', args: ['run', '--silent', 'security'] },
    ],
  };
};

/** The environment of every step, so that tools send nothing anywhere and print plain text. */
export const stepEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  REDOCLY_TELEMETRY: 'off',
  REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
  NO_COLOR: '1', // some tools take FORCE_COLOR, whatever its value, as a wish for colour
};
