import { randomBytes } from 'node:crypto';
import type { Queryable } from '../database/pool.ts';
import { open, seal, SealBrokenError } from './cipher.ts';

/** The unwrapped keys of one scope: `dataKey` encrypts, `identityKey` makes identifiers and digests that nobody can guess. */
export interface ScopeKeys {
  readonly dataKey: Buffer;
  readonly identityKey: Buffer;
}

/** Whose keys: a patient, one quarantined delivery, or this installation. */
export type Scope = `patient:${string}` | `quarantine:${string}` | 'installation';

/** Hands out keys, and destroys them. */
export interface KeyRing {
  /** The keys of a scope; made at first use, also when many ask at once. Throws SealBrokenError under a wrong master key. */
  readonly keysOf: (db: Queryable, scope: Scope) => Promise<ScopeKeys>;
  /** The keys of a scope that has some: reading never makes keys. Throws SealBrokenError under a wrong master key. */
  readonly knownKeysOf: (db: Queryable, scope: Scope) => Promise<ScopeKeys | undefined>;
  /** Destroys the keys of a scope: what they sealed can never be read again. */
  readonly discard: (db: Queryable, scope: Scope) => Promise<void>;
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
  const keysOf: KeyRing['keysOf'] = async (db, scope) => {
    const known = await knownKeysOf(db, scope);
    if (known) return known;
    await insert(db, scope, wrapped(scope));
    const made = await knownKeysOf(db, scope);
    if (!made) throw new Error('The keys of a scope vanished while they were made.');
    return made;
  };
  return {
    keysOf,
    knownKeysOf,
    discard: async (db, scope) => {
      await db.query('delete from device_manager_keys.scope_key where scope = $1', [scope]);
    },
    check: async (db) => {
      try {
        await keysOf(db, 'installation');
      } catch (error) {
        if (!(error instanceof SealBrokenError)) throw error;
        throw new Error('The master key is not the one this database was used with: restore MASTER_KEY or DATA_DIR/master-key.', { cause: error });
      }
    },
  };
};
