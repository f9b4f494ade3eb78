import { withoutDeadline, type Pool, type Queryable } from '../../database/pool.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { KeyRing } from '../../keys/scope-keys.ts';
import { patientsNamed } from '../storage/patients-named.ts';
import { beginErasure } from './erasing.ts';
import { demandOwnJournal, type JournalEntry } from './erasure-journal.ts';

/** What applying a journal came to. */
export interface Applied {
  /** Entries that the database did not know: it is older than they are. */
  readonly unknown: number;
  /** Patients of whom there was something, whose erasure was begun anew; their keys are destroyed. */
  readonly begun: readonly { readonly patientId: string; readonly erasureId: string }[];
}

/** `applyErasures` in a transaction of the caller's: when it commits, the keys are gone. Throws JournalFault. */
export const beginErasures = async (client: Queryable, keyRing: KeyRing, entries: readonly JournalEntry[], others: readonly string[] = []): Promise<Applied> => {
  await demandOwnJournal(client, keyRing, entries);
  const unknown = await keyRing.unburied(client, entries.map(({ pseudonym }) => Buffer.from(pseudonym, 'hex')));
  if (unknown.length === 0) return { unknown: 0, begun: [] };
  const erasedAt = new Map(entries.map((entry) => [entry.pseudonym, new Date(entry.erasedAt)]));
  const missing = new Set(unknown.map((pseudonym) => pseudonym.toString('hex')));
  const begun: Applied['begun'][number][] = [];
  const pseudonymIn = await keyRing.pseudonyms(client);
  for (const patientId of new Set([...(await patientsNamed(client)), ...others])) {
    const pseudonym = pseudonymIn(`patient:${patientId}`).toString('hex');
    if (!missing.has(pseudonym)) continue;
    const requestedAt = erasedAt.get(pseudonym) ?? new Date();
    const erasure = await beginErasure(client, keyRing, { patientId, actor: 'program', requestId: `journal-${pseudonym.slice(0, 16)}`, requestedAt });
    begun.push({ patientId, erasureId: erasure._id });
  }
  // Of the others there is nothing yet, and nothing shall come.
  for (const pseudonym of unknown) await keyRing.bury(client, pseudonym, erasedAt.get(pseudonym.toString('hex')) ?? new Date());
  return { unknown: unknown.length, begun };
};

/**
 * Erases again, in a database that was restored, whoever was erased since the backup was made: at once the keys, of all in one transaction,
 * the rows in the background. `others` are identifiers of people that the tables of this service do not name. Safe to do again. Throws JournalFault.
 */
export const applyErasures = (pool: Pool, keyRing: KeyRing, entries: readonly JournalEntry[], others: readonly string[] = []): Promise<Applied> =>
  inTransaction(pool, async (client) => {
    // It reads all of every table, and the program does not start before it has.
    await withoutDeadline(client, 'local');
    return beginErasures(client, keyRing, entries, others);
  });
