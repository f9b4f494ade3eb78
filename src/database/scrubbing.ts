import { setTimeout as sleep } from 'node:timers/promises';
import { withoutDeadline, type Pool, type Queryable } from './pool.ts';

/** What became of the space in which erased rows lay. */
export interface Scrubbed {
  /** Tables that were written anew. */
  readonly rewritten: readonly string[];
  /** Tables that were too large for that, in use, or not ours to rewrite: old rows lie in their free space until it is used. */
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
/** Exports and dumps may look at one instant for longer than this. */
const UNSEEN_WITHIN_MS = 30_000;
const LOOK_MS = 50;

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
 * Somebody sees rows that were deleted before $1: with a snapshot from then in this database, or because an older transaction is under way in
 * any database, which the snapshot of whoever writes a table anew reaches back to. Who is vacuuming holds nobody up, but looks as if.
 */
const seen = `select from pg_stat_activity a where pg_snapshot_xmin(pg_current_snapshot()) <= $1::xid8
  or (datname = current_database() and pid <> pg_backend_pid() and age(backend_xmin) > age($1::xid8::xid) and not exists (select from pg_stat_progress_vacuum v where v.pid = a.pid)) limit 1`;

/** Waits until nobody sees the rows any more that were deleted before: a table that is written anew keeps what an older transaction sees. */
const unseen = async (db: Queryable, withinMs: number): Promise<boolean> => {
  const { rows: [now] } = await db.query<{ xid: string }>(`select pg_current_xact_id()::text as xid`);
  for (const end = performance.now() + withinMs; performance.now() < end; ) {
    if ((await db.query(seen, [now?.xid])).rowCount === 0) return true;
    await sleep(LOOK_MS);
  }
  return false;
};

const fileOf = async (db: Queryable, table: string): Promise<{ readonly file: string; readonly isSmall: boolean }> => {
  const { rows: [row] } = await db.query<{ file: string; bytes: string }>('select pg_relation_filepath($1::regclass) as file, pg_total_relation_size($1::regclass) as bytes', [table]);
  return { file: row?.file ?? '', isSmall: Number(row?.bytes) <= LARGEST_BYTES };
};

/** Answers whether the table is in another file now. A role that may not do this is warned by PostgreSQL, and not refused. */
const rewrite = async (db: Queryable, table: string, nobodySees: boolean): Promise<boolean> => {
  const before = await fileOf(db, table);
  const done = await again(() => tried(() => db.query(`vacuum ${before.isSmall ? '(full)' : ''} ${table}`)));
  return done && nobodySees && before.file !== (await fileOf(db, table)).file;
};

/**
 * Writes tables anew, so that no page has bytes of deleted rows, and goes on in another file of the write-ahead log behind a checkpoint,
 * so that the earlier ones can go. Deleting alone leaves rows in pages and log for others to read who have the disk. Names of tables come
 * from the program. Safe at any time; what cannot be done now is told, not thrown.
 */
export const scrub = async (pool: Pool, tables: readonly string[], unseenWithinMs = UNSEEN_WITHIN_MS): Promise<Scrubbed> => {
  const client = await pool.connect();
  const [rewritten, notRewritten]: [string[], string[]] = [[], []];
  try {
    await withoutDeadline(client);
    await client.query(`set lock_timeout = ${String(LOCK_WITHIN_MS)}`);
    const nobodySees = await unseen(client, unseenWithinMs);
    for (const table of tables) ((await rewrite(client, table, nobodySees)) ? rewritten : notRewritten).push(table);
    const logReplaced = await tried(async () => {
      await client.query('select pg_switch_wal()');
      await client.query('checkpoint');
    });
    return { rewritten, notRewritten, logReplaced };
  } finally {
    client.release(true); // the settings end with the connection
  }
};
