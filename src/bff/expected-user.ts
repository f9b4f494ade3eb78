import type { HeaderView } from '../http/authentication.ts';
import { problem } from '../http/problem.ts';
import type { Spec } from '../http/spec.ts';
import type { Caller } from './caller.ts';

const HEADER = 'vitalgate-expected-user';

/** What is no percent-encoding names nobody. */
const decoded = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
};

/**
 * Judges a session, and whether it is that of the person whom the request names, so that both hold for one cookie. Throws
 * `signed-in-as-another` before anything else is done; asks it of the operations that declare the header.
 */
export const expectingUser = (spec: Spec, callerOf: (request: HeaderView) => Promise<Caller | null>) => {
  const declaring = new Set(spec.operations.filter(({ parameters }) => parameters.some(({ in: where, name }) => where === 'header' && name.toLowerCase() === HEADER)).map(({ id }) => id));
  return async (request: HeaderView): Promise<Caller | null> => {
    const caller = await callerOf(request);
    const expected = request.headers[HEADER];
    if (caller === null || typeof expected !== 'string' || !declaring.has(request.operationId)) return caller;
    if (decoded(expected) !== caller.profile.sub) throw problem('signed-in-as-another');
    return caller;
  };
};
