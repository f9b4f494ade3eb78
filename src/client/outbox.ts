import { recommendedChunk, type ChunkBounds } from './chunks.ts';
import { pass } from './flushing.ts';
import { deletionEntries, openEntries, placeOf, sampleEntries, type Anchor, type Sendable, type UploadQuery } from './outbox-entries.ts';
import type { OutboxStore } from './outbox-store.ts';
import type { FlushOutcome, OutboxEvent, Run } from './run.ts';
import type { Session } from './session.ts';
import { createTurns, runsAt } from './turns.ts';
import { platformGzip, type Gzip } from './upload-body.ts';

/** A queue of one person's samples and deletions that survives crashes, and loses nothing without a verdict on it. */
export interface Outbox {
  /** Keeps samples for sending, in order. Resolves when the store has them. Rejects with TypeError for what is no JSON, or a parameter that is no text. */
  readonly addSamples: (samples: readonly unknown[], options?: UploadQuery & { readonly anchor?: Anchor }) => Promise<void>;
  /** Keeps UUIDs of deleted samples for sending, in order with the samples. */
  readonly addDeletions: (uuids: readonly string[], options?: { readonly anchor?: Anchor }) => Promise<void>;
  /**
   * Sends until nothing is left, or as `FlushOutcome` says, and only while the owner is signed in. One run at a time, also across tabs where
   * the platform has locks. Rejects with nothing but what the store or `onEvent` throws.
   */
  readonly flush: (options?: { readonly signal?: AbortSignal; readonly attempts?: number }) => Promise<FlushOutcome>;
  /**
   * The value of the anchor of that name that was enqueued last, and waits for what was enqueued before it, also after a restart: query from
   * it, or what waits is enqueued again. Undefined when none waits; ask here first, and only then load the anchor that was stored last.
   */
  readonly pendingAnchor: (name: string) => Promise<string | undefined>;
  /** Takes away all that waits, unsent, for a person who signs out for good. What is being flushed here ends as `cancelled`. */
  readonly clear: () => Promise<void>;
}

export interface OutboxOptions {
  readonly session: Session;
  readonly store: OutboxStore;
  /** The `sub` of the person whose samples it keeps; those of others in the same store are neither seen nor sent. */
  readonly owner: string;
  /** Tells several outboxes of one person apart, which then send at once. Default: `all`. */
  readonly name?: string | undefined;
  readonly onEvent?: ((event: OutboxEvent) => void) | undefined;
  readonly chunk?: ChunkBounds | undefined;
  /** Compresses what is sent. Default: the platform's own; React Native has none, and sends uncompressed without this. */
  readonly gzip?: Gzip | undefined;
}

/** Opens the outbox of a person. Throws TypeError without an owner. */
export const openOutbox = ({ session, store, owner, name = 'all', onEvent = () => undefined, chunk = recommendedChunk, gzip = platformGzip }: OutboxOptions): Outbox => {
  const place = placeOf(owner, name);
  const entries = openEntries(store, place);
  const breaks: Run['breaks'] = { key: '', times: 0 };
  const adding = createTurns();
  const runs = runsAt(store, place);

  const send = async (begun: number, signal: AbortSignal, attempts: number): Promise<FlushOutcome> => {
    const run: Run = { session, owner, entries, onEvent, begun, signal, gzip, attempts, failures: 0, signedInAgain: false, settled: 0, held: new Set(), breaks };
    let outcome: FlushOutcome | 'again';
    do outcome = await pass(run);
    while (outcome === 'again');
    return outcome;
  };

  const add = (more: Iterable<Sendable>, anchor: Anchor | undefined) =>
    adding(async () => {
      await entries.append(more);
      if (anchor) await entries.appendAnchor(anchor);
    });

  return {
    addSamples: (samples, { anchor, ...query } = {}) => add(sampleEntries(samples, query, chunk), anchor),
    addDeletions: (uuids, { anchor } = {}) => add(deletionEntries(uuids, chunk), anchor),
    pendingAnchor: (anchor) => adding(async () => (await entries.lastAnchor(anchor))?.value),
    flush: ({ signal: given, attempts = 8 } = {}) => {
      const begun = session.now();
      return runs.make(given, (signal) => send(begun, signal, attempts));
    },
    clear: () => runs.end(() => adding(entries.clear)),
  };
};
