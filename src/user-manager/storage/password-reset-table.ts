import type { Queryable } from '../../database/pool.ts';
import { maySignIn } from './user-table.ts';

/** The address of a user who may sign in, whose row stays locked for the rest of the transaction; undefined for all others. */
export const lockUserWhoMaySignIn = async (db: Queryable, userId: string): Promise<{ email: string } | undefined> => {
  const { rows } = await db.query<{ email: string }>(`select u.email from user_manager.user_account u where u._id = $1 and ${maySignIn} for no key update`, [userId]);
  return rows[0];
};

/** How many links were mailed to a user within the last hour; a mail that could not be handed over does not count. */
export const linksOfLastHour = async (db: Queryable, userId: string): Promise<number> => {
  const { rows } = await db.query<{ count: number }>(
    `select count(*)::int as count from user_manager.password_reset where user_id = $1 and sent_at > now() - interval '1 hour'`,
    [userId],
  );
  return rows[0]?.count ?? 0;
};

/** A token to be mailed; only its hash is ever stored. */
export interface NewReset {
  readonly tokenHash: Buffer;
  readonly userId: string;
  readonly minutes: number;
}

/** Keeps a token from now on and ends the user's earlier ones; those of the last hour stay as rows, to be counted. */
export const issueReset = async (db: Queryable, { tokenHash, userId, minutes }: NewReset): Promise<void> => {
  await db.query(`delete from user_manager.password_reset where user_id = $1 and (sent_at is null or sent_at <= now() - interval '1 hour')`, [userId]);
  await endResetsOf(db, userId);
  await db.query('insert into user_manager.password_reset (token_hash, user_id, expires_at) values ($1, $2, now() + make_interval(mins => $3))', [tokenHash, userId, minutes]);
};

/** Notes that the mail server took the link over. */
export const markResetSent = async (db: Queryable, tokenHash: Buffer): Promise<void> => {
  await db.query('update user_manager.password_reset set sent_at = now() where token_hash = $1', [tokenHash]);
};

/** Whose live token it is; nobody's when it is unknown, used, expired or replaced. */
export const findReset = async (db: Queryable, tokenHash: Buffer): Promise<string | undefined> => {
  const { rows } = await db.query<{ user_id: string }>('select user_id from user_manager.password_reset where token_hash = $1 and expires_at > now()', [tokenHash]);
  return rows[0]?.user_id;
};

/** Takes a live token away and every other of the same user with it; false, and nothing is done, when it lives no more. */
export const consumeReset = async (db: Queryable, tokenHash: Buffer, userId: string): Promise<boolean> => {
  const { rowCount } = await db.query('delete from user_manager.password_reset where token_hash = $1 and user_id = $2 and expires_at > now()', [tokenHash, userId]);
  if (rowCount !== 1) return false;
  await db.query('delete from user_manager.password_reset where user_id = $1', [userId]);
  return true;
};

/** Ends all links of a user: they lie in a mailbox that may not be the user's any more. */
export const endResetsOf = async (db: Queryable, userId: string): Promise<void> => {
  await db.query('update user_manager.password_reset set expires_at = now() where user_id = $1 and expires_at > now()', [userId]);
};

/** When links of a user were made and mailed, oldest first; used ones are forgotten at once. */
export const resetsOf = async (db: Queryable, userId: string): Promise<{ created_at: Date; sent_at: Date | null }[]> =>
  (
    await db.query<{ created_at: Date; sent_at: Date | null }>('select created_at, sent_at from user_manager.password_reset where user_id = $1 order by created_at limit 10000', [userId])
  ).rows;

/** Erases the links of a user and answers how many there were. */
export const eraseResets = async (db: Queryable, userId: string): Promise<number> =>
  (await db.query('delete from user_manager.password_reset where user_id = $1', [userId])).rowCount ?? 0;

/** Forgets links that ended before an instant, and counts for the bound per hour no more; answers how many. */
export const forgetResets = async (db: Queryable, before: Date, limit: number): Promise<number> =>
  (
    await db.query(
      `delete from user_manager.password_reset where token_hash = any(array(select token_hash from user_manager.password_reset where expires_at < $1 and created_at < now() - interval '2 hours' order by expires_at limit $2 for update skip locked))`, [before, limit],
    )
  ).rowCount ?? 0;
