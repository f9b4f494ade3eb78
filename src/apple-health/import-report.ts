import { resolveType } from '../healthkit/type-catalogue.ts';
import type { ImportedItem } from './export-item.ts';

/** What an export holds of one type. */
export interface TypeReport {
  readonly type: string;
  readonly items: number;
  /** First and last start as written. */
  readonly first: string;
  readonly last: string;
  readonly units: readonly string[];
  readonly sources: number;
  /** Whether HealthKit's catalogue has the type; what it has not is kept and waits for a rule. */
  readonly known: boolean;
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

interface Counted {
  items: number;
  first: { text: string; at: number };
  last: { text: string; at: number };
  readonly units: Set<string>;
  readonly sources: Set<string>;
}

const instantOf = (text: string): number => Date.parse(text.replace(/ (\d\d:\d\d:\d\d) ([+-]\d\d):?(\d\d)$/, 'T$1$2:$3'));

/** Counts items by type; sends nothing. */
export const reportOf = async (pages: AsyncIterable<readonly ImportedItem[]>): Promise<TypeReport[]> => {
  const types = new Map<string, Counted>();
  for await (const page of pages) {
    for (const { type, startDate, unit, sourceName } of page) {
      const start = { text: textOf(startDate), at: instantOf(textOf(startDate)) };
      const counted = types.get(type) ?? { items: 0, first: start, last: start, units: new Set<string>(), sources: new Set<string>() };
      types.set(type, counted);
      counted.items += 1;
      if (start.at < counted.first.at) counted.first = start;
      if (start.at > counted.last.at) counted.last = start;
      if (textOf(unit) !== '') counted.units.add(textOf(unit));
      if (textOf(sourceName) !== '') counted.sources.add(textOf(sourceName));
    }
  }
  return [...types].map(([type, { items, first, last, units, sources }]) => ({ type, items, first: first.text, last: last.text, units: [...units].sort(), sources: sources.size, known: resolveType(type) !== undefined })).sort((a, b) => b.items - a.items || (a.type < b.type ? -1 : 1));
};
