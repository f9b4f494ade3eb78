/** Time during which a patient holds a device: from `from` (included) to `until` (not), in milliseconds since 1970; open without `until`. */
export interface Interval {
  readonly patientId: string;
  readonly from: number;
  readonly until?: number;
}

/** What an assignment changes: `put` takes the place of the intervals that start at `replaces`. */
export type Change = { readonly kind: 'unchanged' } | { readonly kind: 'put'; readonly put: Interval; readonly replaces: readonly number[] };

const endOf = ({ until }: Interval): number => until ?? Number.POSITIVE_INFINITY;

/** Who holds the device at an instant. */
export const holderAt = (intervals: readonly Interval[], instant: number): string | undefined =>
  intervals.find((interval) => interval.from <= instant && instant < endOf(interval))?.patientId;

/**
 * Assigns a device to a patient from an instant on. Holding it already is no change; an earlier start fills only time that nobody
 * else holds, so that an attributed instant never changes its patient. Own intervals that touch become one.
 */
export const assign = (intervals: readonly Interval[], patientId: string, from: number): Change | 'device-already-assigned' => {
  const later = intervals.filter((interval) => endOf(interval) > from);
  if (later.some((interval) => interval.patientId !== patientId)) return 'device-already-assigned';
  const open = later.find((interval) => interval.until === undefined);
  if (open && open.from <= from) return { kind: 'unchanged' };
  const start = Math.min(from, ...later.map((interval) => interval.from));
  return { kind: 'put', put: { patientId, from: start }, replaces: later.map((interval) => interval.from) };
};

/**
 * Ends the open interval of a device. A device that nobody holds is no change. 'before-start' when it would end before it began, and
 * then the interval stays.
 */
export const unassign = (intervals: readonly Interval[], until: number): Change | 'before-start' => {
  const open = intervals.find((interval) => interval.until === undefined);
  if (!open) return { kind: 'unchanged' };
  if (until <= open.from) return 'before-start';
  return { kind: 'put', put: { ...open, until }, replaces: [open.from] };
};
