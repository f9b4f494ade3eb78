/** A row of the checklist: what holds, and the tests that show it beside those that carry the number of the row in their name. */
export interface ChecklistRow {
  readonly row: string;
  readonly rule: string;
  /** A test whose full name has `name` in it. */
  readonly tests?: readonly { readonly file: string; readonly name: string }[];
}

/** One test that was run. `file` is relative to the repository, `names` are its own and those it stands under. */
export interface TestRun {
  readonly file: string;
  readonly names: readonly string[];
  readonly status: 'passed' | 'failed' | 'skipped';
}

/** What became of a row. `missing` is a row without a test, or with a reference that leads to none. */
export interface Verdict extends ChecklistRow {
  readonly result: 'tested' | 'deviation' | 'missing' | 'failed';
  readonly shownBy: readonly string[];
  readonly why?: string;
}

const NUMBERS = /^[A-I]\d{1,2}(?:, [A-I]\d{1,2})*(?= )/;

/** The rows that a test names at the beginning of its name, or of a name that it stands under: `E3 nesting beyond 32 levels`, `F3, F4 …`. */
export const rowsNamedBy = (names: readonly string[]): string[] => names.flatMap((name) => NUMBERS.exec(name)?.[0].split(', ') ?? []);

/** Rows that a document lists as deviations: `- **A4** …` under the heading "Deviations". */
export const deviationsIn = (markdown: string): ReadonlySet<string> => {
  const section = /^## Deviations$([^]*?)(?=^## |(?![^]))/m.exec(markdown)?.[1] ?? '';
  return new Set([...section.matchAll(/^- ((?:\*\*[A-I]\d{1,2}\*\*(?:, )?)+)/gm)].flatMap(([, rows]) => [...(rows ?? '').matchAll(/[A-I]\d{1,2}/g)].map(String)));
};

const fullName = ({ names }: TestRun): string => names.join(' ');

/** What each row comes to. A row is tested when a test shows it, none of its tests failed or was skipped, and every reference leads to one. */
export const verdictsOf = (checklist: readonly ChecklistRow[], runs: readonly TestRun[], deviations: ReadonlySet<string>): Verdict[] =>
  checklist.map((row): Verdict => {
    const referred = (row.tests ?? []).map((reference) => ({ reference, found: runs.filter((run) => run.file === reference.file && fullName(run).includes(reference.name)) }));
    const own = [...new Set([...runs.filter(({ names }) => rowsNamedBy(names).includes(row.row)), ...referred.flatMap(({ found }) => found)])];
    const shownBy = [...new Set(own.map(({ file }) => file))].toSorted();
    const astray = referred.find(({ found }) => found.length === 0)?.reference;
    const bad = own.find(({ status }) => status !== 'passed');
    if (bad !== undefined) return { ...row, result: 'failed', shownBy, why: `${bad.status}: ${fullName(bad)}` };
    if (astray !== undefined) return { ...row, result: 'missing', shownBy, why: `no test "${astray.name}" in ${astray.file}` };
    if (own.length > 0) return { ...row, result: 'tested', shownBy };
    return deviations.has(row.row) ? { ...row, result: 'deviation', shownBy } : { ...row, result: 'missing', shownBy, why: 'no test, and no deviation' };
  });

/** Numbers in names of tests that no row has: a typing error, or a row that is missing. */
export const unknownRows = (checklist: readonly ChecklistRow[], runs: readonly TestRun[]): string[] => {
  const known = new Set(checklist.map(({ row }) => row));
  return [...new Set(runs.flatMap(({ names }) => rowsNamedBy(names)))].filter((row) => !known.has(row));
};

/** The last line: how many rows are what. */
export const summaryOf = (verdicts: readonly Verdict[], runs: readonly TestRun[]): string => {
  const count = (result: Verdict['result']): string => String(verdicts.filter((verdict) => verdict.result === result).length);
  const tests = (status: TestRun['status']): string => String(runs.filter((run) => run.status === status).length);
  return `security: ${String(verdicts.length)} rows: ${count('tested')} tested, ${count('deviation')} deviations, ${count('failed')} failed, ${count('missing')} missing; ${tests('passed')} tests passed, ${tests('failed')} failed`;
};

/** How many tests were run, in the words of the test runner, so that they are counted with those of the other suites. */
export const closingLineOf = (runs: readonly TestRun[]): string => {
  const count = (status: TestRun['status']): number => runs.filter((run) => run.status === status).length;
  const parts = (['failed', 'skipped', 'passed'] as const).flatMap((status) => (count(status) > 0 ? [`${String(count(status))} ${status}`] : []));
  return `Tests: ${[...parts, `${String(runs.length)} total`].join(', ')}`;
};
