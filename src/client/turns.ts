import { abortableBy, unlessAborted } from './cancelling.ts';
import type { OutboxStore } from './outbox-store.ts';
import type { FlushOutcome } from './run.ts';

/** Runs one thing after the other. */
export type Turns = <Result>(run: () => Promise<Result>, signal?: AbortSignal) => Promise<Result>;

/** The part of the Web Locks API that is used; React Native and old Node have none. */
interface Locks {
  readonly request: <Result>(name: string, options: { readonly signal?: AbortSignal }, run: () => Promise<Result>) => Promise<Result>;
}

/** Makes turns that nobody else takes. */
export const createTurns = (): Turns => {
  let last: Promise<unknown> = Promise.resolve();
  return (run) => {
    const result = last.then(run, run);
    last = result.catch(() => undefined);
    return result;
  };
};

/** The runs over one place of a store, one at a time. */
export interface Runs {
  /** Makes a run at its turn, with a signal that aborts with the one given; `cancelled` at once when it aborts before the turn has come. */
  readonly make: (signal: AbortSignal | undefined, run: (signal: AbortSignal) => Promise<FlushOutcome>) => Promise<FlushOutcome>;
  /** Aborts all that wait or run here, and acts at the turn after them. */
  readonly end: (act: () => Promise<void>) => Promise<void>;
}

const createRuns = (turns: Turns): Runs => {
  const aborts = new Set<() => void>();
  return {
    make: async (given, run) => {
      const { signal, abort, release } = abortableBy(given);
      const waiting = abortableBy(signal);
      aborts.add(abort);
      try {
        return await unlessAborted(waiting.signal, turns(() => {
          // What runs ends by itself, so that it leaves nothing half done.
          waiting.release();
          return run(signal);
        }, signal));
      } catch (error) {
        if (waiting.signal.aborted) return { state: 'cancelled' };
        throw error;
      } finally {
        aborts.delete(abort);
        release();
      }
    },
    end: (act) => {
      for (const abort of aborts) abort();
      return turns(act);
    },
  };
};

const known = new WeakMap<OutboxStore, Map<string, Runs>>();

/** The runs of all who open one place of a store; other tabs wait for them, too, where the platform has locks and the store is not private. */
export const runsAt = (store: OutboxStore, place: string): Runs => {
  const ofStore = known.get(store) ?? new Map<string, Runs>();
  known.set(store, ofStore);
  const turns = createTurns();
  const locks = store.isPrivate === true ? undefined : (globalThis as { readonly navigator?: { readonly locks?: Locks } }).navigator?.locks;
  const runs = ofStore.get(place) ?? createRuns((run, signal) => turns(() => locks?.request(place, { ...(signal && { signal }) }, run) ?? run()));
  ofStore.set(place, runs);
  return runs;
};
