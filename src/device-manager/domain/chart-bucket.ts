import { offsetsOf } from '../../measurement/time-zone.ts';

/** Values of one source since an instant (milliseconds since 1970): one value, or all of an hour. */
export interface Cell {
  readonly x: number;
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
}

/** What a chart shows of some time: the mean, or the sum of what adds up, and what it was made of. */
export interface Bucket {
  readonly x: number;
  readonly y: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

const second = 1000;
const minute = 60 * second;
/** The length of a day in milliseconds, when no clock changes. */
export const dayMs = 24 * 60 * minute;

/** The length of an hour in milliseconds, which is that of a rollup. */
export const hourMs = 60 * minute;

/** Lengths that people read at a glance; those of a day and more are days of the calendar. */
const widths = [
  ...[1, 2, 5, 10, 15, 30].map((count) => count * second), ...[1, 2, 5, 10, 15, 30].map((count) => count * minute),
  ...[1, 2, 3, 6, 12].map((count) => count * hourMs), ...[1, 2, 7, 14, 28, 91, 182, 364].map((count) => count * dayMs),
];

/** The shortest of the usual lengths with which at most `points` buckets cover a span; in milliseconds, at most 364 days. */
export const widthFor = (spanMs: number, points: number): number => {
  // A bucket more may be begun at either end of the span.
  const wanted = spanMs / Math.max(1, points - 1);
  return widths.find((width) => width >= wanted) ?? Math.max(...widths);
};

/** The length of a bucket as an ISO 8601 duration. */
export const durationOf = (widthMs: number): string => {
  if (widthMs >= dayMs) return `P${String(widthMs / dayMs)}D`;
  if (widthMs >= hourMs) return `PT${String(widthMs / hourMs)}H`;
  return widthMs >= minute ? `PT${String(widthMs / minute)}M` : `PT${String(widthMs / second)}S`;
};

/** Milliseconds east of UTC. Asking for an offset costs 50 times what adding it does, so it is asked once for a day whose ends agree. */
const offsetIn = (timeZone: string): ((x: number) => number) => {
  const offsetMinutes = offsetsOf(timeZone);
  if (timeZone === 'UTC' || offsetMinutes === undefined) return () => 0;
  const steady = new Map<number, number | undefined>();
  return (x) => {
    const day = Math.floor(x / dayMs) * dayMs;
    if (!steady.has(day)) steady.set(day, offsetMinutes(day) === offsetMinutes(day + dayMs) ? offsetMinutes(day) * minute : undefined);
    return steady.get(day) ?? offsetMinutes(Math.floor(x / (15 * minute)) * 15 * minute) * minute;
  };
};

/** The first instant at which a clock shows a time (milliseconds since 1970 as if it showed UTC); one that it skips is moved on by the skipped time. */
const firstShowing = (shown: number, offsetAt: (x: number) => number): number => {
  const [before, after] = [offsetAt(shown - dayMs), offsetAt(shown + dayMs)];
  return shown - ([before, after].find((offset) => offsetAt(shown - offset) === offset) ?? before);
};

/** From an instant to the start of its bucket in a time zone: days begin at midnight there, also when a clock changes. */
const startsIn = (widthMs: number, timeZone: string): ((x: number) => number) => {
  const offsetAt = offsetIn(timeZone);
  const begun = new Map<number, number>();
  return (x) => {
    const offset = offsetAt(x);
    const shown = Math.floor((x + offset) / widthMs) * widthMs;
    // The hour that a clock shows twice stays two; all longer times begin where the clock first shows their start.
    if (widthMs <= hourMs) return shown - offset;
    const start = begun.get(shown) ?? firstShowing(shown, offsetAt);
    begun.set(shown, start);
    return start;
  };
};

/** From an instant to the start of its day in a time zone. */
export const dayStartsIn = (timeZone: string): ((x: number) => number) => startsIn(dayMs, timeZone);

/**
 * Tells of an hour of UTC, by its start, whether a bucket of an hour or more begins inside it, as days do where a time zone is half an hour
 * off: what was measured in it belongs to two buckets.
 */
export const partsHour = (widthMs: number, timeZone: string): ((x: number) => boolean) => {
  const [offsetAt, startOf] = [offsetIn(timeZone), startsIn(widthMs, timeZone)];
  return (x) => {
    const last = x + hourMs - 1;
    return (offsetAt(x) % hourMs !== 0 || offsetAt(last) % hourMs !== 0) && startOf(last) !== startOf(x);
  };
};

/** A sum in the range of finite numbers: JSON has no other ones, and one enormous value must not cost the chart. */
const bounded = (sum: number): number => Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, sum));

/** Cells as buckets in order of time; where nothing was measured there is no bucket. `sums` says that values add up. */
export const bucketsOf = (cells: Iterable<Cell>, { widthMs, timeZone, sums }: { readonly widthMs: number; readonly timeZone: string; readonly sums: boolean }): Bucket[] => {
  const startOf = startsIn(widthMs, timeZone);
  const buckets = new Map<number, { count: number; min: number; max: number; sum: number }>();
  for (const { x, count, min, max, sum } of cells) {
    const start = startOf(x);
    const bucket = buckets.get(start);
    if (!bucket) buckets.set(start, { count, min, max, sum });
    else {
      bucket.count += count;
      bucket.min = Math.min(bucket.min, min);
      bucket.max = Math.max(bucket.max, max);
      bucket.sum = bounded(bucket.sum + sum);
    }
  }
  return [...buckets].sort(([a], [b]) => a - b).map(([x, { count, min, max, sum }]) => ({ x, y: sums ? sum : sum / count, min, max, count }));
};
