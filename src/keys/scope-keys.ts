import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { Queryable } from '../database/pool.ts';
import { open, seal, SealBrokenError } from './cipher.ts';

/** The unwrapped keys of one scope: `dataKey` encrypts, `identityKey` makes identifiers and digests that nobody can guess. */
export interface ScopeKeys {
  readonly dataKey: Buffer;
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

/** Hands out keys, and destroys them. */
export interface KeyRing {
  /** The keys of a scope; made at first use, also when many ask at once. Throws SealBrokenError under a wrong master key, ScopeErasedError for a patient who was erased. */
  readonly keysOf: (db: Queryable, scope: Scope) => Promise<ScopeKeys>;
  /** The keys of a scope that has some: reading never makes keys. Throws SealBrokenError under a wrong master key. */
  readonly knownKeysOf: (db: Queryable, scope: Scope) => Promise<ScopeKeys | undefined>;
  /**
   * Destroys the keys of a scope: what they sealed can never be read again. Answers fingerprints of the wrapped keys, the first 64 bits of
   * their SHA-256 in hexadecimal digits; none when there were no keys.
   */
  readonly discard: (db: Queryable, scope: Scope) => Promise<readonly string[]>;
  /** What stands for a patient's scope where it must not be named: 32 bytes that only this installation can make, and always makes alike. */
  readonly pseudonymOf: (db: Queryable, scope: Scope) => Promise<Buffer>;
  /** Sees to it that no keys are made any more for the scope of a pseudonym; `keysOf` throws from the commit on. */
  readonly bury: (db: Queryable, pseudonym: Buffer, erasedAt: Date) => Promise<void>;
  /** Which of some pseudonyms are not buried. */
  readonly unburied: (db: Queryable, pseudonyms: readonly Buffer[]) => Promise<readonly Buffer[]>;
  /** Throws with a clear reason when the master key is not the one this database was used with. */
  readonly check: (db: Queryable) => Promise<void>;
}

interface Row {
  readonly data_key: Buffer;
  readonly identity_key: Buffer;
}

const select = async (db: Queryable, scope: Scope): Promise<Row | undefined> =>
  (await db.query<Row>('select data_key, identity_key from device_manager_keys.scope_key where scope = $1', [scope])).rows[0];

const insert = (db: Queryable, scope: Scope, row: Row) =>
  db.query('insert into device_manager_keys.scope_key (scope, data_key, identity_key) values ($1, $2, $3) on conflict do nothing', [scope, row.data_key, row.identity_key]);

const isBuried = async (db: Queryable, pseudonym: Buffer): Promise<boolean> =>
  (await db.query('select from device_manager_keys.erased_scope where pseudonym = $1', [pseudonym])).rowCount === 1;

const fingerprintOf = (wrapped: Buffer): string => createHash('sha256').update(wrapped).digest('hex').slice(0, 16);

const discard: KeyRing['discard'] = async (db, scope) => {
  const { rows } = await db.query<Row>('delete from device_manager_keys.scope_key where scope = $1 returning data_key, identity_key', [scope]);
  return rows.flatMap((row) => [row.data_key, row.identity_key].map(fingerprintOf));
};

const bury: KeyRing['bury'] = async (db, pseudonym, erasedAt) => {
  await db.query('insert into device_manager_keys.erased_scope (pseudonym, erased_at) values ($1, $2) on conflict do nothing', [pseudonym, erasedAt]);
};

const unburied: KeyRing['unburied'] = async (db, pseudonyms) =>
  (
    await db.query<{ pseudonym: Buffer }>('select pseudonym from unnest($1::bytea[]) as asked(pseudonym) where not exists (select from device_manager_keys.erased_scope e where e.pseudonym = asked.pseudonym)', [pseudonyms])
  ).rows.map(({ pseudonym }) => pseudonym);

const demandMasterKey = async (opened: Promise<ScopeKeys>): Promise<void> => {
  try {
    await opened;
  } catch (error) {
    if (!(error instanceof SealBrokenError)) throw error;
    throw new Error('The master key is not the one this database was used with: restore MASTER_KEY or DATA_DIR/master-key.', { cause: error });
  }
};

/** Keys of patients and deliveries, each wrapped by the master key and bound to its scope. */
export const createKeyRing = ({ masterKey }: { readonly masterKey: Buffer }): KeyRing => {
  const aad = (scope: Scope, use: 'data' | 'identity') => `scope_key:${scope}:${use}`;
  const wrapped = (scope: Scope): Row => ({
    data_key: seal(masterKey, randomBytes(32), aad(scope, 'data')),
    identity_key: seal(masterKey, randomBytes(32), aad(scope, 'identity')),
  });
  const unwrap = (scope: Scope, row: Row): ScopeKeys => ({
    dataKey: open(masterKey, row.data_key, aad(scope, 'data')),
    identityKey: open(masterKey, row.identity_key, aad(scope, 'identity')),
  });
  const knownKeysOf: KeyRing['knownKeysOf'] = async (db, scope) => {
    const row = await select(db, scope);
    return row && unwrap(scope, row);
  };
  const pseudonymOf: KeyRing['pseudonymOf'] = async (db, scope) => {
    const { identityKey } = await keysOf(db, 'installation');
    return createHmac('sha256', identityKey).update(`erased:${scope}`).digest();
  };
  const keysOf: KeyRing['keysOf'] = async (db, scope) => {
    const known = await knownKeysOf(db, scope);
    if (known) return known;
    // Looked at where keys would be made alone, so that it costs the others nothing.
    if (scope.startsWith('patient:') && (await isBuried(db, await pseudonymOf(db, scope)))) throw new ScopeErasedError();
    await insert(db, scope, wrapped(scope));
    const made = await knownKeysOf(db, scope);
    if (!made) throw new Error('The keys of a scope vanished while they were made.');
    return made;
  };
  return {
    keysOf,
    knownKeysOf,
    discard,
    pseudonymOf,
    bury,
    unburied,
    check: async (db) => demandMasterKey(keysOf(db, 'installation')),
  };
};
