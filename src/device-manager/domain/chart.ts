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

/** The unit of a series. */
export const unitOf = (series: string): string => series.slice(series.lastIndexOf('|') + 1);

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

/** What the sources of some lines counted, together and day by day; days by their start. */
interface Totals {
  readonly ofAll: ReadonlyMap<string, number>;
  readonly ofDay: ReadonlyMap<number, ReadonlyMap<string, number>>;
}

const add = (totals: Map<string, number>, source: string, amount: number): void => void totals.set(source, (totals.get(source) ?? 0) + amount);

const totalsIn = (lines: readonly (readonly SourceCells[])[], dayStart: (x: number) => number): Totals => {
  const [ofAll, ofDay] = [new Map<string, number>(), new Map<number, Map<string, number>>()];
  for (const { source, cells } of lines.flat()) {
    for (const { x, sum } of cells) {
      const day = dayStart(x);
      const totals = ofDay.get(day) ?? new Map<string, number>();
      ofDay.set(day, totals);
      add(totals, source, sum);
      add(ofAll, source, sum);
    }
  }
  return { ofAll, ofDay };
};

/** Of the sources of a line those that it is drawn from, each with the cells of its days. */
export type ChooseByDay = (sources: readonly SourceCells[]) => SourceCells[];

/**
 * Chooses, for lines of one chart and unit, of each day the source that counted most over all of them: of two that count the same steps the
 * one that was worn more, and for all stages of a night the same one. A line of which that one has nothing on that day takes the next that
 * has. By days, so that a watch that was bought, lost or left at home takes no day away that the phone counted.
 */
export const chooseByDay = (lines: readonly (readonly SourceCells[])[], timeZone: string): ChooseByDay => {
  const dayStart = dayStartsIn(timeZone);
  const { ofAll, ofDay } = totalsIn(lines, dayStart);
  const totalOn = (day: number, source: string): number => ofDay.get(day)?.get(source) ?? 0;
  return (sources) => {
    const ranked = sources.toSorted((a, b) => (ofAll.get(b.source) ?? 0) - (ofAll.get(a.source) ?? 0) || (a.source < b.source ? -1 : 1));
    const most = new Map<number, string>();
    for (const { source, cells } of ranked) {
      for (const day of new Set(cells.map(({ x }) => dayStart(x)))) {
        const before = most.get(day);
        if (before === undefined || totalOn(day, source) > totalOn(day, before)) most.set(day, source);
      }
    }
    return ranked.map(({ source, cells }) => ({ source, cells: cells.filter(({ x }) => most.get(dayStart(x)) === source) })).filter(({ cells }) => cells.length > 0);
  };
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

/** The cells a line is drawn from, and the names of their sources where these are some by choice; `byDay` chooses where nobody asked for one. */
export const chosen = (sources: readonly SourceCells[], asked: string | undefined, { isCumulative, isOverlapping }: SeriesKind, byDay: ChooseByDay): Chosen => {
  if (isCumulative && !isOverlapping && (asked === undefined || asked === 'all')) return { from: withoutParts(sources) };
  if (asked === 'all' || (asked === undefined && (sources.length < 2 || !isOverlapping))) return { from: sources };
  const from = asked === undefined ? byDay(sources) : sources.filter(({ source }) => source === asked);
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
