import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { problem } from '../http/problem.ts';

const WINDOW_SECONDS = 60;

/** The limiter reckons with the clock of the machine, which may have been set back; it lets go in time all the same. */
const secondsOf = (msBeforeNext: number): number => Math.min(WINDOW_SECONDS, msBeforeNext / 1000);

/** Counts one request of a person and answers the headers that tell how many are left. Throws too-many-requests when none was. */
export type UploadRate = (patientId: string) => Promise<Readonly<Record<string, string>>>;

/** Bounds what one person uploads in a minute through this process (draft-ietf-httpapi-ratelimit-headers, "uploads"). */
export const createUploadRate = (requestsPerMinute: number): UploadRate => {
  const limiter = new RateLimiterMemory({ points: requestsPerMinute, duration: WINDOW_SECONDS });
  const headersOf = ({ remainingPoints, msBeforeNext }: RateLimiterRes) => ({
    'RateLimit-Policy': `"uploads";q=${String(requestsPerMinute)};w=${String(WINDOW_SECONDS)}`,
    RateLimit: `"uploads";r=${String(remainingPoints)};t=${String(Math.ceil(secondsOf(msBeforeNext)))}`,
  });
  return async (patientId) => {
    try {
      return headersOf(await limiter.consume(patientId));
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      throw problem('too-many-requests', { retryAfterSeconds: secondsOf(refusal.msBeforeNext), headers: headersOf(refusal) });
    }
  };
};
