import { createHash } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Pool, Queryable } from '../../database/pool.ts';
import type { KeyRing } from '../../keys/scope-keys.ts';
import { allErasures, type Erasure } from '../storage/erasure-table.ts';

const entrySchema = z.object({ version: z.literal(1), installation: z.string().regex(/^[0-9a-f]{16}$/), pseudonym: z.string().regex(/^[0-9a-f]{64}$/), erasedAt: z.iso.datetime() });

/** What the journal tells of one erasure: it names the patient by a keyed pseudonym alone, and the installation whose key that is. */
export type JournalEntry = z.infer<typeof entrySchema>;

/** The journal has lines that are no entries, or those of another installation. */
export class JournalFault extends Error {}

/** Names an installation without saying anything else about it. */
const installationOf = async (db: Queryable, keyRing: KeyRing): Promise<string> =>
  createHash('sha256').update(await keyRing.pseudonymOf(db, 'installation')).digest('hex').slice(0, 16);

const entryOf = (installation: string, { pseudonym, requested_at: erasedAt }: Pick<Erasure, 'pseudonym' | 'requested_at'>): JournalEntry =>
  ({ version: 1, installation, pseudonym: pseudonym.toString('hex'), erasedAt: erasedAt.toISOString() });

/** Reads a journal, one entry a line. Throws JournalFault. */
export const readJournal = (text: string): JournalEntry[] =>
  text.split('\n').filter((line) => line.trim() !== '').map((line, index) => {
    try {
      return entrySchema.parse(JSON.parse(line));
    } catch {
      throw new JournalFault(`Line ${String(index + 1)} of the journal is no entry of an erasure.`);
    }
  });

const textOf = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
};

/** Adds entries that a journal file does not have yet, on the disk before it resolves. */
export const addToJournal = async (path: string, entries: readonly JournalEntry[]): Promise<void> => {
  const known = await textOf(path);
  const lines = entries.map((entry) => `${JSON.stringify(entry)}\n`).filter((line) => !known.includes(line));
  if (lines.length === 0) return;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'a', 0o600);
  try {
    await file.appendFile(lines.join(''));
    await file.sync();
  } finally {
    await file.close();
  }
};

/** Where erasures are noted apart from the database, so that they can be applied to one that is restored. */
export interface ErasureJournal {
  /** Notes an erasure, on the disk before it resolves. */
  readonly append: (erasure: Pick<Erasure, 'pseudonym' | 'requested_at'>) => Promise<void>;
  /** Throws JournalFault. */
  readonly read: () => Promise<readonly JournalEntry[]>;
}

/** The journal in a file, which grows by a line for each erasure. */
export const openErasureJournal = (path: string, pool: Pool, keyRing: KeyRing): ErasureJournal => ({
  append: async (erasure) => addToJournal(path, [entryOf(await installationOf(pool, keyRing), erasure)]),
  read: async () => readJournal(await textOf(path)),
});

/** What the journal tells of some erasures. */
export const entriesOf = async (db: Queryable, keyRing: KeyRing, erasures: readonly Pick<Erasure, 'pseudonym' | 'requested_at'>[]): Promise<JournalEntry[]> => {
  const installation = await installationOf(db, keyRing);
  return erasures.map((erasure) => entryOf(installation, erasure));
};

/** The journal of all erasures that the database knows, to be kept apart from it. */
export const journalOf = async (pool: Pool, keyRing: KeyRing): Promise<JournalEntry[]> => entriesOf(pool, keyRing, await allErasures(pool));

/** Throws JournalFault when an entry is of another installation: its pseudonyms mean nobody here. */
export const demandOwnJournal = async (db: Queryable, keyRing: KeyRing, entries: readonly JournalEntry[]): Promise<void> => {
  const own = await installationOf(db, keyRing);
  if (entries.some(({ installation }) => installation !== own)) throw new JournalFault('The journal is of another installation, or the keys of this one were lost: its patients cannot be told.');
};
