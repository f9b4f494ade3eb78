import type { Middleware } from 'openapi-fetch';
import { problem } from '../../http/problem.ts';

const DEFAULT_WAIT_SECONDS = 2;
const LONGEST_WAIT_SECONDS = 3_600;

const secondsOf = (retryAfter: string | null): number =>
  /^\d{1,9}$/.test(retryAfter ?? '') ? Math.min(Math.max(Number(retryAfter), 1), LONGEST_WAIT_SECONDS) : DEFAULT_WAIT_SECONDS;

/** The 429 that hands an upstream's on to the app, with a time to wait between a second and an hour. */
export const tooManyRequests = ({ headers }: { readonly headers: Pick<Headers, 'get'> }) => problem('too-many-requests', { retryAfterSeconds: secondsOf(headers.get('retry-after')) });

/** Has every call of a client throw for a 429 of its upstream. */
export const handOnTooManyRequests: Middleware = {
  onResponse: ({ response }) => {
    if (response.status === 429) throw tooManyRequests(response);
  },
};
