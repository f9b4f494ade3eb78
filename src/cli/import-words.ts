import type { TypeReport } from '../apple-health/import-report.ts';
import type { ImportOutcome } from '../apple-health/import-run.ts';
import type { LeftOut } from '../apple-health/left-out.ts';
import { table } from './table.ts';

/** What an export holds, by type. */
export const wordsOfReport = (types: readonly TypeReport[]): string =>
  table(['TYPE', 'ITEMS', 'FIRST', 'LAST', 'UNITS', 'SOURCES', 'KNOWN'], types.map(({ type, items, first, last, units, sources, known }) => [type, String(items), first, last, units.join(' '), String(sources), known ? 'yes' : 'no']), 'The export holds nothing.');

/** What became of the items of an import. */
export const wordsOfOutcome = ({ items, skipped, statuses, refused }: ImportOutcome): string => [
  `${String(items)} items sent${skipped > 0 ? `, ${String(skipped)} had been before` : ''}: ${Object.entries(statuses).map(([status, number]) => `${String(number)} ${status}`).join(', ') || 'none'}`,
  ...refused.map(({ type, code, items: number }) => `${String(number)} of ${type} refused: ${code}`),
].join('\n');

/** A line for each kind of file that was not read; none where all were. */
export const wordsOfLeftOut = ({ unread, missing }: LeftOut): string[] => [
  ...unread.map(({ kind, files }) => `Not read: ${String(files)} of ${kind}`),
  ...missing.map(({ kind, files }) => `Named by the export and not there: ${String(files)} of ${kind}`),
];
