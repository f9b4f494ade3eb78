import { problem } from '../http/problem.ts';
import { parseInstant } from '../measurement/instant.ts';

/** Limits of a time, in milliseconds since 1970: from `fromMs` on, before `toMs`. */
export interface TimeBounds {
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** Milliseconds since 1970 of an instant in a request. Throws `invalid-request`, naming the place, when there is no such instant. */
export const epochMsOf = (text: string, pointer: string): number => {
  const instant = parseInstant(text);
  if (typeof instant === 'object') return instant.epochMs;
  throw problem('invalid-request', { errors: [{ pointer, code: 'invalid-date', message: 'Send an instant that exists, with an offset.' }] });
};

/** Reads `from` and `to` of a query. Throws `invalid-request` for an instant that does not exist. */
export const timeBoundsOf = ({ from, to }: { readonly from?: string; readonly to?: string }): TimeBounds => ({
  ...(from !== undefined && { fromMs: epochMsOf(from, '/query/from') }),
  ...(to !== undefined && { toMs: epochMsOf(to, '/query/to') }),
});
