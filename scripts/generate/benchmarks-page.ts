import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMet, type Benchmark, type Figure } from '../../bench/setup/benchmark.ts';
import { benchmarkNames, keptResult, type Result } from '../../bench/setup/result.ts';

const root = join(import.meta.dirname, '..', '..');

const intro = `# Benchmarks

Made by \`npm run generate\` from what \`npm run bench -- --keep\` left in \`bench/results\`; do not edit it here. \`npm run bench\` prints the table, and ends with 1
when something is missed; \`npm run bench -- upload\` runs one. Each figure is measured against a limit of its own in the same run, ways in turns, medians, on two
cores with the client on the same machine: ratios can be compared, times of other machines cannot. Idempotency, encryption, validation and audit are on in all.
`;

/** Figures in the order of the results. */
export const benchmarkFigures = (results: readonly Result[]): Figure[] => results.flatMap(({ findings }) => findings.figures);

/** What was reached, as people read it. */
export const reachedOf = ({ reached, unit }: Figure): string => (unit === undefined ? reached.toFixed(2) : `${reached.toFixed(0)} ${unit}`);

/** What must be, as people read it. */
export const boundOf = ({ bound: { is, must }, unit }: Figure): string => `${is === 'at least' ? '≥' : '≤'} ${String(must)}${unit === undefined ? '' : ` ${unit}`}`;

const markdownTable = ([head = [], ...rows]: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

const figureRow = (figure: Figure): string[] =>
  [figure.what, figure.against, boundOf(figure), figure.bound.aim === undefined ? '' : String(figure.bound.aim), `${isMet(figure) ? '' : '**missed:** '}${reachedOf(figure)}`];

const whereOf = ({ benchmark, date, commit, machine: { processors, model, memoryGiB, node, postgres, load } }: Result): string =>
  `\`npm run bench -- ${benchmark}\`, ${date}, commit ${commit}, ${String(processors)} cores (${model}), ${String(memoryGiB)} GiB, Node ${node}, PostgreSQL ${postgres}, load before ${String(load)}:`;

const section = ({ title, about, remarks }: Benchmark, result: Result | undefined): string =>
  [`## ${title}`, about, ...(result ? [whereOf(result), markdownTable(result.findings.table)] : ['No result is kept yet.']), ...(remarks === undefined ? [] : [remarks])].join('\n\n');

/** The page on what was measured. */
export const benchmarksPage = async (): Promise<string> => {
  const kept = benchmarkNames().flatMap((name) => keptResult('bench/results', name) ?? []);
  const sections = await Promise.all(benchmarkNames().map(async (name) => section(((await import(`../../bench/${name}.ts`)) as { benchmark: Benchmark }).benchmark, keptResult('bench/results', name))));
  const figures = markdownTable([['what', 'against', 'must be', 'aim', 'reached'], ...benchmarkFigures(kept).map(figureRow)]);
  const byTests = readFileSync(join(root, 'bench', 'measured-by-tests.md'), 'utf8').trim();
  return `${[intro.trimEnd(), figures, ...sections, byTests].join('\n\n')}\n`;
};
