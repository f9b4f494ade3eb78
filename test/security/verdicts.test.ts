import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import checklist from '../../scripts/security/checklist.json' with { type: 'json' };
import { deviationsIn, rowsNamedBy, summaryOf, unknownRows, verdictsOf, type ChecklistRow, type TestRun } from '../../scripts/security/verdicts.ts';

const passed = (...names: string[]): TestRun => ({ file: 'test/a.test.ts', names, status: 'passed' });
const row: ChecklistRow = { row: 'E3', rule: 'JSON nests 32 levels at most.' };
const resultOf = (one: ChecklistRow, runs: TestRun[], deviations: string[] = []) => verdictsOf([one], runs, new Set(deviations))[0]?.result;

describe('the report on the checklist', () => {
  test.each<[string, ChecklistRow, TestRun[], string[], string]>([
    ['a test that carries the number', row, [passed('bodies', 'E3 nesting beyond 32 levels')], [], 'tested'],
    ['a test under a name that carries several numbers', row, [passed('E2, E3 bodies', 'nesting')], [], 'tested'],
    ['a test that is referred to', { ...row, tests: [{ file: 'test/a.test.ts', name: 'nesting' }] }, [passed('bodies', 'nesting')], [], 'tested'],
    ['no test', row, [passed('E30 something else'), passed('about E3 in the middle')], [], 'missing'],
    ['a reference that leads nowhere', { ...row, tests: [{ file: 'test/a.test.ts', name: 'gone' }] }, [passed('E3 nesting')], [], 'missing'],
    ['a failed test beside a passed one', row, [passed('E3 nesting'), { ...passed('E3 objects'), status: 'failed' }], [], 'failed'],
    ['a skipped test', row, [{ ...passed('E3 nesting'), status: 'skipped' }], [], 'failed'],
    ['a deviation', row, [], ['E3'], 'deviation'],
    ['a test of a deviation', row, [passed('E3 nesting')], ['E3'], 'tested'],
  ])('%s', (_situation, one, runs, deviations, result) => {
    expect(resultOf(one, runs, deviations)).toBe(result);
  });

  test('a planted miss is counted and named', () => {
    const verdicts = verdictsOf([row, { row: 'E4', rule: 'Bounds.' }], [passed('E3 nesting')], new Set());
    expect(verdicts[1]).toMatchObject({ result: 'missing', why: 'no test, and no deviation' });
    expect(summaryOf(verdicts, [passed('E3 nesting')])).toBe('security: 2 rows: 1 tested, 0 deviations, 0 failed, 1 missing; 1 tests passed, 0 failed');
  });

  test('numbers are read at the beginning of names alone, and those of no row are told', () => {
    expect(rowsNamedBy(['the cookie', 'A3, A10 HttpOnly', 'B2x no', 'E11 XML'])).toEqual(['A3', 'A10', 'E11']);
    expect(unknownRows([row], [passed('E3 x'), passed('E99 y')])).toEqual(['E99']);
  });

  test('I8 deviations are read from their section of docs/security.md, and each is of a row', () => {
    expect([...deviationsIn('## Deviations\n\n- **A4** the name.\n- **B4**, **B5** none yet.\n\n## Other\n\n- **C1** no\n')]).toEqual(['A4', 'B4', 'B5']);
    const listed = [...deviationsIn(readFileSync(join(import.meta.dirname, '../../docs/security.md'), 'utf8'))];
    expect(listed.filter((one) => !checklist.some(({ row: known }) => known === one))).toEqual([]);
  });

  test('every test that the checklist refers to is written in its file', () => {
    const astray = checklist.flatMap(({ row: name, tests }) => (tests ?? []).filter((reference) => !readFileSync(join(import.meta.dirname, '../..', reference.file), 'utf8').includes(reference.name)).map((reference) => `${name}: ${reference.name}`));
    expect(astray).toEqual([]);
  });

  test('every row of the checklist is there once, in order', () => {
    const counts = { A: 12, B: 20, C: 5, D: 11, E: 19, F: 8, G: 9, H: 10, I: 9 };
    expect(checklist.map(({ row: name }) => name)).toEqual(Object.entries(counts).flatMap(([section, count]) => Array.from({ length: count }, (_, index) => `${section}${String(index + 1)}`)));
  });
});
