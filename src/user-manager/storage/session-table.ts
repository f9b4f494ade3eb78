import type { Queryable } from '../../database/pool.ts';
import type { OpenSession, SessionKind, UserAccount } from '../domain/user-account.ts';
import { isAdmitted, userColumns, userOf, type UserRow } from './user-table.ts';

/** A session to open; only the hash of its token is ever stored. */
export interface NewSession {
  readonly tokenHash: Buffer;
  readonly userId: string;
  readonly kind: SessionKind;
  readonly durationSeconds: number;
  /** The sign-in that it belongs to. It names the session to people, and opens nothing. */
  readonly family: string;
  /** Ends it earlier, whatever the duration. */
  readonly notAfter?: Date | undefined;
}

/** Condition, in SQL on `s`, for sessions that count; the parameter is the idle limit in seconds. The database's clock decides. */
const isLive = (parameter: string) => `s.expires_at > now() and s.last_used_at > now() - make_interval(secs => ${parameter})`;
/** A use is noted once a minute, or ten times within the idle limit where that is short. */
const isStale = (parameter: string) => `s.last_used_at < now() - make_interval(secs => least(60, ${parameter} / 10.0))`;

/** Opens a session and returns the instant it ends at, whatever happens in between. Forgets the user's ended ones. */
export const openSession = async (db: Queryable, { tokenHash, userId, kind, durationSeconds, family, notAfter }: NewSession): Promise<Date> => {
  await db.query('delete from user_manager.session where user_id = $1 and expires_at <= now()', [userId]);
  const { rows } = await db.query<{ expires_at: Date }>(
    `insert into user_manager.session (token_hash, user_id, kind, family, expires_at)
     values ($1, $2, $3, $5, least(now() + make_interval(secs => $4), $6::timestamptz)) returning expires_at`,
    [tokenHash, userId, kind, durationSeconds, family, notAfter ?? null],
  );
  const [row] = rows;
  if (!row) throw new Error('An inserted session returns its row.');
  return row.expires_at;
};

/** Whose live session it is, and its sign-in; nobody's when it ended, was idle too long, or its user is blocked, expired or put aside. Counts as a use. */
export const findSessionUser = async (
  db: Queryable, tokenHash: Buffer, kind: SessionKind, idleSeconds: number,
): Promise<{ readonly user: UserAccount; readonly sessionId: string } | undefined> => {
  const { rows } = await db.query<UserRow & { family: string; stale: boolean }>({
    name: 'user-of-session',
    text: `select ${userColumns}, s.family, ${isStale('$3')} as stale from user_manager.session s join user_manager.user_account u on u._id = s.user_id
     where s.token_hash = $1 and s.kind = $2 and ${isLive('$3')} and ${isAdmitted}`,
    values: [tokenHash, kind, idleSeconds],
  });
  const [row] = rows;
  if (row?.stale === true) await db.query('update user_manager.session set last_used_at = now() where token_hash = $1', [tokenHash]);
  return row && { user: userOf(row), sessionId: row.family };
};

/** The sign-ins of a user that count, last used first. Tokens that can still be renewed count until their refresh token ends. */
export const sessionsOf = async (db: Queryable, userId: string, idleSeconds: number): Promise<OpenSession[]> => {
  const { rows } = await db.query<{ family: string; kind: SessionKind; signed_in_at: Date; last_used_at: Date; ends_at: Date }>(
    `select l.family, max(l.kind) as kind, max(l.last_used_at) as last_used_at, max(l.expires_at) as ends_at,
       least(min(l.created_at), (select min(t.created_at) from user_manager.refresh_token t where t.family = l.family)) as signed_in_at
     from (
       select s.family, s.kind, s.created_at, s.last_used_at, s.expires_at from user_manager.session s where s.user_id = $1 and ${isLive('$2')}
       union all
       select t.family, 'bearer', t.created_at, t.created_at, t.expires_at from user_manager.refresh_token t
       where t.user_id = $1 and t.used_at is null and t.expires_at > now()
     ) l group by l.family order by 3 desc, 1 limit 200`,
    [userId, idleSeconds],
  );
  return rows.map(({ family, kind, signed_in_at, last_used_at, ends_at }) => ({ id: family, kind, signedInAt: signed_in_at, lastUsedAt: last_used_at, endsAt: ends_at }));
};

/**
 * Has whoever renews or ends a sign-in wait for the other. A statement of its own, in a transaction: what comes after it sees what the other
 * committed, so that no token is renewed past the end of its sign-in.
 */
export const lockSignIn = async (db: Queryable, family: string): Promise<void> => {
  await db.query(`select pg_advisory_xact_lock(hashtextextended('family:' || $1, 0))`, [family]);
};

/** Ends the sign-in of a session at once, and what could renew it; none is fine. In a transaction only. */
export const endSession = async (db: Queryable, tokenHash: Buffer): Promise<void> => {
  const { rows: [session] } = await db.query<{ user_id: string; family: string }>('select user_id, family from user_manager.session where token_hash = $1', [tokenHash]);
  if (session) await endSignIn(db, session.user_id, session.family);
};

/** Ends a sign-in of a user at once, with what could renew it; false when the user has none of this id. In a transaction only. */
export const endSignIn = async (db: Queryable, userId: string, family: string): Promise<boolean> => {
  await lockSignIn(db, family);
  const { rows } = await db.query<{ ended: number }>(
    `with s as (delete from user_manager.session where user_id = $1 and family = $2 returning 1),
       t as (delete from user_manager.refresh_token where user_id = $1 and family = $2 returning 1)
     select ((select count(*) from s) + (select count(*) from t))::int as ended`,
    [userId, family],
  );
  return (rows[0]?.ended ?? 0) > 0;
};

/** Ends all sessions of a user at once, and what could renew them. */
export const endSessionsOf = async (db: Queryable, userId: string): Promise<void> => {
  await db.query('delete from user_manager.session where user_id = $1', [userId]);
  await db.query('delete from user_manager.refresh_token where user_id = $1', [userId]);
};

/** A session as it is kept, whether it still counts or not. */
export interface KeptSession {
  readonly kind: SessionKind;
  readonly created_at: Date;
  readonly last_used_at: Date;
  readonly expires_at: Date;
}

/** Every session of a user, oldest first; ended ones are there until they are forgotten. */
export const keptSessionsOf = async (db: Queryable, userId: string): Promise<KeptSession[]> =>
  (
    await db.query<KeptSession>(
      'select kind, created_at, last_used_at, expires_at from user_manager.session where user_id = $1 order by created_at limit 10000', [userId],
    )
  ).rows;

/** Erases the sessions of a user and answers how many there were. */
export const eraseSessions = async (db: Queryable, userId: string): Promise<number> =>
  (await db.query('delete from user_manager.session where user_id = $1', [userId])).rowCount ?? 0;

/** Forgets sessions that ended before an instant, a batch of them; answers how many. */
export const forgetSessions = async (db: Queryable, before: Date, limit: number): Promise<number> =>
  (
    await db.query(
      `delete from user_manager.session where token_hash = any(array(select token_hash from user_manager.session where expires_at < $1 order by expires_at limit $2 for update skip locked))`, [before, limit],
    )
  ).rowCount ?? 0;
