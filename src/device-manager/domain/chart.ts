import { isoOf } from '../../measurement/usual-date-time.ts';
import { loincCode, type NormalizedData } from '../../measurement/coding.ts';
import { bucketsOf, dayStartsIn, durationOf, hourMs, widthFor, type Bucket, type Cell } from './chart-bucket.ts';

/** One point of a series: milliseconds since 1970 and value. */
export interface SeriesPoint {
  /** Code and unit, `8867-4|/min`. */
  readonly series: string;
  /** Name and unit for people. */
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

/** One line of a chart. */
export interface ChartSeries {
  readonly name: string;
  /** The one source that was chosen, because values of several would add up to too much, or because it was asked for. */
  readonly source?: string;
  /** Those that were chosen, each for some days, where it is not the same one every day; the one with the highest total first. */
  readonly chosenSources?: string[];
  /** All that measured in that time, the one with the most values first. */
  readonly sources: string[];
  /** Values add up: a bucket is their sum. */
  readonly cumulative?: boolean;
  /** Length of a bucket, ISO 8601; missing where the values themselves are shown. */
  readonly interval?: string;
  readonly data: ({ readonly x: number; readonly y: number } | Bucket)[];
}

/** Cells of one source of a series. */
export interface SourceCells {
  readonly source: string;
  readonly cells: readonly Cell[];
}

/** How a chart is to be drawn. */
export interface ChartStyle {
  /** At most so many points of each line. */
  readonly points: number;
  readonly timeZone: string;
  /** A source by name, or `all`; left out, all of what is measured, and of what several count at once one each day. */
  readonly source: string | undefined;
}

/** The UTC day of an instant, YYYY-MM-DD. */
export const dayOf = (epochMs: number): string => isoOf(epochMs).slice(0, 10);

/** How a series is named where it is stored: code and unit. */
export const seriesName = (code: string, unitCode: string): string => `${code}|${unitCode}`;

/** The points of a record: one per observation, at the start of its period. */
export const pointsOf = ({ period, observations }: NormalizedData): SeriesPoint[] =>
  observations.map(({ code, name, unit, unitCode, value }) => ({
    series: seriesName(loincCode(code), unitCode),
    name: `${name} [${unit}]`,
    x: Date.parse(period.startDate),
    y: value,
  }));

/** One value as a cell. */
export const cellOf = (x: number, y: number): Cell => ({ x, count: 1, min: y, max: y, sum: y });

/** The cells of whole hours of UTC, in order. */
export const hoursOf = (points: Iterable<readonly [x: number, y: number]>): Cell[] =>
  bucketsOf([...points].map(([x, y]) => cellOf(x, y)), { widthMs: hourMs, timeZone: 'UTC', sums: true }).map(({ x, y, min, max, count }) => ({ x, count, min, max, sum: y }));

const totalOf = (cells: readonly Cell[], of: (cell: Cell) => number): number => cells.reduce((sum, cell) => sum + of(cell), 0);

const namesIn = (source: string): ReadonlySet<string> => new Set(source.split('|'));

/**
 * Of what is told by a source, and from the same instant on again with others in one sum (`Pump`, then `Pump|Pen`), the sum alone. What has
 * several values there are single amounts, and no total that has become another.
 */
const withoutParts = (sources: readonly SourceCells[]): readonly SourceCells[] => {
  const sums = sources.filter(({ source }) => source.includes('|')).map(({ source, cells }) => ({ names: namesIn(source), starts: new Set(cells.filter(({ count }) => count === 1).map(({ x }) => x)) }));
  if (sums.length === 0) return sources;
  return sources.map(({ source, cells }) => {
    const own = namesIn(source);
    const wider = sums.filter(({ names }) => names.size > own.size && own.isSubsetOf(names));
    return { source, cells: cells.filter(({ x, count }) => count > 1 || !wider.some(({ starts }) => starts.has(x))) };
  });
};

const byTotal = (sources: readonly SourceCells[]): SourceCells[] => {
  const totals = new Map(sources.map(({ source, cells }) => [source, totalOf(cells, ({ sum }) => sum)]));
  return sources.toSorted((a, b) => (totals.get(b.source) ?? 0) - (totals.get(a.source) ?? 0) || (a.source < b.source ? -1 : 1));
};

/**
 * Of each day the cells of the source with the highest total in it: of two that count the same steps, the one that was worn more. By days,
 * so that a watch that was bought, lost or left at home takes no day away that the phone counted. The highest total of all comes first.
 */
const busiestOfDays = (sources: readonly SourceCells[], timeZone: string): SourceCells[] => {
  const dayStart = dayStartsIn(timeZone);
  const ranked = byTotal(sources);
  const highest = new Map<number, { readonly source: string; readonly total: number }>();
  for (const { source, cells } of ranked) {
    for (const [day, some] of Map.groupBy(cells, ({ x }) => dayStart(x))) {
      const total = totalOf(some, ({ sum }) => sum);
      if (total > (highest.get(day)?.total ?? -Infinity)) highest.set(day, { source, total });
    }
  }
  return ranked.map(({ source, cells }) => ({ source, cells: cells.filter(({ x }) => highest.get(dayStart(x))?.source === source) })).filter(({ cells }) => cells.length > 0);
};

/** Whether the values of a series add up, and whether several sources tell the same ones. */
export interface SeriesKind {
  readonly isCumulative: boolean;
  readonly isOverlapping: boolean;
}

/** What a line is drawn from. */
interface Chosen extends Pick<ChartSeries, 'source' | 'chosenSources'> {
  readonly from: readonly SourceCells[];
}

/** The cells a line is drawn from, and the names of their sources where these are some by choice. */
export const chosen = (sources: readonly SourceCells[], { source: asked, timeZone }: Pick<ChartStyle, 'source' | 'timeZone'>, { isCumulative, isOverlapping }: SeriesKind): Chosen => {
  if (isCumulative && !isOverlapping && (asked === undefined || asked === 'all')) return { from: withoutParts(sources) };
  if (asked === 'all' || (asked === undefined && (sources.length < 2 || !isOverlapping))) return { from: sources };
  const from = asked === undefined ? busiestOfDays(sources, timeZone) : sources.filter(({ source }) => source === asked);
  const [first, ...others] = from.map(({ source }) => source);
  if (first === undefined) return { from };
  return others.length === 0 ? { from, source: first } : { from, chosenSources: [first, ...others] };
};

/** How many values a source has. */
export const countOf = ({ cells }: SourceCells): number => totalOf(cells, ({ count }) => count);

/** Draws a line: the values themselves when they are few enough and `exact` (each cell is one value), else buckets of a usual length over `spanMs`. */
export const drawn = (from: readonly SourceCells[], { points, timeZone }: ChartStyle, { spanMs, isCumulative, exact }: { readonly spanMs: number; readonly isCumulative: boolean; readonly exact: boolean }): Pick<ChartSeries, 'data' | 'interval'> => {
  const cells = from.flatMap((one) => one.cells);
  if (exact && cells.length <= points) return { data: cells.map(({ x, sum }) => ({ x, y: sum })).sort((a, b) => a.x - b.x) };
  const widthMs = widthFor(spanMs, points);
  return { interval: durationOf(widthMs), data: bucketsOf(cells, { widthMs, timeZone, sums: isCumulative }) };
};
