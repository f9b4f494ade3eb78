import type { Queryable } from '../../database/pool.ts';
import { lockUserWhoMaySignIn } from './password-reset-table.ts';
import { lockSignIn } from './session-table.ts';

/** A refresh token to keep; only its hash is ever stored. */
export interface NewRefreshToken {
  readonly tokenHash: Buffer;
  readonly userId: string;
  /** The sign-in that it descends from. */
  readonly family: string;
  readonly durationSeconds: number;
  /** End of the sign-in that it renews; a new sign-in has none yet, and the duration sets it. */
  readonly endsAt?: Date | undefined;
}

/** Keeps a refresh token and returns its end: renewing never prolongs a sign-in. Forgets the user's ended ones. */
export const keepRefreshToken = async (db: Queryable, { tokenHash, userId, family, durationSeconds, endsAt }: NewRefreshToken): Promise<Date> => {
  await db.query('delete from user_manager.refresh_token where user_id = $1 and expires_at <= now()', [userId]);
  const { rows } = await db.query<{ expires_at: Date }>(
    `insert into user_manager.refresh_token (token_hash, family, user_id, expires_at)
     values ($1, $2, $3, coalesce($5::timestamptz, now() + make_interval(secs => $4))) returning expires_at`,
    [tokenHash, family, userId, durationSeconds, endsAt ?? null],
  );
  const [row] = rows;
  if (!row) throw new Error('An inserted token returns its row.');
  return row.expires_at;
};

/** What became of a refresh token that was presented. */
export type UsedRefreshToken = { readonly userId: string; readonly family: string; readonly endsAt: Date } | 'unknown' | 'replayed';

const endFamily = async (db: Queryable, family: string): Promise<void> => {
  await db.query('delete from user_manager.session where family = $1', [family]);
  await db.query('delete from user_manager.refresh_token where family = $1', [family]);
};

/**
 * Uses up a refresh token and ends the access tokens of its family. One that was used before ends the whole family: it was copied. Of
 * two of a family at the same time one waits for the other and counts as the second; what ends the family or changes the user waits, too,
 * and then ends the new ones. Renewals of one user go one by one. In a transaction only.
 */
export const useRefreshToken = async (db: Queryable, tokenHash: Buffer): Promise<UsedRefreshToken> => {
  const { rows: [known] } = await db.query<{ user_id: string; family: string }>('select user_id, family from user_manager.refresh_token where token_hash = $1', [tokenHash]);
  if (known === undefined) return 'unknown';
  // First the user, as whoever ends all of their sessions does: with the token in hand, each would wait for the other.
  const maySignIn = (await lockUserWhoMaySignIn(db, known.user_id)) !== undefined;
  await lockSignIn(db, known.family);
  const { rows } = await db.query<{ user_id: string; family: string; expires_at: Date; used: boolean; live: boolean }>(
    `select user_id, family, expires_at, used_at is not null as used, expires_at > now() as live from user_manager.refresh_token where token_hash = $1 for update`,
    [tokenHash],
  );
  const [row] = rows;
  if (row === undefined || (!row.used && !(row.live && maySignIn))) return 'unknown';
  if (row.used) {
    await endFamily(db, row.family);
    return 'replayed';
  }
  await db.query('update user_manager.refresh_token set used_at = now() where token_hash = $1', [tokenHash]);
  await db.query('delete from user_manager.session where family = $1', [row.family]);
  return { userId: row.user_id, family: row.family, endsAt: row.expires_at };
};

/** A refresh token as it is kept, whether it still counts or not. */
export interface KeptRefreshToken {
  readonly created_at: Date;
  readonly used_at: Date | null;
  readonly expires_at: Date;
}

/** Every refresh token of a user, oldest first; ended ones are there until they are forgotten. */
export const refreshTokensOf = async (db: Queryable, userId: string): Promise<KeptRefreshToken[]> =>
  (
    await db.query<KeptRefreshToken>('select created_at, used_at, expires_at from user_manager.refresh_token where user_id = $1 order by created_at limit 10000', [userId])
  ).rows;

/** Erases the refresh tokens of a user and answers how many there were. */
export const eraseRefreshTokens = async (db: Queryable, userId: string): Promise<number> =>
  (await db.query('delete from user_manager.refresh_token where user_id = $1', [userId])).rowCount ?? 0;

/** Forgets refresh tokens that ended before an instant, a batch of them; answers how many. */
export const forgetRefreshTokens = async (db: Queryable, before: Date, limit: number): Promise<number> =>
  (
    await db.query(
      `delete from user_manager.refresh_token where token_hash = any(array(select token_hash from user_manager.refresh_token where expires_at < $1 order by expires_at limit $2 for update skip locked))`, [before, limit],
    )
  ).rowCount ?? 0;
