import type { Spec } from '../../src/http/spec.ts';

/** A service's specification under the name that its answers have. */
export interface Specified {
  readonly service: string;
  readonly spec: Spec;
}

/** Statuses that no test can cause honestly, and why. */
export interface Uncaused {
  readonly status: string;
  /** Operations, or all of a service that have the status. */
  readonly operations: readonly string[];
  readonly reason: string;
}

/** What was declared and never answered, answered and never declared, and excused although it was answered. */
export interface StatusCoverage {
  readonly declared: number;
  readonly unseen: readonly string[];
  readonly undeclared: readonly string[];
  readonly needlessExcuses: readonly string[];
}

/** Holds answers (`service operationId status`, pages of the platform by their path) against the statuses that the specifications declare. */
export const statusCoverage = (specified: readonly Specified[], answered: ReadonlySet<string>, uncaused: readonly Uncaused[]): StatusCoverage => {
  const excused = new Set(uncaused.flatMap(({ status, operations }) => operations.map((operation) => `${operation} ${status}`)));
  const operations = specified.flatMap(({ service, spec }) => spec.operations.map(({ id, platform, template, responses }) =>
    ({ id, key: `${service} ${platform ? `platform:${template}` : id}`, statuses: [...responses.keys()] })));
  const pairs = operations.flatMap(({ id, key, statuses }) => statuses.map((status) => ({ told: `${id} ${status}`, isSeen: answered.has(`${key} ${status}`) })));
  const declared = new Map(operations.map(({ id, key, statuses }) => [key, { id, statuses }]));
  const undeclared = [...answered].flatMap((line) => {
    const [, key = '', status = ''] = /^(.*) (\d+)$/.exec(line) ?? [];
    const known = declared.get(key);
    return known === undefined || known.statuses.includes(status) ? [] : [`${known.id} ${status}`];
  });
  const everDeclared = new Set(pairs.map(({ told }) => told));
  return {
    declared: pairs.length,
    unseen: pairs.filter(({ told, isSeen }) => !isSeen && !excused.has(told)).map(({ told }) => told),
    undeclared,
    needlessExcuses: [...excused].filter((told) => !everDeclared.has(told) || pairs.some((pair) => pair.told === told && pair.isSeen)),
  };
};

/** What is wrong with the coverage, by lines; undefined when nothing is. */
export const coverageFault = ({ unseen, undeclared, needlessExcuses }: StatusCoverage): string | undefined => {
  const parts: [string, readonly string[]][] = [
    ['declared, but no test has seen it (cause it in test/contract/statuses.test.ts, or take it out of the specification)', unseen],
    ['answered, but not declared', undeclared],
    ['excused in test/setup/uncaused-statuses.ts, but declared no more, or seen', needlessExcuses],
  ];
  const told = parts.filter(([, list]) => list.length > 0).map(([what, list]) => `${list.length} ${what}:\n${list.map((one) => `  ${one}`).join('\n')}`);
  return told.length === 0 ? undefined : `Statuses of operations:\n${told.join('\n')}`;
};
