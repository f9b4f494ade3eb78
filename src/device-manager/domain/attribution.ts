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
 * Assigns a device to a patient from an instant on, or until another. Holding it already is no change; only time that nobody else holds
 * is filled, so that an attributed instant never changes its patient. Own intervals that touch become one. 'before-start' when it would
 * end before it began.
 */
export const assign = (intervals: readonly Interval[], patientId: string, from: number, until?: number): Change | 'device-already-assigned' | 'before-start' => {
  if (until !== undefined && until <= from) return 'before-start';
  const touched = intervals.filter((interval) => endOf(interval) > from && interval.from < (until ?? Infinity));
  if (touched.some((interval) => interval.patientId !== patientId)) return 'device-already-assigned';
  const end = Math.max(until ?? Infinity, ...touched.map(endOf));
  const start = Math.min(from, ...touched.map((interval) => interval.from));
  const [only] = touched;
  if (touched.length === 1 && only && only.from === start && endOf(only) === end) return { kind: 'unchanged' };
  return { kind: 'put', put: { patientId, from: start, ...(end !== Infinity && { until: end }) }, replaces: touched.map((interval) => interval.from) };
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
