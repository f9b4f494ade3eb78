/**
 * Shows what of the security checklist holds: runs the security suite and the tests elsewhere that prove a row, then prints a table
 * (row, result, tests, rule) and one summary line. Exit code 1 when a row has no test and no deviation in docs/security.md, or a test
 * fails. Needs no internet. FUZZ_REQUESTS and PARSER_INPUTS make the fuzzing longer.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import checklist from './security/checklist.json' with { type: 'json' };
import { closingLineOf, deviationsIn, summaryOf, unknownRows, verdictsOf, type ChecklistRow, type TestRun } from './security/verdicts.ts';

interface JestResult {
  readonly testResults: readonly { readonly name: string; readonly message: string; readonly assertionResults: readonly { readonly ancestorTitles: readonly string[]; readonly title: string; readonly status: string }[] }[];
}

const root = join(import.meta.dirname, '..');
const rows: readonly ChecklistRow[] = checklist;
const folder = mkdtempSync(join(tmpdir(), 'vitalgate-security-'));

const run = (suite: string | undefined, args: readonly string[]): TestRun[] => {
  const output = join(folder, `${suite ?? 'other'}.json`);
  const jest = [join(root, 'node_modules/jest/bin/jest.js')];
  const environment = { ...process.env, ...(suite !== undefined && { SUITE: suite }) };
  const { stderr } = spawnSync(process.execPath, [...jest, '--json', `--outputFile=${output}`, ...args], { cwd: root, env: environment, encoding: 'utf8', maxBuffer: 1 << 28 });
  const said = (): never => {
    throw new Error(`jest did not run: ${stderr}`);
  };
  const result = JSON.parse((() => {
    try {
      return readFileSync(output, 'utf8');
    } catch {
      return said();
    }
  })()) as JestResult;
  for (const { message } of result.testResults) if (message !== '') console.log(message);
  return result.testResults.flatMap(({ name, message, assertionResults }): TestRun[] => {
    const file = relative(root, name);
    // A file that does not even load has no tests to fail.
    if (assertionResults.length === 0 && message !== '') return [{ file, names: ['does not run'], status: 'failed' }];
    return assertionResults
      .filter(({ status }) => status !== 'pending' || suite !== undefined)
      .map(({ ancestorTitles, title, status }) => ({ file, names: [...ancestorTitles, title], status: status === 'passed' ? 'passed' : status === 'failed' ? 'failed' : 'skipped' }));
  });
};

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
const NUMBERED = /['"`][A-I]\d{1,2}(, [A-I]\d{1,2})* /;

/** Tests outside of the suite: those that a row refers to, and those that carry a number. */
const elsewhere = (): TestRun[] => {
  const numbered = globSync('test/**/*.test.ts', { cwd: root }).filter((file) => !file.startsWith('test/security/') && NUMBERED.test(readFileSync(join(root, file), 'utf8')));
  const references = rows.flatMap(({ tests = [] }) => tests).filter(({ file }) => !file.startsWith('test/security/'));
  const files = [...new Set([...numbered, ...references.map(({ file }) => file)])];
  const names = [...new Set(references.map(({ name }) => escaped(name))), '(^| )[A-I]\\d{1,2}(, [A-I]\\d{1,2})* '];
  return run(undefined, [...files, '-t', names.join('|')]);
};

try {
  const runs = [...run('security', []), ...elsewhere()];
  const verdicts = verdictsOf(rows, runs, deviationsIn(readFileSync(join(root, 'docs/security.md'), 'utf8')));
  for (const { row, result, shownBy, rule, why } of verdicts) {
    console.log(`${row.padEnd(4)}${result.padEnd(10)} ${rule}${shownBy.length > 0 ? `  [${shownBy.map((file) => file.replace(/^test\//, '').replace('.test.ts', '')).join(', ')}]` : ''}${why === undefined ? '' : `  (${why})`}`);
  }
  const strangers = unknownRows(rows, runs);
  if (strangers.length > 0) console.log(`tests name rows that the checklist does not have: ${strangers.join(', ')}`);
  console.log(summaryOf(verdicts, runs));
  console.log(closingLineOf(runs));
  const holds = strangers.length === 0 && runs.every(({ status }) => status === 'passed') && verdicts.every(({ result }) => result === 'tested' || result === 'deviation');
  process.exitCode = holds ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
