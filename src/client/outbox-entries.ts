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

/** An entry that is sent. */
export type Sendable = Exclude<OutboxEntry, { kind: 'anchor' }>;

/** Entries of an outbox in a store; keys sort in the order of sending. */
export interface OutboxEntries {
  readonly keys: () => Promise<readonly string[]>;
  readonly read: (key: string) => Promise<OutboxEntry | undefined>;
  readonly append: (entries: Iterable<Sendable>) => Promise<void>;
  /** Puts an anchor behind all that is there; others of its name that nothing but anchors came after are taken away for it. */
  readonly appendAnchor: (anchor: Anchor) => Promise<void>;
  /** The anchor of that name that was appended last and not removed. */
  readonly lastAnchor: (name: string) => Promise<Anchor | undefined>;
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

/** Half of a pair of UTF-16 is no text, and cannot be part of an address: an entry with it would never be sent. */
const isText = (value: unknown): boolean => typeof value !== 'string' || !/[\uD800-\uDFFF]/u.test(value);

/**
 * The entries of the samples of one call, in chunks.
 * @throws TypeError where a parameter is no text
 */
export function* sampleEntries(items: readonly unknown[], query: UploadQuery, bounds: ChunkBounds): Generator<Sendable> {
  const [broken] = Object.entries(query).find(([, value]) => !isText(value)) ?? [];
  if (broken !== undefined) throw new TypeError(`${broken} has half of a UTF-16 pair: send whole characters.`);
  for (const chunk of chunksOf(items, bounds)) yield { kind: 'samples', query, items: chunk };
}

/** The entries of UUIDs that were deleted, in chunks. */
export function* deletionEntries(uuids: readonly string[], bounds: ChunkBounds): Generator<Sendable> {
  for (const chunk of chunksOf(uuids, bounds)) yield { kind: 'deletions', items: chunk as readonly string[] };
}

/** Two writers on one store may take the same number; the rest of the key keeps their entries apart. */
const unique = (): string => Math.random().toString(36).slice(2, 12);

const keysAt = async (store: OutboxStore, place: string): Promise<readonly string[]> => (await store.keys()).filter((key) => key.startsWith(place)).sort();

/** A key behind those that are there. */
const keyAfter = (there: readonly string[], place: string, more: number): string => {
  const last = Number(there[there.length - 1]?.slice(place.length, place.length + DIGITS) ?? 0);
  return `${place}${String(last + more).padStart(DIGITS, '0')}-${unique()}`;
};

const readAt = async (store: OutboxStore, key: string): Promise<OutboxEntry | undefined> => {
  const text = await store.get(key);
  return typeof text === 'string' ? (JSON.parse(text) as OutboxEntry) : undefined;
};

const writeAt = (store: OutboxStore, key: string, entry: OutboxEntry): Promise<unknown> => store.set(key, JSON.stringify(entry));

const ANCHOR_MARK = '@';
/** How the keys of anchors of a name end, and no others, so that they are found without reading the samples between them. */
const endOf = (name: string): string => ANCHOR_MARK + encodeURIComponent(name);

const appendAnchorAt = async (store: OutboxStore, place: string, anchor: Anchor): Promise<void> => {
  const there = await keysAt(store, place);
  const end = endOf(anchor.name);
  await writeAt(store, keyAfter(there, place, 1) + end, { kind: 'anchor', anchor });
  for (const key of [...there].reverse()) {
    const isOfAnchor = key.slice(place.length).includes(ANCHOR_MARK);
    if (!isOfAnchor) return;
    if (key.endsWith(end)) await store.remove(key);
  }
};

const lastAnchorAt = async (store: OutboxStore, place: string, name: string): Promise<Anchor | undefined> => {
  const end = endOf(name);
  const newestFirst = (await keysAt(store, place)).filter((key) => key.endsWith(end)).reverse();
  for (const key of newestFirst) {
    // A run may have removed it meanwhile.
    const entry = await readAt(store, key);
    if (entry?.kind === 'anchor') return entry.anchor;
  }
  return undefined;
};

/** Opens the entries at a place of a store. What is appended is numbered on from what is there. */
export const openEntries = (store: OutboxStore, place: string): OutboxEntries => ({
  keys: () => keysAt(store, place),
  read: (key) => readAt(store, key),
  append: async (entries) => {
    const there = await keysAt(store, place);
    let more = 0;
    for (const entry of entries) await writeAt(store, keyAfter(there, place, (more += 1)), entry);
  },
  appendAnchor: (anchor) => appendAnchorAt(store, place, anchor),
  lastAnchor: (name) => lastAnchorAt(store, place, name),
  replace: async (key, entry) => {
    await writeAt(store, key, entry);
  },
  split: async (key, [left, right]) => {
    await writeAt(store, `${key}.0`, left);
    await writeAt(store, `${key}.1`, right);
    await store.remove(key);
  },
  remove: async (key) => {
    await store.remove(key);
  },
  clear: async () => {
    for (const key of await keysAt(store, place)) await store.remove(key);
  },
});
