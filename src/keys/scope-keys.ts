import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { Queryable } from '../database/pool.ts';
import { createDataKey, type DataKey } from './data-key.ts';
import { buryScope, isBuried, unburiedAmong } from './erased-scope-table.ts';
import { masterKeyOf } from './master-key.ts';
import { currentKeys, deleteScope, insertGeneration, insertScope, wrappedDataKey, type StoredKeys } from './scope-key-table.ts';
import { unwrap, wrap } from './wrapping.ts';

/** The keys of one scope: `dataKey` encrypts, `identityKey` makes identifiers and digests that nobody can guess. */
export interface ScopeKeys {
  readonly dataKey: DataKey;
  /** 32 bytes that stay the same for as long as the scope lives. */
  readonly identityKey: Buffer;
}

/** Whose keys: a patient, one quarantined delivery, or this installation. */
export type Scope = `patient:${string}` | `quarantine:${string}` | 'installation';

/** A scope that was erased: no keys are made for it any more. */
export class ScopeErasedError extends Error {
  constructor() {
    super('Nothing is kept in this scope any more: it was erased.');
    this.name = 'ScopeErasedError';
  }
}

/** Hands out keys, renews and destroys them. Every key it hands out can throw SealBrokenError or MasterKeyMissingError. */
export interface KeyRing {
  /**
   * The keys of a scope, to write with; made at first use, also when many ask at once. In a transaction the generation of a patient's
   * data key is held until that ends: it is not destroyed while something may yet be sealed under it. Throws ScopeErasedError for a
   * patient who was erased.
   */
  readonly keysOf: (db: Queryable, scope: Scope) => Promise<ScopeKeys>;
  /** The keys of a scope that has some: reading never makes keys. `toWrite` holds the generation as `keysOf` does. */
  readonly knownKeysOf: (db: Queryable, scope: Scope, toWrite?: 'toWrite') => Promise<ScopeKeys | undefined>;
  /** Gives a scope another generation of its data key, under which everything is sealed from the commit on. */
  readonly renew: (db: Queryable, scope: Scope) => Promise<void>;
  /**
   * Destroys the keys of a scope, of all generations, in a transaction of the caller's: what they sealed can never be read again. Answers
   * fingerprints of the wrapped keys, the first 64 bits of their SHA-256 in hexadecimal digits; none when there were no keys.
   */
  readonly discard: (db: Queryable, scope: Scope) => Promise<readonly string[]>;
  /** What stands for a scope where it must not be named: 32 bytes that only this installation can make, and always makes alike. */
  readonly pseudonymOf: (db: Queryable, scope: Scope) => Promise<Buffer>;
  /** `pseudonymOf` for many scopes: the key is read once. */
  readonly pseudonyms: (db: Queryable) => Promise<(scope: Scope) => Buffer>;
  /** Sees to it that no keys are made any more for the scope of a pseudonym; `keysOf` throws from the commit on. */
  readonly bury: (db: Queryable, pseudonym: Buffer, erasedAt: Date) => Promise<void>;
  /** Which of some pseudonyms are not buried. */
  readonly unburied: (db: Queryable, pseudonyms: readonly Buffer[]) => Promise<readonly Buffer[]>;
}

const fingerprintOf = (wrapped: Buffer): string => createHash('sha256').update(wrapped).digest('hex').slice(0, 16);

const pseudonymsUnder = ({ identityKey }: ScopeKeys) => (scope: Scope): Buffer => createHmac('sha256', identityKey).update(`erased:${scope}`).digest();

/** Keys of patients and deliveries, each wrapped by a master key and bound to its scope; `previousMasterKey` opens what it wrapped. */
export const createKeyRing = ({ masterKey, previousMasterKey }: { readonly masterKey: Buffer; readonly previousMasterKey?: Buffer | undefined }): KeyRing => {
  const masterKeys = { current: masterKeyOf(masterKey), previous: previousMasterKey && masterKeyOf(previousMasterKey) };
  const fresh = (scope: Scope, use: 'identity' | number) => wrap(masterKeys, scope, use, randomBytes(32));
  const opened = (db: Queryable, scope: Scope, { identity, generation, data }: StoredKeys): ScopeKeys => ({
    identityKey: unwrap(masterKeys, scope, 'identity', identity),
    dataKey: createDataKey(generation, unwrap(masterKeys, scope, generation, data), async (other) => {
      const found = await wrappedDataKey(db, scope, other);
      return found && unwrap(masterKeys, scope, other, found);
    }),
  });
  const knownKeysOf: KeyRing['knownKeysOf'] = async (db, scope, toWrite) => {
    // Only patients' data keys have generations that are destroyed.
    const stored = await currentKeys(db, scope, toWrite !== undefined && scope.startsWith('patient:'));
    return stored && opened(db, scope, stored);
  };
  const keysOf: KeyRing['keysOf'] = async (db, scope) => {
    const known = await knownKeysOf(db, scope, 'toWrite');
    if (known) return known;
    // Looked at where keys would be made alone, so that it costs the others nothing.
    if (scope.startsWith('patient:') && (await isBuried(db, await pseudonymOf(db, scope)))) throw new ScopeErasedError();
    await insertScope(db, scope, fresh(scope, 'identity'), fresh(scope, 1));
    const made = await knownKeysOf(db, scope, 'toWrite');
    if (!made) throw new Error('The keys of a scope vanished while they were made.');
    return made;
  };
  const pseudonyms: KeyRing['pseudonyms'] = async (db) => pseudonymsUnder(await keysOf(db, 'installation'));
  const pseudonymOf: KeyRing['pseudonymOf'] = async (db, scope) => (await pseudonyms(db))(scope);
  return {
    knownKeysOf,
    keysOf,
    renew: async (db, scope) => {
      const stored = await currentKeys(db, scope, false);
      if (stored) await insertGeneration(db, scope, stored.generation + 1, fresh(scope, stored.generation + 1));
    },
    discard: async (db, scope) => (await deleteScope(db, scope)).map(fingerprintOf),
    pseudonymOf,
    pseudonyms,
    bury: buryScope,
    unburied: unburiedAmong,
  };
};
