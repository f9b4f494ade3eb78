/** A part of time, in milliseconds since 1970; `from` included, `to` not. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export const dayMs = 86_400_000;
const leastMs = 5 * 60_000;

/** Lengths that a person can choose by name. */
export const spanNames = ['Day', 'Week', 'Month', 'Year', 'All'] as const;
export type SpanName = (typeof spanNames)[number];
const days: Readonly<Record<Exclude<SpanName, 'All'>, number>> = { Day: 1, Week: 7, Month: 30, Year: 365 };

/** All of the days from the first to the last, each as YYYY-MM-DD in UTC. */
export const wholeSpan = (firstDay: string, lastDay: string): Span => ({ from: Date.parse(firstDay), to: Date.parse(lastDay) + dayMs });

/** The span of a name that ends where the present one does. */
export const namedSpan = (name: SpanName, { to }: Span, whole: Span): Span => (name === 'All' ? whole : { from: to - days[name] * dayMs, to });

/** The name of a span, where it has one. */
export const nameOfSpan = ({ from, to }: Span, whole: Span): SpanName | undefined => {
  if (from === whole.from && to === whole.to) return 'All';
  return spanNames.find((name) => name !== 'All' && days[name] * dayMs === to - from);
};

/** The span before (-1) or after (1) this one. */
export const moved = ({ from, to }: Span, steps: number): Span => ({ from: from + (to - from) * steps, to: to + (to - from) * steps });

/** A span `by` times as long around `centre`, never shorter than five minutes, never longer than a century. */
export const zoomed = ({ from, to }: Span, by: number, centre = (from + to) / 2): Span => {
  const length = Math.min(Math.max((to - from) * by, leastMs), 36_500 * dayMs);
  const share = (centre - from) / (to - from);
  return { from: Math.round(centre - length * share), to: Math.round(centre + length * (1 - share)) };
};
