import type { paths } from '../../generated/bff.d.ts';
import { chunksOf, type ChunkBounds } from './chunks.ts';
import type { OutboxStore } from './outbox-store.ts';

/** What the samples of one call have in common. */
export type UploadQuery = NonNullable<paths['/health-data']['post']['parameters']['query']>;

/** A place in a HealthKit query, to go on from. */
export interface Anchor {
  /** Which query: usually the type of its samples. */
  readonly name: string;
  readonly value: string;
}

/** What waits: samples, deletions, or an anchor that may be advanced once all before it is settled. */
export type OutboxEntry =
  | { readonly kind: 'samples'; readonly query: UploadQuery; readonly items: readonly unknown[] }
  | { readonly kind: 'deletions'; readonly items: readonly string[] }
  | { readonly kind: 'anchor'; readonly anchor: Anchor };

/** Entries of an outbox in a store; keys sort in the order of sending. */
export interface OutboxEntries {
  readonly keys: () => Promise<readonly string[]>;
  readonly read: (key: string) => Promise<OutboxEntry | undefined>;
  readonly append: (entries: Iterable<OutboxEntry>) => Promise<void>;
  readonly replace: (key: string, entry: OutboxEntry) => Promise<void>;
  /** Puts two halves in place of an entry, in its position. */
  readonly split: (key: string, halves: readonly [OutboxEntry, OutboxEntry]) => Promise<void>;
  readonly remove: (key: string) => Promise<void>;
  /** Removes all. */
  readonly clear: () => Promise<void>;
}

const DIGITS = 15;

/**
 * Where the entries of one person's outbox of that name are in a store: what their keys begin with. Nobody else's begin so.
 * @throws TypeError without an owner
 */
export const placeOf = (owner: string, name: string): string => {
  if (owner === '') throw new TypeError('An outbox needs its owner: the `sub` of the person whose samples it keeps.');
  return `vitalgate/outbox/${encodeURIComponent(owner)}/${encodeURIComponent(name)}/`;
};

/** The entries of the samples of one call, in chunks. */
export function* sampleEntries(items: readonly unknown[], query: UploadQuery, bounds: ChunkBounds): Generator<OutboxEntry> {
  for (const chunk of chunksOf(items, bounds)) yield { kind: 'samples', query, items: chunk };
}

/** The entries of UUIDs that were deleted, in chunks. */
export function* deletionEntries(uuids: readonly string[], bounds: ChunkBounds): Generator<OutboxEntry> {
  for (const chunk of chunksOf(uuids, bounds)) yield { kind: 'deletions', items: chunk as readonly string[] };
}

/** Two writers on one store may take the same number; the rest of the key keeps their entries apart. */
const unique = (): string => Math.random().toString(36).slice(2, 12);

/** Opens the entries at a place of a store. What is appended is numbered on from what is there. */
export const openEntries = (store: OutboxStore, place: string): OutboxEntries => {
  const keys = async () => (await store.keys()).filter((key) => key.startsWith(place)).toSorted();
  const write = (key: string, entry: OutboxEntry) => store.set(key, JSON.stringify(entry));
  let next: Promise<number> | undefined;
  const first = async () => Number((await keys()).at(-1)?.slice(place.length, place.length + DIGITS) ?? 0) + 1;
  return {
    keys,
    read: async (key) => {
      const text = await store.get(key);
      return typeof text === 'string' ? (JSON.parse(text) as OutboxEntry) : undefined;
    },
    append: async (entries) => {
      for (const entry of entries) {
        next = (next ?? first()).then((number) => number + 1);
        await write(`${place}${String((await next) - 1).padStart(DIGITS, '0')}-${unique()}`, entry);
      }
    },
    replace: async (key, entry) => {
      await write(key, entry);
    },
    split: async (key, [left, right]) => {
      await write(`${key}.0`, left);
      await write(`${key}.1`, right);
      await store.remove(key);
    },
    remove: async (key) => {
      await store.remove(key);
    },
    clear: async () => {
      for (const key of await keys()) await store.remove(key);
    },
  };
};
