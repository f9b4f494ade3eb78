import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stepEnvironment, stepsIn } from '../../scripts/check/steps.ts';

const root = join(import.meta.dirname, '..', '..');
const copied = [
  'src', 'test', 'scripts', 'bench', 'openapi', 'generated', 'docs', 'operations', 'package.json', 'redocly.yaml', 'tsconfig.json', 'tsconfig.client.json', 'eslint.config.js', 'jest.config.js', 'knip.json',
  '.dependency-cruiser.cjs', '.gitignore', 'CHANGELOG.md',
];

/** A fault in a file: what it reads instead, or a whole file where `from` is left out. */
interface Fault {
  readonly gate: string;
  readonly situation: string;
  readonly file: string;
  readonly from?: string;
  readonly to: string;
  readonly told: RegExp;
  /** What is looked at in place of everything, where that takes long. */
  readonly args?: readonly string[];
}

const faults: readonly Fault[] = [
  { gate: 'specification rules', situation: 'a rule whose name is misspelt', file: 'redocly.yaml', from: '  tag-description: error', to: '  tag-descripton: error', told: /tag-descripton/ },
  { gate: 'specification lint', situation: 'a summary with a full stop', file: 'openapi/bff.yaml', from: 'summary: Sign out', to: 'summary: Sign out.', told: /no full stop/ },
  { gate: 'specification lint', situation: 'an example that does not fit its schema', file: 'openapi/components/people.yaml', from: 'email_verified: { type: boolean, description: Specifies if the address was verified., example: false }', to: 'email_verified: { type: boolean, description: Specifies if the address was verified., example: perhaps }', told: /boolean/ },
  { gate: 'specification lint', situation: 'a deprecated operation without days', file: 'openapi/bff.yaml', from: '      operationId: signOut', to: '      operationId: signOut\n      deprecated: true', told: /x-deprecated-on and x-sunset/ },
  { gate: 'workflow lint', situation: 'a workflow of no known specification', file: 'openapi/workflows/session-end.arazzo.yaml', from: 'type: openapi', to: 'type: swagger', told: /type/ },
  { gate: 'generated files fresh', situation: 'a specification that was changed and nothing generated', file: 'openapi/bff.yaml', from: 'maxLength: 8192', to: 'maxLength: 8191', told: /stale: bff.json.*run npm run generate/ },
  { gate: 'contract since the release', situation: 'a status that is gone', file: 'generated/bff.json', from: '"304": {', to: '"305": {', told: /bff: [1-9]\d* breaks? .*info\.version must be 0\.2\.0 or later/ },
  { gate: 'scores of specifications', situation: 'a score below the least', file: 'openapi/score.json', to: '{ "bff": 99, "device-manager": 90, "user-manager": 90 }', told: /FAIL bff: [\d.]+ of 100 \(at least 99\)/ },
  { gate: 'types', situation: 'a text in place of a number', file: 'src/http/upstream-stream.ts', from: 'const PATIENCE_MS = 30_000', to: "const PATIENCE_MS: number = 'long'", told: /upstream-stream\.ts.*TS2322/ },
  { gate: 'types of pages', situation: 'a text in place of a number', file: 'src/bff/pages/planted.ts', to: "export const planted: number = 'long';\n", told: /planted\.ts.*TS2322/ },
  { gate: 'types of the client', situation: 'a method that is newer than what the client is built for', file: 'src/client/planted.ts', to: 'export const last = (of: readonly number[]): number | undefined => of.at(-1);\n', told: /planted\.ts.*Property 'at' does not exist/ },
  { gate: 'lint', situation: 'a promise that nobody waits for', file: 'src/http/planted.ts', to: "export const begin = (): void => {\n  Promise.reject(new Error('unheard'));\n};\n", told: /no-floating-promises/, args: ['src/http/planted.ts'] },
  { gate: 'import rules', situation: 'a service that reaches into another', file: 'src/bff/planted.ts', to: "export { createUserManager } from '../user-manager/service.ts';\n", told: /services-are-islands/ },
  { gate: 'dead code', situation: 'a function that nobody calls', file: 'src/http/framing.ts', from: 'export const NO_BODY', to: 'export const unused = (): number => 1;\nexport const NO_BODY', told: /unused/ },
  { gate: 'workflows', situation: 'a step that is answered otherwise', file: 'openapi/workflows/first-upload.arazzo.yaml', from: '/data/0/y == 71', to: '/data/0/y == 72', told: /FAIL first-upload[\s\S]*✗ success criteria check - \$response\.body#\/0\/data\/0\/y == 72/ },
  { gate: 'tests', situation: 'an example that is not what is sent', file: 'generated/bff.json', from: '"detail": "Name each key of a JSON object once."', to: '"detail": "Name each key once."', told: /what bff shows is what it sends/, args: ['test', '--silent', '--', 'test/contract/examples'] },
];

describe('each gate of the check', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vitalgate-gates-'));
    for (const name of copied) cpSync(join(root, name), join(folder, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = ({ gate, args }: Pick<Fault, 'gate' | 'args'>): { status: number | null; said: string } => {
    const { gates, suites } = stepsIn(folder);
    const step = [...gates, ...suites].find(({ name }) => name === gate);
    if (step === undefined) throw new Error(`There is no gate ${gate}.`);
    const { status, stdout, stderr } = spawnSync(step.command, [...(args ?? step.args)], { cwd: folder, encoding: 'utf8', env: { ...stepEnvironment, SUITE: undefined }, maxBuffer: 64 * 1024 * 1024 });
    return { status, said: `${stdout}\n${stderr}` };
  };

  test.each(faults)('$gate: finds $situation', (fault) => {
    const path = join(folder, fault.file);
    const before = fault.from === undefined ? undefined : readFileSync(path, 'utf8');
    if (before !== undefined && !before.includes(fault.from ?? '')) throw new Error(`${fault.file} has no ${String(fault.from)}`);
    writeFileSync(path, before === undefined ? fault.to : before.replace(fault.from ?? '', fault.to));
    try {
      const { status, said } = run(fault);
      expect(said).toMatch(fault.told);
      expect(status).not.toBe(0);
    } finally {
      rmSync(path);
      if (existsSync(join(root, fault.file))) cpSync(join(root, fault.file), path);
    }
  }, 300_000);

  test('is among them', () => {
    expect(stepsIn(root).gates.map(({ name }) => name).filter((name) => !faults.some(({ gate }) => gate === name))).toEqual([]);
  });
});
