import type { ChartSeries } from '../../../generated/bff.d.ts';
import { conversionsOf, type Conversion } from './unit-choice.ts';

/** One value, or one bucket of them. */
export interface Point {
  /** Milliseconds since 1970. */
  readonly x: number;
  readonly y: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** One line of a chart in the unit in which it is shown. */
export interface Line {
  readonly name: string;
  readonly unit: string;
  readonly points: readonly Point[];
  /** Length of a bucket in milliseconds; undefined where each point is one value. */
  readonly bucketMs: number | undefined;
  /** Values add up: a point is a sum. */
  readonly isSum: boolean;
}

/** Name and unit of `Heart rate [bpm]`. */
const named = (text: string): { readonly name: string; readonly unit: string } => {
  const at = text.lastIndexOf(' [');
  return at < 0 || !text.endsWith(']') ? { name: text, unit: '' } : { name: text.slice(0, at), unit: text.slice(at + 2, -1) };
};

const lengths: Readonly<Record<string, number>> = { D: 86_400_000, H: 3_600_000, M: 60_000, S: 1000 };

/** The length of `PT3H` or `P7D` in milliseconds. */
export const millisecondsOf = (duration: string | undefined): number | undefined => {
  const [, count, letter = ''] = /^PT?(\d+)([DHMS])$/.exec(duration ?? '') ?? [];
  const length = lengths[letter];
  return count === undefined || length === undefined ? undefined : Number(count) * length;
};

/** The units in which the lines of a chart can be shown, by the one that the service answers; only where there is a choice. */
export const unitChoices = (series: readonly ChartSeries[]): ReadonlyMap<string, readonly Conversion[]> => {
  const all = series.map((one) => named(one.name)).map(({ name, unit }) => [unit, conversionsOf(name, unit)] as const);
  return new Map(all.filter(([, conversions]) => conversions.length > 1));
};

/** Blood pressure is told with the systolic value first; all else comes in the order of the service. */
const isSystolic = ({ name }: Line): boolean => /^systolic\b/i.test(name);

/** Lines as they are shown; `units` says which unit stands for which. */
export const linesOf = (series: readonly ChartSeries[], units: Readonly<Record<string, string>>): readonly Line[] =>
  series.map(({ name: text, interval, cumulative = false, data }): Line => {
    const { name, unit } = named(text);
    const conversions = conversionsOf(name, unit);
    const { unit: shown, factor, offset } = conversions.find((one) => one.unit === units[unit]) ?? conversions[0] ?? { unit, factor: 1, offset: 0 };
    const told = (value: number): number => value * factor + offset;
    const points = data.map(({ x, y, min = y, max = y, count = 1 }) => ({ x, y: told(y), min: told(min), max: told(max), count }));
    return { name, unit: shown, points, bucketMs: millisecondsOf(interval), isSum: cumulative };
  }).sort((a, b) => Number(isSystolic(b)) - Number(isSystolic(a)));

/** Lines that are drawn on one scale, because they have one unit. */
export const byUnit = (lines: readonly Line[]): readonly (readonly Line[])[] => {
  const groups = new Map<string, Line[]>();
  for (const line of lines) groups.set(line.unit, [...(groups.get(line.unit) ?? []), line]);
  return [...groups.values()];
};

const median = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)] ?? 0;
const quarterHourMs = 900_000;

/** How far two points may be apart before the line breaks: nothing was measured between them. */
export const gapOf = ({ points, bucketMs }: Line): number => {
  if (bucketMs !== undefined) return bucketMs * 1.5;
  const steps = points.slice(1).map(({ x }, index) => x - (points[index]?.x ?? x)).sort((a, b) => a - b);
  return Math.max(quarterHourMs, median(steps) * 4);
};

/** The points of a line with null in each gap. */
export const withGaps = (line: Line): readonly (Point | { readonly x: number; readonly y: null; readonly min: null; readonly max: null })[] => {
  const gap = gapOf(line);
  return line.points.flatMap((point, index) => {
    const before = line.points[index - 1];
    return before === undefined || point.x - before.x <= gap ? [point] : [{ x: (before.x + point.x) / 2, y: null, min: null, max: null }, point];
  });
};
