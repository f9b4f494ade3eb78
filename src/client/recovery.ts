import { wait, waitMsAfter } from './back-off.ts';
import { unlessAborted } from './cancelling.ts';
import type { Sendable } from './outbox-entries.ts';
import { settle, type Run, type Step } from './run.ts';
import { failureOf } from './sending.ts';
import { VitalgateError } from './vitalgate-error.ts';

/** Bytes of a body that come within 30 s at the least pace that the server bears. */
const ALWAYS_SENT_BYTES = 4096;
/** The connection may break once by chance. */
const MOST_BREAKS = 2;

/** Puts two halves in the place of an entry; tells whether it had more than one item. */
const isHalved = async ({ entries }: Run, key: string, entry: Sendable): Promise<boolean> => {
  const { items } = entry;
  if (items.length < 2) return false;
  const half = (from: number, to: number) => ({ ...entry, items: items.slice(from, to) }) as Sendable;
  const middle = Math.ceil(items.length / 2);
  await entries.split(key, [half(0, middle), half(middle, items.length)]);
  return true;
};

const signInAgain = async (run: Run, begun: number): Promise<Step> => {
  const mayAsk = !run.signedInAgain;
  // What was begun before the session changed tells nothing of the one that is there now.
  if (!mayAsk && begun === run.session.now()) return { state: 'signed-out' };
  run.signedInAgain = true;
  try {
    const isThere = await unlessAborted(run.signal, run.session.renew({ since: run.begun, mayAsk }));
    return isThere ? 'again' : { state: 'signed-out' };
  } catch (reason) {
    return run.signal.aborted ? { state: 'cancelled' } : { state: 'signed-out', reason };
  }
};

const later = async (run: Run, retryAfterSeconds: number | undefined): Promise<Step> => {
  run.failures += 1;
  if (run.failures >= run.attempts) return { state: 'unreachable' };
  const forMs = waitMsAfter(run.failures, retryAfterSeconds);
  run.onEvent({ kind: 'waiting', forMs, failures: run.failures });
  await wait(forMs, run.signal);
  return 'again';
};

/** The server had answered just before, so it is the size of the body that the connection does not bear. */
const brokeAgain = ({ breaks }: Run, key: string): boolean => {
  breaks.times = breaks.key === key ? breaks.times + 1 : 1;
  breaks.key = key;
  return breaks.times >= MOST_BREAKS;
};

/**
 * Does about a failed attempt what `failureOf` says. `sentBytes` is the size of the body, 0 when it failed before anything of it was sent;
 * `begun` is the moment of the session at which it began.
 * What is too slow to arrive is halved, and never refused for it.
 */
export const recover = async (run: Run, key: string, entry: Sendable, error: unknown, { sentBytes, begun }: { readonly sentBytes: number; readonly begun: number }): Promise<Step> => {
  if (run.signal.aborted) return { state: 'cancelled' };
  const failure = failureOf(error);
  if (failure.kind === 'sign-in') return signInAgain(run, begun);
  if (failure.kind === 'somebody-else') return { state: 'somebody-else' };
  if (failure.kind === 'erased') {
    await run.entries.clear();
    return { state: 'erased' };
  }
  if (failure.kind === 'park' || (failure.kind === 'halve' && sentBytes === 0)) return { state: 'parked', error: failure.error };
  if (failure.kind === 'halve') {
    if (await isHalved(run, key, entry)) return 'again';
    const { code, message } = failure.error;
    return settle(run, key, entry, entry.items.map((item) => ({ item, status: 'rejected', code, message, stays: false })));
  }
  if (failure.kind === 'slow' && sentBytes > 0 && (await isHalved(run, key, entry))) return 'again';
  if (!(error instanceof VitalgateError) && sentBytes > ALWAYS_SENT_BYTES && brokeAgain(run, key)) await isHalved(run, key, entry);
  return later(run, failure.retryAfterSeconds);
};
