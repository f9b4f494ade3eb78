/** How a time is compared with the span [from, until) that a search names; `within` is contained in it, `near` overlaps it. */
export interface DateCondition {
  readonly comparison: 'within' | 'not-within' | 'after' | 'before' | 'after-or-within' | 'before-or-within' | 'starts-after' | 'ends-before' | 'near';
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
}

const comparisons: Readonly<Record<string, DateCondition['comparison']>> = {
  eq: 'within', ne: 'not-within', gt: 'after', lt: 'before', ge: 'after-or-within', le: 'before-or-within', sa: 'starts-after', eb: 'ends-before', ap: 'near',
};

const written = /^(eq|ne|gt|lt|ge|le|sa|eb|ap)?(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+ -]\d{2}:?\d{2}))?)?)?$/;

const offsetMs = (zone: string | undefined): number => {
  if (zone === undefined || zone === 'Z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
};

/** The instant after the span that begins at `from` and is as long as the last part that was written. */
const endOf = (from: Date, parts: readonly (string | undefined)[]): number => {
  const [, month, day, , minute, second, fraction] = parts;
  if (month === undefined) return Date.UTC(from.getUTCFullYear() + 1, 0);
  if (day === undefined) return Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1);
  const wholeDay = minute === undefined;
  return from.getTime() + (wholeDay ? 86_400_000 : second === undefined ? 60_000 : fraction === undefined ? 1000 : 1);
};

/** No measurement is older, and no database needs to know how to write what is. */
const earliest = Date.UTC(1000, 0);

/** How far an approximate date reaches: a tenth of its distance from now, as FHIR proposes. */
const widened = (from: number, until: number, now: number) => {
  const margin = Math.abs(now - from) / 10;
  return { from: Math.max(earliest, Math.round(from - margin)), until: Math.round(until + margin) };
};

/**
 * Reads a date of a FHIR search: an optional prefix, and a date as precise as its writer wants; a time needs a zone, a date is one of UTC.
 * Undefined when it is none, or the calendar has no such date. A blank stands for the plus that URL decoding took.
 */
export const readDate = (text: string, now: number): DateCondition | undefined => {
  const match = written.exec(text);
  if (!match) return undefined;
  const [, prefix = 'eq', ...rest] = match;
  const [year, month = '01', day = '01', hour = '00', minute = '00', second = '00', fraction = '0'] = rest;
  const local = new Date(`${year ?? ''}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`);
  if (Number.isNaN(local.getTime()) || local.getTime() < earliest || local.getUTCDate() !== Number(day)) return undefined;
  const shift = offsetMs(rest[7]);
  const span = { from: local.getTime() - shift, until: endOf(local, rest) - shift };
  const comparison = comparisons[prefix] ?? 'within';
  return { comparison, ...(comparison === 'near' ? widened(span.from, span.until, now) : span) };
};
