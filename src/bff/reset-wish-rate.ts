import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { problem } from '../http/problem.ts';

const HOUR_SECONDS = 3_600;

/** Bounds how many links one source may wish for in an hour through this process. The function it makes throws too-many-requests when none is left. */
export const createResetWishRate = (wishesPerHour: number): ((source: string) => Promise<void>) => {
  const limiter = new RateLimiterMemory({ points: wishesPerHour, duration: HOUR_SECONDS });
  return async (source) => {
    try {
      await limiter.consume(source);
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      throw problem('too-many-requests', { retryAfterSeconds: Math.min(HOUR_SECONDS, refusal.msBeforeNext / 1000) });
    }
  };
};
