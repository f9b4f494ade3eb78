import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Call } from './json-call.ts';

/** How long one request is put off in all, as long as the service says when to come again. */
const LONGEST_MS = 300_000;
const LEAST_PAUSE_MS = 100;
const FIRST_PAUSE_MS = 250;

/** How long to wait before a request is sent again; undefined where its answer is the last. */
type Patience = (answer: Pick<Answer, 'status' | 'retryAfterSeconds'>) => number | undefined;

/** The patience of one request: after 429 and 503 as long as Retry-After says, after no answer or a fault so many times, each pause twice the last. */
export const createPatience = ({ faults = 0 }: { readonly faults?: number } = {}): Patience => {
  let [leftMs, faulty] = [LONGEST_MS, 0];
  return ({ status, retryAfterSeconds = 1 }) => {
    if (status === 429 || status === 503) {
      const pauseMs = Math.max(LEAST_PAUSE_MS, 1000 * retryAfterSeconds);
      leftMs -= pauseMs;
      return leftMs < 0 ? undefined : pauseMs;
    }
    if ((status !== 0 && status < 500) || faulty === faults) return undefined;
    faulty += 1;
    return FIRST_PAUSE_MS * 2 ** (faulty - 1);
  };
};

/** Sends until patience is at its end: all answers, the last of which counts. */
export const answersOf = async <One extends Pick<Answer, 'status' | 'retryAfterSeconds'>>(send: () => Promise<One>, pauseAfter: Patience): Promise<readonly [...One[], One]> => {
  const before: One[] = [];
  for (;;) {
    const answer = await send();
    const pauseMs = pauseAfter(answer);
    if (pauseMs === undefined) return [...before, answer];
    before.push(answer);
    await sleep(pauseMs);
  }
};

/** Calls that wait as they are told and are made again; one that is to be cut off is made once. */
export const patient = (call: Call): Call => async (method, path, body, headers, signal) => {
  const send = () => call(method, path, body, headers, signal);
  return signal ? send() : (await answersOf(send, createPatience())).at(-1) as Answer;
};
