const FIRST_MS = 1000;
const LONGEST_MS = 5 * 60 * 1000;

/**
 * How long to wait before the next attempt: exponential from one second to five minutes with full jitter, so that phones which failed
 * together do not come back together; never less than the server asked for. `failures` counts from 1.
 */
export const waitMsAfter = (failures: number, retryAfterSeconds: number | undefined, random: () => number = Math.random): number =>
  Math.max((retryAfterSeconds ?? 0) * 1000, random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1)));

/** Waits; resolves early when the signal aborts. */
export const wait = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, signal?.aborted === true ? 0 : ms);
    signal?.addEventListener('abort', done);
  });
