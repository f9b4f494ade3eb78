import type { Queryable } from '../../database/pool.ts';
import type { SessionKind, UserAccount } from '../domain/user-account.ts';
import { isAdmitted, userColumns, userOf, type UserRow } from './user-table.ts';

/** A session to open; only the hash of its token is ever stored. */
export interface NewSession {
  readonly tokenHash: Buffer;
  readonly userId: string;
  readonly kind: SessionKind;
  readonly durationSeconds: number;
  /** The sign-in that a refreshable session descends from. */
  readonly family?: string | undefined;
}

/** Opens a session and returns the instant it ends at, whatever happens in between. Forgets the user's ended ones. */
export const openSession = async (db: Queryable, { tokenHash, userId, kind, durationSeconds, family }: NewSession): Promise<Date> => {
  await db.query('delete from user_manager.session where user_id = $1 and expires_at <= now()', [userId]);
  const { rows } = await db.query<{ expires_at: Date }>(
    `insert into user_manager.session (token_hash, user_id, kind, family, expires_at)
     values ($1, $2, $3, $5, now() + make_interval(secs => $4)) returning expires_at`,
    [tokenHash, userId, kind, durationSeconds, family ?? null],
  );
  const [row] = rows;
  if (!row) throw new Error('An inserted session returns its row.');
  return row.expires_at;
};

/** Whose live session it is; nobody's when it ended or its user is blocked, expired or put aside. */
export const findSessionUser = async (db: Queryable, tokenHash: Buffer, kind: SessionKind): Promise<UserAccount | undefined> => {
  const { rows } = await db.query<UserRow>(
    `select ${userColumns} from user_manager.session s join user_manager.user_account u on u._id = s.user_id
     where s.token_hash = $1 and s.kind = $2 and s.expires_at > now() and ${isAdmitted}`,
    [tokenHash, kind],
  );
  return rows[0] && userOf(rows[0]);
};

/** Ends a session at once, and what could renew it; none is fine. */
export const endSession = async (db: Queryable, tokenHash: Buffer): Promise<void> => {
  await db.query(
    `with ended as (delete from user_manager.session where token_hash = $1 returning family)
     delete from user_manager.refresh_token where family in (select family from ended)`,
    [tokenHash],
  );
};

/** Ends all sessions of a user at once, and what could renew them. */
export const endSessionsOf = async (db: Queryable, userId: string): Promise<void> => {
  await db.query('delete from user_manager.session where user_id = $1', [userId]);
  await db.query('delete from user_manager.refresh_token where user_id = $1', [userId]);
};

/** When sessions of a user were opened and end, oldest first; ended ones are there until they are forgotten. */
export const sessionsOf = async (db: Queryable, userId: string): Promise<{ kind: SessionKind; created_at: Date; expires_at: Date }[]> =>
  (
    await db.query<{ kind: SessionKind; created_at: Date; expires_at: Date }>(
      'select kind, created_at, expires_at from user_manager.session where user_id = $1 order by created_at limit 10000', [userId],
    )
  ).rows;

/** Erases the sessions of a user and answers how many there were. */
export const eraseSessions = async (db: Queryable, userId: string): Promise<number> =>
  (await db.query('delete from user_manager.session where user_id = $1', [userId])).rowCount ?? 0;

/** Forgets sessions that ended before an instant; answers how many. */
export const forgetSessions = async (db: Queryable, before: Date): Promise<number> => (await db.query('delete from user_manager.session where expires_at < $1', [before])).rowCount ?? 0;
