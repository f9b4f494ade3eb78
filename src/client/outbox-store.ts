/** Where an outbox lives between two runs of an app. Every call may be asynchronous; a value that was set is there after a crash. */
export interface OutboxStore {
  readonly get: (key: string) => Promise<string | null | undefined>;
  readonly set: (key: string, value: string) => Promise<unknown>;
  readonly remove: (key: string) => Promise<unknown>;
  /** All keys, in any order. */
  readonly keys: () => Promise<readonly string[]>;
  /** No other tab can open it, so that runs over it need not wait for those of others. */
  readonly isPrivate?: boolean;
}

/** A store that is gone with the process. */
export const memoryStore = (): OutboxStore => {
  const values = new Map<string, string>();
  return {
    isPrivate: true,
    get: (key) => Promise.resolve(values.get(key)),
    set: (key, value) => Promise.resolve(values.set(key, value)),
    remove: (key) => Promise.resolve(values.delete(key)),
    keys: () => Promise.resolve([...values.keys()]),
  };
};

/** What `localStorage` of browsers and AsyncStorage of React Native have in common. */
export interface KeyValueStorage {
  readonly getItem: (key: string) => string | null | Promise<string | null>;
  readonly setItem: (key: string, value: string) => unknown;
  readonly removeItem: (key: string) => unknown;
  /** AsyncStorage lists its keys. */
  readonly getAllKeys?: () => Promise<readonly string[]>;
  /** localStorage counts them. */
  readonly length?: number;
  readonly key?: (index: number) => string | null;
}

const keysOf = async (storage: KeyValueStorage): Promise<readonly string[]> => {
  if (storage.getAllKeys) return storage.getAllKeys();
  return Array.from({ length: storage.length ?? 0 }, (_, index) => storage.key?.(index)).filter((key) => typeof key === 'string');
};

/** A store on `localStorage`, AsyncStorage, or what else has their functions. */
export const storageStore = (storage: KeyValueStorage): OutboxStore => ({
  get: async (key) => storage.getItem(key),
  set: async (key, value) => {
    await storage.setItem(key, value);
  },
  remove: async (key) => {
    await storage.removeItem(key);
  },
  keys: () => keysOf(storage),
});
