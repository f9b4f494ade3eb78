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

interface Queue {
  readonly isFull: () => boolean;
  readonly take: (response: ServerResponse) => Promise<void>;
}

const createQueue = ({ atOnce, waiting: mostWaiting }: TurnLimits): Queue => {
  let running = 0;
  const waiting = new Set<Waiting>();
  const isFull = (): boolean => running >= atOnce && waiting.size >= mostWaiting;
  const end = (): void => {
    running -= 1;
    const [next] = waiting;
    next?.start();
  };
  const take: Queue['take'] = async (response) => {
    const begin = (): void => {
      running += 1;
      response.once('close', end);
    };
    if (response.closed || isFull()) throw overloaded();
    if (running >= atOnce) await waitIn(waiting, response, begin);
    else begin();
  };
  return { isFull, take };
};

/** Turns of the operations of one service. */
export interface Turns {
  /** Throws `unavailable` (503) where nobody more may wait: most of what is too much is known before anything is done for it. */
  readonly refuseWhenFull: (operationId: string) => void;
  /**
   * Resolves when it is the request's turn, which lasts until its answer is sent or its client has left. Rejects with `unavailable` (503)
   * beyond what may wait, after LONGEST_WAIT_MS, and for a client that has left.
   */
  readonly take: (operationId: string, response: ServerResponse) => Promise<void>;
}

/** Has requests to heavy operations take turns, so that they leave time for all others. */
export const createTurns = (limits: readonly TurnLimits[]): Turns => {
  const queues = new Map(limits.flatMap((one) => {
    const queue = createQueue(one);
    return one.operations.map((id) => [id, queue] as const);
  }));
  return {
    refuseWhenFull: (operationId) => {
      if (queues.get(operationId)?.isFull() === true) throw overloaded();
    },
    take: async (operationId, response) => queues.get(operationId)?.take(response),
  };
};
