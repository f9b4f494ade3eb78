import { loincCode, type NormalizedData } from '../../measurement/coding.ts';

/** One point of a series: milliseconds since 1970 and value. */
export interface SeriesPoint {
  /** Code and unit, `8867-4|/min`. */
  readonly series: string;
  /** Name and unit for people. */
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

export interface ChartSeries {
  readonly name: string;
  readonly data: readonly { readonly x: number; readonly y: number }[];
}

/** The UTC day of an instant, YYYY-MM-DD. */
export const dayOf = (epochMs: number): string => new Date(epochMs).toISOString().slice(0, 10);

/** The points of a record: one per observation, at the start of its period. */
export const pointsOf = ({ period, observations }: NormalizedData): SeriesPoint[] =>
  observations.map(({ code, name, unit, unitCode, value }) => ({
    series: `${loincCode(code)}|${unitCode}`,
    name: `${name} [${unit}]`,
    x: Date.parse(period.startDate),
    y: value,
  }));

/** Joins chunks to one line per name and unit, in order of time; the order of lines is that of their codes. */
export const seriesOf = (chunks: readonly { series: string; name: string; points: readonly (readonly [number, number, string])[] }[], from: number, to: number): ChartSeries[] => {
  const bySeries = Object.entries(Object.groupBy(chunks, ({ series }) => series)).sort(([a], [b]) => (a < b ? -1 : 1));
  return bySeries.flatMap(([, group = []]) => {
    const data = group
      .flatMap(({ points }) => points)
      .filter(([x]) => x >= from && x < to)
      .sort((a, b) => a[0] - b[0])
      .map(([x, y]) => ({ x, y }));
    const name = group[0]?.name;
    return name === undefined || data.length === 0 ? [] : [{ name, data }];
  });
};
