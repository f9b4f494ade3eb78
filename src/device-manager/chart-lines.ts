import type { Pool } from '../database/pool.ts';
import { inOneOrder } from '../healthkit/item-identity.ts';
import type { ScopeKeys } from '../keys/scope-keys.ts';
import { dayMs, hourMs, partsHour, widthFor, type Cell } from './domain/chart-bucket.ts';
import { cellOf, countOf, dayOf, type ChartStyle, type SourceCells } from './domain/chart.ts';
import { readSeriesChunks, type SeriesFilter } from './storage/series-chunk-table.ts';
import { readRollups } from './storage/series-rollup-table.ts';

/** Name and values of a series, by what measured them. */
export interface Line {
  readonly name: string;
  readonly sources: readonly SourceCells[];
}

/** Lines by series; `exact` where each cell is one value. */
interface Lines {
  readonly exact: boolean;
  readonly bySeries: ReadonlyMap<string, Line>;
}

/** From an instant to another, which is outside; milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Where values are read, and which. */
interface Reading {
  readonly pool: Pool;
  readonly keys: ScopeKeys;
  readonly patientId: string;
  readonly filter: SeriesFilter;
  /** Series of which each day is drawn from one source. */
  readonly overlapping: ReadonlySet<string>;
}

interface Part extends Line {
  readonly series: string;
}

/** Of charts with more days or values the hours stay whole inside which a bucket begins: reading all values would cost what rollups are there to save. */
const mostPartedDays = 400;
const mostPartedValues = 200_000;

const joined = (parts: readonly Part[]): ReadonlyMap<string, Line> => {
  const bySeries = Map.groupBy(parts, ({ series }) => series);
  return new Map([...bySeries].map(([series, group]) => {
    const bySource = Map.groupBy(group.flatMap(({ sources }) => sources), ({ source }) => inOneOrder(source));
    const sources = [...bySource].map(([source, some]) => ({ source, cells: some.flatMap(({ cells }) => cells) })).filter(({ cells }) => cells.length > 0);
    return [series, { name: group[0]?.name ?? series, sources }];
  }));
};

const withDays = (filter: SeriesFilter, { from, to }: Span): SeriesFilter => ({ ...filter, fromDay: dayOf(from), toDay: dayOf(to - 1) });

const withCells = (part: Part, isWanted: (cell: Cell) => boolean): Part =>
  ({ ...part, sources: part.sources.map(({ source, cells }) => ({ source, cells: cells.filter(isWanted) })) });

/** Reads values from the chunks of days. */
const valuesWhere = async ({ pool, keys, patientId }: Reading, filter: SeriesFilter, isWanted: (x: number) => boolean): Promise<Part[]> => {
  const chunks = await readSeriesChunks(pool, keys, patientId, filter);
  return chunks.map(({ key, name, points }) => {
    const bySource = Map.groupBy(points.filter(([x]) => isWanted(x)), ([, , , , source]) => source);
    return { series: key.series, name, sources: [...bySource].map(([source, some]) => ({ source, cells: some.map(([x, y]) => cellOf(x, y)) })) };
  });
};

const valuesIn = (reading: Reading, span: Span): Promise<Part[]> => valuesWhere(reading, withDays(reading.filter, span), (x) => x >= span.from && x < span.to);

/** Reads whole hours from the rollups of months, and values at the ends, where an hour counts in part. */
const hoursIn = async (reading: Reading, span: Span): Promise<{ readonly whole: Part[]; readonly ends: Part[] }> => {
  const { pool, keys, patientId, filter } = reading;
  const inner = { from: Math.ceil(span.from / hourMs) * hourMs, to: Math.floor(span.to / hourMs) * hourMs };
  // Within one hour there is no whole one, and the two ends would overlap.
  if (inner.from > inner.to) return { whole: [], ends: await valuesIn(reading, span) };
  const rollups = await readRollups(pool, keys, patientId, withDays(filter, span));
  const whole = rollups.map((part) => withCells(part, ({ x }) => x >= inner.from && x < inner.to));
  const ends = [{ from: span.from, to: inner.from }, { from: inner.to, to: span.to }].filter((end) => end.to > end.from);
  return { whole, ends: (await Promise.all(ends.map((end) => valuesIn(reading, end)))).flat() };
};

const countIn = ({ sources }: Line): number => sources.reduce((sum, source) => sum + countOf(source), 0);

/** Has values stand in place of the hours inside which a bucket begins, or a day that has a source of its own, where these are on few days. */
const parted = async (reading: Reading, whole: readonly Part[], { widthMs, timeZone }: { readonly widthMs: number; readonly timeZone: string }): Promise<Part[]> => {
  const isParted = partsHour(whole.some(({ series }) => reading.overlapping.has(series)) ? Math.min(widthMs, dayMs) : widthMs, timeZone);
  const hours = new Set(whole.flatMap(({ sources }) => sources.flatMap(({ cells }) => cells.map(({ x }) => x))).filter(isParted));
  const days = [...new Set([...hours].map(dayOf))];
  const count = whole.reduce((sum, part) => sum + countIn(part), 0);
  if (days.length === 0 || days.length > mostPartedDays || count > mostPartedValues) return [...whole];
  const values = await valuesWhere(reading, { ...reading.filter, days }, (x) => hours.has(Math.floor(x / hourMs) * hourMs));
  return [...whole.map((part) => withCells(part, ({ x }) => !hours.has(x))), ...values];
};

/** The lines of a chart: hours where it has more values than points and a bucket is an hour or more, else the values. */
export const linesIn = async (reading: Reading, span: Span, { points, timeZone }: Pick<ChartStyle, 'points' | 'timeZone'>): Promise<Lines> => {
  const widthMs = widthFor(span.to - span.from, points);
  if (widthMs >= hourMs) {
    const { whole, ends } = await hoursIn(reading, span);
    const isTooMuch = [...joined([...whole, ...ends]).values()].some((line) => countIn(line) > points);
    if (isTooMuch) return { exact: false, bySeries: joined([...await parted(reading, whole, { widthMs, timeZone }), ...ends]) };
  }
  return { exact: true, bySeries: joined(await valuesIn(reading, span)) };
};
