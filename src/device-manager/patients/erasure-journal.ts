import { createHash } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Pool, Queryable } from '../../database/pool.ts';
import type { KeyRing } from '../../keys/scope-keys.ts';
import { allGravestones, type Gravestone } from '../storage/erasure-table.ts';

const entrySchema = z.object({ version: z.literal(1), installation: z.string().regex(/^[0-9a-f]{16}$/), pseudonym: z.string().regex(/^[0-9a-f]{64}$/), erasedAt: z.iso.datetime() });

/** What the journal tells of one erasure: it names the patient by a keyed pseudonym alone, and the installation whose key that is. */
export type JournalEntry = z.infer<typeof entrySchema>;

/** The journal has lines that are no entries, or those of another installation. */
export class JournalFault extends Error {}

/** Names an installation without saying anything else about it. */
const installationOf = async (db: Queryable, keyRing: KeyRing): Promise<string> =>
  createHash('sha256').update(await keyRing.pseudonymOf(db, 'installation')).digest('hex').slice(0, 16);

const entryOf = (installation: string, { pseudonym, requested_at: erasedAt }: Gravestone): JournalEntry =>
  ({ version: 1, installation, pseudonym: pseudonym.toString('hex'), erasedAt: erasedAt.toISOString() });

const entryIn = (line: string): JournalEntry | undefined => {
  try {
    return entrySchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
};

const beginning = '{"version":1,"installation":"';

/** Whether what stands behind the last end of a line is the beginning of an entry, which a full disk or a cut of power left; zeros stand where the disk never got the rest. */
const isTorn = (rest: string): boolean => {
  const zeros = rest.indexOf('\0');
  const kept = zeros === -1 ? rest : rest.slice(0, zeros);
  return entryIn(rest) === undefined && (kept.length < beginning.length ? beginning.startsWith(kept) : kept.startsWith(beginning));
};

/**
 * Reads a journal, one entry a line. A last line that was cut off while it was written is passed over: its erasure goes no further before it
 * has been written anew. Throws JournalFault.
 */
export const readJournal = (text: string): JournalEntry[] => {
  const lines = text.split('\n');
  if (isTorn(lines.at(-1) ?? '')) lines.pop();
  return lines.filter((line) => line.trim() !== '').map((line, index) => {
    const entry = entryIn(line);
    if (entry === undefined) throw new JournalFault(`Line ${String(index + 1)} of the journal is no entry of an erasure.`);
    return entry;
  });
};

const textOf = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
};

/** Adds entries that a journal file does not have yet, on the disk before it resolves; a last line that was cut off goes before. */
export const addToJournal = async (path: string, entries: readonly JournalEntry[]): Promise<void> => {
  const text = await textOf(path);
  const rest = text.slice(text.lastIndexOf('\n') + 1);
  const whole = isTorn(rest) ? text.slice(0, text.length - rest.length) : `${text}\n`;
  const known = new Set(whole.split('\n'));
  const lines = entries.map((entry) => JSON.stringify(entry)).filter((line) => !known.has(line)).map((line) => `${line}\n`);
  if (lines.length === 0) return;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'a', 0o600);
  try {
    if (whole.length < text.length) await file.truncate(Buffer.byteLength(whole));
    await file.appendFile(whole.slice(text.length) + lines.join(''));
    await file.sync();
  } finally {
    await file.close();
  }
};

/** Where erasures are noted apart from the database, so that they can be applied to one that is restored. */
export interface ErasureJournal {
  /** Notes an erasure, on the disk before it resolves. */
  readonly append: (erasure: Gravestone) => Promise<void>;
  /** Notes what the database knows and the file does not: each process notes what it erased, and a restore takes the file of one for the whole. */
  readonly complete: () => Promise<void>;
  /** Throws JournalFault. */
  readonly read: () => Promise<readonly JournalEntry[]>;
}

/** The journal in a file, which grows by a line for each erasure. */
export const openErasureJournal = (path: string, pool: Pool, keyRing: KeyRing): ErasureJournal => {
  // One after the other: what is being written is no line that was cut off.
  let written = Promise.resolve();
  const write = (entries: readonly JournalEntry[]): Promise<void> => {
    const writing = written.then(() => addToJournal(path, entries));
    written = writing.catch(() => undefined);
    return writing;
  };
  return {
    append: async (erasure) => write(await entriesOf(pool, keyRing, [erasure])),
    complete: async () => write(await journalOf(pool, keyRing)),
    read: async () => readJournal(await textOf(path)),
  };
};

/** What the journal tells of some erasures. */
export const entriesOf = async (db: Queryable, keyRing: KeyRing, erasures: readonly Gravestone[]): Promise<JournalEntry[]> => {
  const installation = await installationOf(db, keyRing);
  return erasures.map((erasure) => entryOf(installation, erasure));
};

/** The journal of all erasures that the database knows, to be kept apart from it. */
export const journalOf = async (pool: Pool, keyRing: KeyRing): Promise<JournalEntry[]> => entriesOf(pool, keyRing, await allGravestones(pool));

/** Throws JournalFault when an entry is of another installation: its pseudonyms mean nobody here. */
export const demandOwnJournal = async (db: Queryable, keyRing: KeyRing, entries: readonly JournalEntry[]): Promise<void> => {
  const own = await installationOf(db, keyRing);
  if (entries.some(({ installation }) => installation !== own)) throw new JournalFault('The journal is of another installation, or the keys of this one were lost: its patients cannot be told.');
};
