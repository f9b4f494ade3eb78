import { wait, waitMsAfter } from './back-off.ts';
import type { Anchor, OutboxEntries, OutboxEntry } from './outbox-entries.ts';
import { failureOf, send, type Verdict } from './sending.ts';
import type { Session } from './session.ts';
import type { Gzip } from './upload-body.ts';
import { VitalgateError } from './vitalgate-error.ts';

/** What an outbox tells while it sends. */
export type OutboxEvent =
  | { readonly kind: 'verdicts'; readonly verdicts: readonly Verdict[] }
  | { readonly kind: 'progress'; readonly settled: number; readonly entriesLeft: number }
  /** All that was enqueued with it or before it is settled: store it, and query from it next time. */
  | { readonly kind: 'anchor'; readonly anchor: Anchor }
  | { readonly kind: 'waiting'; readonly forMs: number; readonly failures: number };

/**
 * How a run ended: nothing is left; samples are held until something changes (a device is enrolled, the clock is right); the server could
 * not be reached as often as allowed; nobody is signed in; cancelled; or the server refuses for a reason that only a person can mend.
 */
export type FlushOutcome =
  | { readonly state: 'empty' | 'held' | 'unreachable' | 'signed-out' | 'cancelled' }
  | { readonly state: 'parked'; readonly error: VitalgateError };

/** One run over the entries of an outbox. */
export interface Run {
  readonly session: Session;
  readonly entries: OutboxEntries;
  readonly onEvent: (event: OutboxEvent) => void;
  readonly signal: AbortSignal | undefined;
  readonly gzip: Gzip | undefined;
  /** Failures in a row after which the run gives up. */
  readonly attempts: number;
  failures: number;
  signedInAgain: boolean;
  settled: number;
  /** Keys of entries that were sent in this run and wait for something to change. */
  readonly held: Set<string>;
}

type Sendable = Exclude<OutboxEntry, { kind: 'anchor' }>;
type Step = 'settled' | 'again' | FlushOutcome;

/** Takes away what has a final verdict; the rest waits where it is. */
const settle = async (run: Run, key: string, entry: Sendable, verdicts: readonly Verdict[]): Promise<Step> => {
  const staying = verdicts.filter(({ stays }) => stays).map(({ item }) => item);
  if (staying.length === 0) await run.entries.remove(key);
  else {
    await run.entries.replace(key, { ...entry, items: staying } as Sendable);
    run.held.add(key);
  }
  run.settled += verdicts.length - staying.length;
  run.onEvent({ kind: 'verdicts', verdicts });
  return 'settled';
};

/** A body that nobody can read is halved until one item is alone; that one is refused. */
const halve = async (run: Run, key: string, entry: Sendable, error: unknown): Promise<Step> => {
  const { items } = entry;
  if (items.length > 1) {
    const half = (from: number, to: number) => ({ ...entry, items: items.slice(from, to) }) as Sendable;
    const middle = Math.ceil(items.length / 2);
    await run.entries.split(key, [half(0, middle), half(middle, items.length)]);
    return 'again';
  }
  const { code, message } = error instanceof VitalgateError ? error : { code: '', message: '' };
  return settle(run, key, entry, items.map((item) => ({ item, status: 'rejected', code, message, stays: false })));
};

const recover = async (run: Run, key: string, entry: Sendable, error: unknown): Promise<Step> => {
  if (run.signal?.aborted === true) return { state: 'cancelled' };
  const failure = failureOf(error);
  if (failure.kind === 'park') return { state: 'parked', error: failure.error };
  if (failure.kind === 'halve') return halve(run, key, entry, error);
  if (failure.kind === 'sign-in') {
    if (run.signedInAgain || !(await run.session.renew())) return { state: 'signed-out' };
    run.signedInAgain = true;
    return 'again';
  }
  run.failures += 1;
  if (run.failures >= run.attempts) return { state: 'unreachable' };
  const forMs = waitMsAfter(run.failures, failure.retryAfterSeconds);
  run.onEvent({ kind: 'waiting', forMs, failures: run.failures });
  await wait(forMs, run.signal);
  return 'again';
};

const attempt = async (run: Run, key: string, entry: Sendable): Promise<Step> => {
  let verdicts: Verdict[];
  try {
    verdicts = await send(run.session.api, entry, run);
  } catch (error) {
    return recover(run, key, entry, error);
  }
  [run.failures, run.signedInAgain] = [0, false];
  return settle(run, key, entry, verdicts);
};

const passAnchor = async (run: Run, key: string, anchor: Anchor): Promise<void> => {
  if (run.held.size > 0) return;
  run.onEvent({ kind: 'anchor', anchor });
  await run.entries.remove(key);
};

/**
 * Sends the entries in their order, once each. An anchor goes on only past what is settled: one behind a held sample waits, with all
 * after it. 'again' means that the order changed, or that an entry shall be sent once more.
 */
export const pass = async (run: Run): Promise<FlushOutcome | 'again'> => {
  const keys = await run.entries.keys();
  for (const key of keys) {
    if (run.signal?.aborted === true) return { state: 'cancelled' };
    const entry = run.held.has(key) ? undefined : await run.entries.read(key);
    if (entry?.kind === 'anchor') await passAnchor(run, key, entry.anchor);
    if (entry === undefined || entry.kind === 'anchor') continue;
    const step = await attempt(run, key, entry);
    if (step !== 'settled') return step;
    run.onEvent({ kind: 'progress', settled: run.settled, entriesLeft: (await run.entries.keys()).length });
  }
  // What was enqueued meanwhile is sent, too.
  if ((await run.entries.keys()).some((key) => !keys.includes(key))) return 'again';
  return { state: run.held.size > 0 ? 'held' : 'empty' };
};
