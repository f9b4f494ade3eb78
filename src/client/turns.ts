import type { OutboxStore } from './outbox-store.ts';

/** Runs one thing after the other. */
export type Turns = <Result>(run: () => Promise<Result>) => Promise<Result>;

/** The part of the Web Locks API that is used; React Native and old Node have none. */
interface Locks {
  readonly request: <Result>(name: string, run: () => Promise<Result>) => Promise<Result>;
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

const known = new WeakMap<OutboxStore, Map<string, Turns>>();

/** The turns of all who open one place of a store; other tabs wait for them, too, where the platform has locks and the store is not private. */
export const turnsAt = (store: OutboxStore, place: string): Turns => {
  const ofStore = known.get(store) ?? new Map<string, Turns>();
  known.set(store, ofStore);
  const turns = ofStore.get(place) ?? createTurns();
  ofStore.set(place, turns);
  const locks = store.isPrivate === true ? undefined : (globalThis as { readonly navigator?: { readonly locks?: Locks } }).navigator?.locks;
  return (run) => turns(() => locks?.request(place, run) ?? run());
};
