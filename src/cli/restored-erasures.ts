import { existsSync } from 'node:fs';
import { BackupFault, type Manifest } from '../backup/manifest.ts';
import type { RestoreSet } from '../backup/restore-set.ts';
import type { Config } from '../config.ts';
import { JournalFault, type JournalEntry } from '../device-manager/patients/erasure-journal.ts';
import { erasureJournalIn } from '../data-files.ts';
import { RefusedError } from './command-context.ts';
import { entriesIn } from './erasing-again.ts';

/** What the operator says of whoever was erased since the backup. */
export interface ErasureWords {
  readonly erasureJournal?: string;
  readonly withoutErasureJournal?: true;
  readonly erasedByDeviceManager?: true;
}

/** Who was erased since the backup must not come back because somebody forgot them. Throws RefusedError where nothing is said of them. */
export const journalFor = async (config: Config, { erasureJournal: path, withoutErasureJournal: none, erasedByDeviceManager }: ErasureWords): Promise<JournalEntry[]> => {
  if (path !== undefined && none === true) throw new RefusedError('--erasure-journal and --without-erasure-journal contradict each other.', 'wrong-use');
  const own = erasureJournalIn(config);
  if (path === undefined && none !== true && erasedByDeviceManager !== true && !existsSync(own)) {
    throw new RefusedError(`Who was erased since the backup must stay erased: name the journal with --erasure-journal, or say --without-erasure-journal where nobody was. There is none at ${own}.`, 'wrong-use');
  }
  return [...(existsSync(own) ? await entriesIn(own) : []), ...(path === undefined ? [] : await entriesIn(path))];
};

/** Whether a backup has tables of a service. */
export const holds = ({ schemas }: Manifest, schema: string): boolean => schemas.some(({ name }) => name === schema);

/**
 * Proves that somebody can tell whose accounts a journal means: the keys in the backup, or the Device Manager elsewhere, which the operator
 * has to know of. Throws RefusedError, BackupFault and JournalFault.
 */
export const demandErasable = ({ data: { manifest }, keys }: RestoreSet, journal: readonly JournalEntry[], { erasedByDeviceManager }: ErasureWords): void => {
  const isAlone = holds(manifest, 'user_manager') && !holds(manifest, 'device_manager');
  if (erasedByDeviceManager === true && !isAlone) throw new RefusedError('--erased-by-device-manager is for a backup of the User Manager alone: of this one the journal is needed.', 'wrong-use');
  const hasKeys = keys !== undefined && keys.manifest.installation !== null;
  if (hasKeys || journal.length === 0 || !holds(manifest, 'user_manager') || erasedByDeviceManager === true) return;
  if (!isAlone) throw new JournalFault('The journal is of another installation, or of keys that came after the backup: whose accounts it means cannot be told.');
  throw new BackupFault(
    `The journal names ${String(journal.length)} who were erased, and the backup of a User Manager alone has no keys that tell whose accounts these are. The Device Manager can: say --erased-by-device-manager, and start the Device Manager anew before anybody can sign in; it erases their accounts again.`,
  );
};
