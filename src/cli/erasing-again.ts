import { readFile } from 'node:fs/promises';
import { newPseudonym } from '../audit/pseudonym.ts';
import type { Config } from '../config.ts';
import type { Pool, Queryable } from '../database/pool.ts';
import { scrub } from '../database/scrubbing.ts';
import type { Applied } from '../device-manager/patients/applying-erasures.ts';
import { runErasure, type Erasing } from '../device-manager/patients/erasing.ts';
import { JournalFault, openErasureJournal, readJournal, type JournalEntry } from '../device-manager/patients/erasure-journal.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { patientIdOf } from '../user-manager/patient-id.ts';
import { findUsers } from '../user-manager/storage/user-search.ts';
import { clearTables, eraseUser } from '../user-manager/user-erasure.ts';
import { erasureJournalIn, mailFolderIn } from '../data-files.ts';
import { RefusedError, type CommandContext } from './command-context.ts';

/** Tells of a delivery that waits and does not open: whose it is cannot be known. */
export const saysUnreadable = (say: CommandContext['say']) => (payloadId: string): void => say(`The delivery ${payloadId}, which waits, does not open and was passed over.`);

/** Erases in this process what a server would erase in the background; `userId` is the account, where it is known. */
export const erasingOf = ({ config, pool, keyRing, say }: Omit<ErasingAgain, 'accounts'>, userId?: string): Erasing => ({
  pool, keyRing, onUnreadable: saysUnreadable(say), backupDays: config.BACKUP_RETENTION_DAYS, journal: openErasureJournal(erasureJournalIn(config), pool, keyRing),
  eraseAccount: (patientId, auditPseudonym) => eraseUser({ pool, mailFolder: mailFolderIn(config) }, { id: userId ?? patientId, auditPseudonym, actor: 'vitalgate' }),
});

/** The entries of a journal. Throws RefusedError for a file that is none. */
export const entriesIn = async (path: string): Promise<JournalEntry[]> => {
  try {
    return readJournal(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof JournalFault) throw new RefusedError(error.message, 'wrong-use');
    throw new RefusedError(`The journal cannot be read (${String((error as NodeJS.ErrnoException).code)}).`, 'wrong-use');
  }
};

const PAGE = 500;

/** Everybody who has an account, by the identifier of the patient. */
export const accountsOf = async (db: Queryable, key: string | undefined): Promise<Map<string, string>> => {
  const accounts = new Map<string, string>();
  for (let skip = 0; ; skip += PAGE) {
    const users = await findUsers(db, { states: ['PUBLIC', 'DRAFT', 'TRASH', 'DELETED'], sort: [], limit: PAGE, skip });
    for (const user of users) {
      const patientId = patientIdOf(user, key);
      if (patientId !== undefined) accounts.set(patientId, user.id);
    }
    if (users.length < PAGE) return accounts;
  }
};

/** An account comes back with the tables of the User Manager, which may be restored alone. */
const eraseAccounts = async (pool: Pool, keyRing: KeyRing, config: Config, accounts: ReadonlyMap<string, string>, entries: readonly JournalEntry[]): Promise<number> => {
  const erased = new Set(entries.map(({ pseudonym }) => pseudonym));
  const pseudonymIn = await keyRing.pseudonyms(pool);
  let count = 0;
  for (const [patientId, userId] of accounts) {
    if (!erased.has(pseudonymIn(`patient:${patientId}`).toString('hex'))) continue;
    const auditPseudonym = newPseudonym();
    count += (await eraseUser({ pool, mailFolder: mailFolderIn(config) }, { id: userId, auditPseudonym, actor: 'vitalgate' }))['users'] ?? 0;
  }
  return count;
};

/** What erasing again stands on; `accounts` as `accountsOf` answers. */
export interface ErasingAgain {
  readonly pool: Pool;
  readonly keyRing: KeyRing;
  readonly config: Config;
  readonly accounts: ReadonlyMap<string, string>;
  readonly say: CommandContext['say'];
}

/** Erases the rows of patients whose keys are gone already, and accounts that the journal names besides. Answers how many of the latter. */
export const finishErasures = async (again: ErasingAgain, begun: Applied['begun'], entries: readonly JournalEntry[]): Promise<number> => {
  const { pool, keyRing, config, accounts } = again;
  for (const { erasureId, patientId } of begun) await runErasure(erasingOf(again, accounts.get(patientId)), erasureId);
  const others = await eraseAccounts(pool, keyRing, config, accounts, entries);
  await scrub(pool, clearTables);
  return others;
};
