import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import checklist from '../security/checklist.json' with { type: 'json' };
import { deviationsIn, type ChecklistRow } from '../security/verdicts.ts';

const root = join(import.meta.dirname, '../..');
const rows: readonly ChecklistRow[] = checklist;

const sections: Readonly<Record<string, string>> = {
  A: 'Sessions and cookies', B: 'Signing in and resetting passwords', C: 'Other sites', D: 'Who may do what', E: 'What is taken in', F: 'Transport, headers, errors',
  G: 'Keys', H: 'Privacy, log, audit', I: 'What it is made of, and how it runs',
};

const intro = `# The security checklist

Made from \`scripts/security/checklist.json\` and the names of the tests by \`npm run generate\`; do not edit it here.
\`npm run security\` runs them and tells what holds; what does not is a deviation, told with its reason in [security.md](security.md).
`;

const NAMED = /['"`]((?:[A-I]\d{1,2}, )*[A-I]\d{1,2}) /g;

/** The files whose tests carry a number of a row, by row. */
const filesByRow = (): Map<string, string[]> => {
  const pairs = globSync('test/**/*.test.ts', { cwd: root }).toSorted().flatMap((file) =>
    [...new Set([...readFileSync(join(root, file), 'utf8').matchAll(NAMED)].flatMap(([, numbers]) => numbers?.split(', ') ?? []))].map((row) => [row, file] as const));
  return new Map([...Map.groupBy(pairs, ([row]) => row)].map(([row, group]) => [row, group.map(([, file]) => file)]));
};

const link = (file: string): string => `[${file.replace(/^test\//, '').replace('.test.ts', '')}](../${file})`;

/** The page on the checklist: each rule with the files that test it. */
export const securityChecklistPage = (): string => {
  const files = filesByRow();
  const deviations = deviationsIn(readFileSync(join(root, 'docs/security.md'), 'utf8'));
  const shown = ({ row, tests = [] }: ChecklistRow): string => {
    const all = [...new Set([...(files.get(row) ?? []), ...tests.map(({ file }) => file)])].toSorted();
    return all.length > 0 ? all.map(link).join(', ') : deviations.has(row) ? 'deviation' : 'no test yet';
  };
  const tables = Object.entries(sections).map(([letter, title]) => {
    const lines = rows.filter(({ row }) => row.startsWith(letter)).map((one) => `| ${one.row} | ${one.rule} | ${shown(one)} |`);
    return `\n## ${letter} ${title}\n\n| row | rule | tests |\n|---|---|---|\n${lines.join('\n')}\n`;
  });
  return `${intro}${tables.join('')}`;
};
