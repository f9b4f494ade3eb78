import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from './pool.ts';

/** What became of the space in which erased rows lay. */
export interface Scrubbed {
  /** Tables that were written anew. */
  readonly rewritten: readonly string[];
  /** Tables that were too large for that, or in use: old rows lie in their free space until it is used. */
  readonly notRewritten: readonly string[];
  /** Whether the write-ahead log that has the old rows was cut off. */
  readonly logReplaced: boolean;
}

/** A table beyond this is not held up: writing it anew keeps everybody else away from it meanwhile. */
const LARGEST_BYTES = 256 * 1024 * 1024;
/** Who comes behind us waits as long as we do, so we wait shortly, and again. */
const LOCK_WITHIN_MS = 1_000;
const LOCK_TRIES = 8;
const BETWEEN_TRIES_MS = 250;

/** 55P03 lock_not_available, 42501 insufficient_privilege (PostgreSQL, appendix A). */
const isHindered = (error: unknown): boolean => ['55P03', '42501'].includes(String((error as { code?: unknown }).code));

const tried = async (work: () => Promise<unknown>): Promise<boolean> => {
  try {
    await work();
    return true;
  } catch (error) {
    if (isHindered(error)) return false;
    throw error;
  }
};

const again = async (work: () => Promise<boolean>): Promise<boolean> => {
  for (let tries = 0; tries < LOCK_TRIES; tries += 1) {
    if (await work()) return true;
    await sleep(BETWEEN_TRIES_MS);
  }
  return false;
};

/**
 * Writes tables anew, so that no page has bytes of deleted rows, and goes on in another file of the write-ahead log behind a checkpoint,
 * so that the earlier ones can go. Deleting alone leaves rows in pages and log for others to read who have the disk. Names of tables come
 * from the program. Safe at any time; what cannot be done now is told, not thrown.
 */
export const scrub = async (pool: Pool, tables: readonly string[]): Promise<Scrubbed> => {
  const client = await pool.connect();
  const [rewritten, notRewritten]: [string[], string[]] = [[], []];
  try {
    await client.query(`set statement_timeout = 0; set lock_timeout = ${String(LOCK_WITHIN_MS)}`);
    for (const table of tables) {
      const { rows } = await client.query<{ bytes: string }>('select pg_total_relation_size($1::regclass) as bytes', [table]);
      const isSmall = Number(rows[0]?.bytes) <= LARGEST_BYTES;
      const done = await again(() => tried(() => client.query(`vacuum ${isSmall ? '(full)' : ''} ${table}`)));
      (isSmall && done ? rewritten : notRewritten).push(table);
    }
    const logReplaced = await tried(async () => {
      await client.query('select pg_switch_wal()');
      await client.query('checkpoint');
    });
    return { rewritten, notRewritten, logReplaced };
  } finally {
    client.release(true); // the settings end with the connection
  }
};
