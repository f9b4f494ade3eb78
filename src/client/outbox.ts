import { recommendedChunk, type ChunkBounds } from './chunks.ts';
import { pass, type FlushOutcome, type OutboxEvent, type Run } from './flushing.ts';
import { deletionEntries, openEntries, sampleEntries, type Anchor, type OutboxEntry, type UploadQuery } from './outbox-entries.ts';
import type { OutboxStore } from './outbox-store.ts';
import type { Session } from './session.ts';
import { platformGzip, type Gzip } from './upload-body.ts';

/** A queue of samples and deletions that survives crashes, and loses nothing without a verdict on it. */
export interface Outbox {
  /** Keeps samples for sending, in order. Resolves when the store has them. Throws TypeError for what is no JSON. */
  readonly addSamples: (samples: readonly unknown[], options?: UploadQuery & { readonly anchor?: Anchor }) => Promise<void>;
  /** Keeps UUIDs of deleted samples for sending, in order with the samples. */
  readonly addDeletions: (uuids: readonly string[], options?: { readonly anchor?: Anchor }) => Promise<void>;
  /** Sends until nothing is left, or as `FlushOutcome` says. One run at a time, also across tabs where the platform has locks. */
  readonly flush: (options?: { readonly signal?: AbortSignal; readonly attempts?: number }) => Promise<FlushOutcome>;
}

export interface OutboxOptions {
  readonly session: Session;
  readonly store: OutboxStore;
  readonly onEvent?: ((event: OutboxEvent) => void) | undefined;
  readonly chunk?: ChunkBounds | undefined;
  /** Compresses what is sent. Default: the platform's own; React Native has none, and sends uncompressed without this. */
  readonly gzip?: Gzip | undefined;
}

/** The part of the Web Locks API that is used; React Native and old Node have none. */
interface Locks {
  readonly request: <Result>(name: string, run: () => Promise<Result>) => Promise<Result>;
}

const locksFor = ({ isPrivate = false }: OutboxStore): Locks | undefined => (isPrivate ? undefined : (globalThis as { readonly navigator?: { readonly locks?: Locks } }).navigator?.locks);

/** Runs one after the other. */
const createQueue = () => {
  let last: Promise<unknown> = Promise.resolve();
  return <Result>(run: () => Promise<Result>): Promise<Result> => {
    const result = last.then(run, run);
    last = result.catch(() => undefined);
    return result;
  };
};

/** Opens the outbox of a store. */
export const openOutbox = ({ session, store, onEvent = () => undefined, chunk = recommendedChunk, gzip = platformGzip }: OutboxOptions): Outbox => {
  const entries = openEntries(store);
  const alone = createQueue();

  const flush: Outbox['flush'] = async ({ signal, attempts = 8 } = {}) => {
    const run: Run = { session, entries, onEvent, signal, gzip, attempts, failures: 0, signedInAgain: false, settled: 0, held: new Set() };
    let outcome: FlushOutcome | 'again';
    do outcome = await pass(run);
    while (outcome === 'again');
    return outcome;
  };

  const add = (more: Iterable<OutboxEntry>, anchor: Anchor | undefined) =>
    alone(async () => {
      await entries.append(more);
      if (anchor) await entries.append([{ kind: 'anchor', anchor }]);
    });

  const flushing = createQueue();
  return {
    addSamples: (samples, { anchor, ...query } = {}) => add(sampleEntries(samples, query, chunk), anchor),
    addDeletions: (uuids, { anchor } = {}) => add(deletionEntries(uuids, chunk), anchor),
    flush: (options) => flushing(() => locksFor(store)?.request('vitalgate-outbox', () => flush(options)) ?? flush(options)),
  };
};
