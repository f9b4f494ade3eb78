import type { Anchor, OutboxEntries, Sendable } from './outbox-entries.ts';
import type { Verdict } from './sending.ts';
import type { Session } from './session.ts';
import type { Gzip } from './upload-body.ts';
import type { VitalgateError } from './vitalgate-error.ts';

/** What an outbox tells while it sends. */
export type OutboxEvent =
  | { readonly kind: 'verdicts'; readonly verdicts: readonly Verdict[] }
  | { readonly kind: 'progress'; readonly settled: number; readonly entriesLeft: number }
  /** All that was enqueued with it or before it is settled: store it for its owner, and query from it next time. */
  | { readonly kind: 'anchor'; readonly owner: string; readonly anchor: Anchor }
  | { readonly kind: 'waiting'; readonly forMs: number; readonly failures: number };

/**
 * How a run ended: nothing is left; samples are held until something changes (a device is enrolled, the clock is right); the server could
 * not be reached as often as allowed; somebody else than the owner is signed in; cancelled; the owner was erased, and the outbox emptied;
 * nobody is signed in, with what the app's own sign-in threw; or the server refuses for a reason that only a person can mend.
 */
export type FlushOutcome =
  | { readonly state: 'empty' | 'held' | 'unreachable' | 'somebody-else' | 'cancelled' | 'erased' }
  | { readonly state: 'signed-out'; readonly reason?: unknown }
  | { readonly state: 'parked'; readonly error: VitalgateError };

/** One run over the entries of an outbox. */
export interface Run {
  readonly session: Session;
  /** The `sub` of the person whose entries they are. */
  readonly owner: string;
  readonly entries: OutboxEntries;
  /** The moment of the session at which the run was asked for. */
  readonly begun: number;
  readonly onEvent: (event: OutboxEvent) => void;
  readonly signal: AbortSignal;
  readonly gzip: Gzip | undefined;
  /** Failures in a row after which the run gives up. */
  readonly attempts: number;
  failures: number;
  /** The session was renewed, or found to be there after all, since the last answer. */
  signedInAgain: boolean;
  settled: number;
  /** Keys of entries that were sent in this run and wait for something to change. */
  readonly held: Set<string>;
  /** How often in a row the connection broke under one entry, also in runs before this one. */
  readonly breaks: { key: string; times: number };
}

/** What comes after an attempt: the next entry, the same place once more, or the end of the run. */
export type Step = 'settled' | 'again' | FlushOutcome;

/** Takes away what has a final verdict; the rest waits where it is. */
export const settle = async (run: Run, key: string, entry: Sendable, verdicts: readonly Verdict[]): Promise<Step> => {
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
