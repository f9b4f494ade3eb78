import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { coverageFault, statusCoverage } from '../setup/status-coverage.ts';
import StatusReporter from '../setup/status-reporter.ts';
import { uncausedStatuses } from '../setup/uncaused-statuses.ts';
import { specifications } from './specifications.ts';

/** As if every declared status had been answered, but for those that nobody can cause. */
const excused = new Set(uncausedStatuses.flatMap(({ status, operations }) => operations.map((id) => `${id} ${status}`)));
const all = specifications.flatMap(({ service, spec }) => spec.operations.flatMap(({ id, platform, template, responses }) =>
  [...responses.keys()].filter((status) => !excused.has(`${id} ${status}`)).map((status) => `${service} ${platform ? `platform:${template}` : id} ${status}`)));
const faultWith = (answered: readonly string[]): string | undefined => coverageFault(statusCoverage(specifications, new Set(answered), uncausedStatuses));

describe('statuses that tests have seen', () => {
  test.each([
    { situation: 'all', answered: all, told: undefined },
    { situation: 'those of other services, too', answered: [...all, 'shelf listBooks 418', 'bff unmatched 404'], told: undefined },
    { situation: 'all but one', answered: all.filter((line) => line !== 'bff getChartData 304'), told: /1 declared, but no test has seen it .*:\n {2}getChartData 304$/ },
    { situation: 'all but one of a page of the platform', answered: all.filter((line) => line !== 'device-manager platform:/-/ready 503'), told: /\n {2}deviceManagerReady 503$/ },
    { situation: 'one that is not declared', answered: [...all, 'bff getChartData 418'], told: /1 answered, but not declared:\n {2}getChartData 418$/ },
    { situation: 'one that was excused', answered: [...all, 'bff getLimits 503'], told: /1 excused in .*:\n {2}getLimits 503$/ },
  ])('$situation', ({ answered, told }) => {
    if (told === undefined) expect(faultWith(answered)).toBeUndefined();
    else expect(faultWith(answered)).toMatch(told);
  });
});

describe('a run of tests', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-answered-'));
  const before = { ...process.env };
  beforeEach(() => {
    Object.assign(process.env, { ANSWERS_DIR: folder });
    delete process.env['SUITE'];
    writeFileSync(join(folder, 'one'), all.slice(1).join('\n'));
  });
  afterAll(() => {
    process.env = before;
    rmSync(folder, { recursive: true, force: true });
  });

  const whole = { testPathPatterns: { patterns: [] as string[] }, onlyChanged: false, onlyFailures: false, findRelatedTests: false };
  const errorOf = (run: typeof whole, wasInterrupted = false): string | undefined => {
    const reporter = new StatusReporter(run, () => undefined);
    reporter.onRunComplete(undefined, { wasInterrupted });
    return reporter.getLastError()?.message;
  };

  test('of all files fails when one status was not seen', () => {
    expect(errorOf(whole)).toMatch(/1 declared, but no test has seen it/);
  });

  test.each([
    { situation: 'of one file', run: { ...whole, testPathPatterns: { patterns: ['test/bff'] } } },
    { situation: 'of tests by name', run: { ...whole, testNamePattern: 'chart' } },
    { situation: 'of what has changed', run: { ...whole, onlyChanged: true } },
    { situation: 'that was interrupted', run: whole, wasInterrupted: true },
  ])('$situation is not judged', ({ run, wasInterrupted }) => {
    expect(errorOf(run, wasInterrupted)).toBeUndefined();
  });

  test('of another suite is not judged', () => {
    process.env['SUITE'] = 'faults';
    expect(errorOf(whole)).toBeUndefined();
  });
});
