import type { Queryable } from '../database/pool.ts';
import { SealBrokenError } from './cipher.ts';
import { isMasterKeyGiven, loadMasterKeys, type MasterKeySettings } from './master-key-source.ts';
import type { MasterKey, MasterKeys } from './master-key.ts';
import { currentKeys, noteMasterKey, type StoredKeys } from './scope-key-table.ts';
import { createKeyRing, type KeyRing } from './scope-keys.ts';
import { unwrap } from './wrapping.ts';

const foreign = (ids: string): string =>
  `The master key is not the one this database was used with: keys are wrapped by ${ids}. Restore that one as MASTER_KEY, MASTER_KEY_FILE, MASTER_KEY_COMMAND or DATA_DIR/master-key; while the master key is changed, give it as MASTER_KEY_PREVIOUS.`;

/** Master keys by which keys are wrapped, or may be, and that are not among those given. */
const missingAmong = async (db: Queryable, { current, previous }: MasterKeys): Promise<string[]> => {
  const { rows } = await db.query<{ id: string }>('select id from device_manager_keys.master_key where id <> all($1::text[]) order by id', [[current.id, ...(previous ? [previous.id] : [])]]);
  return rows.map(({ id }) => id);
};

/** Why keys cannot be opened with the master keys given, in a sentence; undefined when they can. */
export const masterKeyFaultIn = async (db: Queryable, masterKeys: MasterKeys): Promise<string | undefined> => {
  const missing = await missingAmong(db, masterKeys);
  return missing.length === 0 ? undefined : foreign(missing.join(', '));
};

const proved = (masterKeys: MasterKeys, stored: StoredKeys): void => {
  try {
    unwrap(masterKeys, 'installation', 'identity', stored.identity);
  } catch (error) {
    if (!(error instanceof SealBrokenError)) throw error;
    throw new Error(foreign('another one'), { cause: error });
  }
};

/** Names the master key of keys that were wrapped before master keys had names; all of them were wrapped by one. */
const nameWrapped = async (db: Queryable, masterKeys: MasterKeys, stored: StoredKeys): Promise<void> => {
  if (stored.identity.masterKeyId !== null) return;
  const opens = ({ id }: MasterKey): boolean => {
    try {
      unwrap(masterKeys, 'installation', 'identity', { ...stored.identity, masterKeyId: id });
      return true;
    } catch {
      return false; // the other one does: that was proved
    }
  };
  const { id } = masterKeys.previous && opens(masterKeys.previous) ? masterKeys.previous : masterKeys.current;
  await noteMasterKey(db, id);
  await db.query('update device_manager_keys.data_key set master_key_id = $1 where master_key_id is null', [id]);
  await db.query('update device_manager_keys.scope_key set master_key_id = $1 where master_key_id is null', [id]);
};

/** Whether the database holds values that some keys sealed. */
const holdsSealed = async (db: Queryable): Promise<boolean> => {
  const { rows: [tables] } = await db.query<{ there: boolean }>(`select to_regclass('device_manager.quarantined_delivery') is not null as there`);
  if (tables?.there !== true) return false;
  const { rows: [found] } = await db.query<{ any: boolean }>('select exists (select from device_manager.payload) or exists (select from device_manager.quarantined_delivery) as any');
  return found?.any === true;
};

/** What opens the keys of a database. */
export interface OpenedKeys {
  readonly masterKeys: MasterKeys;
  readonly keyRing: KeyRing;
}

interface ProvedKeys {
  readonly masterKeys: MasterKeys;
  /** The keys of the installation, where it has some. */
  readonly stored: StoredKeys | undefined;
}

const provedKeys = async (db: Queryable, settings: MasterKeySettings, mayMake: boolean): Promise<ProvedKeys> => {
  const stored = await currentKeys(db, 'installation', false);
  if (!stored && (await holdsSealed(db))) throw new Error('The keys of this database are missing: it holds health data, and the schema device_manager_keys is empty. Restore that schema from its backup.');
  const masterKeys = await loadMasterKeys(settings, mayMake && stored === undefined);
  if (stored) {
    const fault = await masterKeyFaultIn(db, masterKeys);
    if (fault !== undefined) throw new Error(fault);
    proved(masterKeys, stored);
  }
  return { masterKeys, stored };
};

/**
 * Loads the master keys and proves that they are those of the database, whose tables must be up to date. Rejects with a reason for the
 * operator when one is missing, wrong, short or a sample, or the database has health data and no keys; a master key is made only where
 * the database has no keys yet.
 */
export const openKeys = async (db: Queryable, settings: MasterKeySettings): Promise<OpenedKeys> => {
  const { masterKeys, stored } = await provedKeys(db, settings, true);
  if (stored) await nameWrapped(db, masterKeys, stored);
  const keyRing = createKeyRing({ masterKey: masterKeys.current.bytes, previousMasterKey: masterKeys.previous?.bytes });
  await keyRing.keysOf(db, 'installation');
  return { masterKeys, keyRing };
};

/**
 * Looks whether the master keys are those of the database, and makes and changes nothing. `unused` where the database has no keys yet.
 * Rejects as `openKeys` does.
 */
export const examineMasterKeys = async (db: Queryable, settings: MasterKeySettings): Promise<'proved' | 'unused'> => {
  const isNew = (await currentKeys(db, 'installation', false)) === undefined && !(await holdsSealed(db));
  if (isNew && !isMasterKeyGiven(settings)) return 'unused';
  const { stored } = await provedKeys(db, settings, false);
  return stored ? 'proved' : 'unused';
};
