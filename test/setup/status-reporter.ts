import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSpec } from '../../src/http/spec.ts';
import { coverageFault, statusCoverage, type Specified } from './status-coverage.ts';
import { uncausedStatuses } from './uncaused-statuses.ts';

/** What jest tells of a run that is of use here. */
interface Run {
  readonly testPathPatterns: { readonly patterns: readonly string[] };
  readonly testNamePattern?: string;
  readonly onlyChanged: boolean;
  readonly onlyFailures: boolean;
  readonly findRelatedTests: boolean;
  readonly shard?: object;
}

const specifications = (): Specified[] => ['bff', 'device-manager', 'user-manager'].map((service) => {
  const file = join(import.meta.dirname, '../../generated', `${service}.json`);
  return { service, spec: loadSpec(JSON.parse(readFileSync(file, 'utf8'))) };
});

const answersIn = (folder: string): Set<string> =>
  new Set(readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').filter((line) => line !== '')));

/** Fails a run of all tests in which a declared status of an operation was never answered, or an answered one is not declared. */
export default class StatusReporter {
  readonly #isWhole: boolean;
  readonly #say: (text: string) => void;
  #fault: string | undefined;

  /** `say` prints; jest hands over options there, of which there are none. */
  constructor({ testPathPatterns, testNamePattern, onlyChanged, onlyFailures, findRelatedTests, shard }: Run, say: unknown) {
    this.#say = typeof say === 'function' ? (say as (text: string) => void) : (text) => process.stdout.write(`${text}\n`);
    const isPart = testPathPatterns.patterns.length > 0 || testNamePattern !== undefined || onlyChanged || onlyFailures || findRelatedTests || shard !== undefined;
    this.#isWhole = !isPart && process.env['SUITE'] === undefined;
  }

  onRunComplete(_contexts: unknown, { wasInterrupted }: { wasInterrupted: boolean }): void {
    const folder = process.env['ANSWERS_DIR'];
    const wishedFor = process.env['STATUSES'] === '1';
    if (folder === undefined || wasInterrupted || !(this.#isWhole || wishedFor)) return;
    const coverage = statusCoverage(specifications(), answersIn(folder), uncausedStatuses);
    this.#fault = coverageFault(coverage);
    this.#say(this.#fault ?? `Statuses: ${coverage.declared} declared, all seen but ${uncausedStatuses.flatMap(({ operations }) => operations).length} that nobody can cause`);
  }

  getLastError(): Error | undefined {
    return this.#isWhole && this.#fault !== undefined ? new Error(this.#fault) : undefined;
  }
}
