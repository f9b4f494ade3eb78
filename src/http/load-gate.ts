import type { ServerResponse } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { RequestHandler } from 'express';
import { problem } from './problem.ts';

/** From how many requests under way on a service refuses further ones, whatever they are; and from how many that are all there where all are late. */
export const MOST_IN_FLIGHT = 1_000;
export const MOST_IN_FLIGHT_WHEN_LATE = 100;
/** Delay of the event loop (99 of 100 turns over a second), in ms, from which on all are late. */
export const LATE_MS = 250;

const sampleEveryMs = 1_000;

/** The event loop is one for all services of the process. */
const createLoopDelay = (): (() => number) => {
  const histogram = monitorEventLoopDelay({ resolution: 10 });
  histogram.enable();
  let lastMs = 0;
  setInterval(() => {
    lastMs = histogram.percentile(99) / 1e6;
    histogram.reset();
  }, sampleEveryMs).unref();
  return () => lastMs;
};

let loopDelayMs: (() => number) | undefined;

/**
 * Refuses requests with 503 before anything is done for them, while the service has more to do than it can: an early answer lets clients
 * wait, and those under way end. Who sends slowly is no work yet: as many of them as they like make nobody late, so nobody waits for them.
 * Pages of the platform are answered always: they tell of it.
 */
export const loadGate = (inFlight: ReadonlySet<ServerResponse>): RequestHandler => {
  loopDelayMs ??= createLoopDelay();
  const delayMs = loopDelayMs;
  return (_request, _response, next) => {
    const requests = inFlight.size;
    const isTooMuch = (): boolean => delayMs() > LATE_MS && [...inFlight].filter(({ req }) => req.complete).length > MOST_IN_FLIGHT_WHEN_LATE;
    if (requests > MOST_IN_FLIGHT || (requests > MOST_IN_FLIGHT_WHEN_LATE && isTooMuch())) throw problem('unavailable', { retryAfterSeconds: 2 });
    next();
  };
};
