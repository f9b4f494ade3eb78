import type { ServerResponse } from 'node:http';
import { problem, type ProblemError } from './problem.ts';

/** How many requests to some operations are worked on at once, and how many may wait for their turn, together. */
export interface TurnLimits {
  readonly operations: readonly string[];
  readonly atOnce: number;
  readonly waiting: number;
}

/** How long a request waits for its turn: whoever would wait longer is told so early, and repeats. */
export const LONGEST_WAIT_MS = 1_000;

interface Waiting {
  readonly start: () => void;
}

const overloaded = (): ProblemError => problem('unavailable', { retryAfterSeconds: 2 });

/** Resolves when its turn is given; rejects when that takes too long or the client has left. */
const waitIn = (waiting: Set<Waiting>, response: ServerResponse, begin: () => void): Promise<void> =>
  new Promise((resolve, reject) => {
    const leave = (): void => {
      clearTimeout(timer);
      waiting.delete(one);
      response.off('close', giveUp);
    };
    const giveUp = (): void => {
      leave();
      reject(overloaded());
    };
    const one: Waiting = {
      start: () => {
        leave();
        begin();
        resolve();
      },
    };
    const timer = setTimeout(giveUp, LONGEST_WAIT_MS);
    response.once('close', giveUp);
    waiting.add(one);
  });

/** One queue: resolves when it is the request's turn, which lasts until its answer is sent or its client has left. */
const createQueue = ({ atOnce, waiting: mostWaiting }: TurnLimits): ((response: ServerResponse) => Promise<void>) => {
  let running = 0;
  const waiting = new Set<Waiting>();
  const end = (): void => {
    running -= 1;
    const [next] = waiting;
    next?.start();
  };
  return (response) => {
    const begin = (): void => {
      running += 1;
      response.once('close', end);
    };
    if (running >= atOnce) return waiting.size >= mostWaiting ? Promise.reject(overloaded()) : waitIn(waiting, response, begin);
    begin();
    return Promise.resolve();
  };
};

/**
 * Has requests to heavy operations take turns, so that they leave time for all others, and memory: a request that waits is not read yet.
 * Beyond what may wait, and after LONGEST_WAIT_MS, rejects with `unavailable` (503), which costs next to nothing.
 */
export const createTurns = (limits: readonly TurnLimits[]): ((operationId: string, response: ServerResponse) => Promise<void>) => {
  const queues = new Map(limits.flatMap((one) => {
    const queue = createQueue(one);
    return one.operations.map((id) => [id, queue] as const);
  }));
  return (operationId, response) => queues.get(operationId)?.(response) ?? Promise.resolve();
};
