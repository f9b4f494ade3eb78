import { daysFrom, laterByClock, minuteOf, minutesFrom, nextDay, startOfDay, zone } from './time-words.ts';

/** A part of time, in milliseconds since 1970; `from` included, `to` not. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export const dayMs = 86_400_000;
const hourMs = 3_600_000;
const leastMs = 5 * 60_000;

/** Lengths that a person can choose by name. */
export const spanNames = ['Day', 'Week', 'Month', 'Year', 'All'] as const;
export type SpanName = (typeof spanNames)[number];
const days: Readonly<Record<Exclude<SpanName, 'All'>, number>> = { Day: 1, Week: 7, Month: 30, Year: 365 };

/** All of the days of a time zone from the first, as YYYY-MM-DD in UTC, to that of an instant. */
export const wholeSpan = (firstDay: string, lastMs: number, timeZone = zone()): Span => ({ from: startOfDay(Date.parse(firstDay), timeZone), to: nextDay(lastMs, timeZone) });

/** Midnight where it is at most an hour away, so that days stay whole when the clock changes. */
const atMidnight = (ms: number, timeZone: string): number => {
  const near = [startOfDay(ms, timeZone), nextDay(ms, timeZone)].find((midnight) => Math.abs(midnight - ms) <= hourMs);
  return near ?? ms;
};

/** The span of a name that ends where the present one does. */
export const namedSpan = (name: SpanName, { to }: Span, whole: Span, timeZone = zone()): Span => (name === 'All' ? whole : { from: atMidnight(to - days[name] * dayMs, timeZone), to });

/** The name of a span, where it has one; a day may be an hour shorter or longer. */
export const nameOfSpan = ({ from, to }: Span, whole: Span): SpanName | undefined => {
  if (from === whole.from && to === whole.to) return 'All';
  return spanNames.find((name) => name !== 'All' && Math.abs(days[name] * dayMs - (to - from)) <= hourMs);
};

/** The span before (-1) or after (1) this one. */
export const moved = ({ from, to }: Span, steps: number, timeZone = zone()): Span => {
  const [start, end] = [from + (to - from) * steps, to + (to - from) * steps];
  return to - from < dayMs - hourMs ? { from: start, to: end } : { from: atMidnight(start, timeZone), to: atMidnight(end, timeZone) };
};

/** Where a bucket ends that begins at an instant: those of more than an hour end by the clock, an hour earlier or later where it changes. */
export const bucketEnd = (startMs: number, bucketMs: number, timeZone = zone()): number => {
  if (bucketMs <= hourMs) return startMs + bucketMs;
  return bucketMs < dayMs ? laterByClock(startMs, bucketMs, timeZone) : startOfDay(startMs + bucketMs + dayMs / 2, timeZone);
};

/** When a value was measured, in words: its instant, or the minutes or days of its bucket. */
export const whenOf = (startMs: number, bucketMs: number | undefined): string => {
  if (bucketMs === undefined) return minuteOf(startMs);
  const end = bucketEnd(startMs, bucketMs);
  return bucketMs < dayMs ? minutesFrom(startMs, end) : daysFrom(startMs, end - 1);
};

/** The span made longer to whole buckets of a length, of which the first and the last begin at these instants. */
export const coveredBy = ({ from, to }: Span, bucketMs: number, firstMs: number, lastMs: number, timeZone = zone()): Span =>
  ({ from: Math.min(from, firstMs), to: Math.max(to, bucketEnd(lastMs, bucketMs, timeZone)) });

/** With so many points the service makes bars of this length over a span: the shortest that it has of which one point less covers it. */
export const pointsForBars = ({ from, to }: Span, barMs: number): number => Math.ceil((to - from) / barMs) + 1;

/** A span `by` times as long around `centre`, never shorter than five minutes, never longer than a century. */
export const zoomed = ({ from, to }: Span, by: number, centre = (from + to) / 2): Span => {
  const length = Math.min(Math.max((to - from) * by, leastMs), 36_500 * dayMs);
  const share = (centre - from) / (to - from);
  return { from: Math.round(centre - length * share), to: Math.round(centre + length * (1 - share)) };
};
