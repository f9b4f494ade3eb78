import { randomBytes } from 'node:crypto';
import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import type { Passwords } from './password.ts';
import { hashOfToken, isSessionToken, newSessionToken } from './session-token.ts';
import { recordAudit } from './storage/audit-table.ts';
import { keepRefreshToken, useRefreshToken } from './storage/refresh-token-table.ts';
import { endSession, openSession } from './storage/session-table.ts';
import { findPassword, renewPasswordHash, stillHasPassword } from './storage/user-table.ts';

/** The tokens of a session; `expiresAt` is the end of the access token. */
export interface IssuedTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAt: Date;
}

/** Whose password was right, and which of their passwords that was. */
export interface CheckedUser {
  readonly userId: string;
  readonly passwordHash: string;
}

/** Opens, renews and ends sessions. */
export interface SignIn {
  /** The user that name and password belong to; undefined for unknown, wrong and blocked alike. */
  readonly checkPassword: (username: string, password: string) => Promise<CheckedUser | undefined>;
  /** Opens a session with a cookie and ends the one it replaces; undefined, and no session, when the user was blocked or has another password since. */
  readonly open: (checked: CheckedUser, replacedSid: string | undefined) => Promise<{ readonly token: string } | undefined>;
  /** Opens a session with tokens and ends the one it replaces; undefined as for `open`. */
  readonly issue: (checked: CheckedUser, replacedSid: string | undefined) => Promise<IssuedTokens | undefined>;
  /** New tokens for a refresh token; undefined for one that is unknown, ended or was used before, which ends its whole family. */
  readonly refresh: (refreshToken: string) => Promise<IssuedTokens | undefined>;
  readonly end: (tokenHash: Buffer, userId: string) => Promise<void>;
}

/** Lifetimes in seconds. */
export interface SessionDurations {
  readonly sessionDurationSeconds: number;
  readonly refreshTokenDurationSeconds: number;
}

/** One row of the same size is written for unknown, wrong and blocked. */
const checking = (pool: Pool, passwords: Pick<Passwords, 'check'>): SignIn['checkPassword'] => async (username, password) => {
  const known = await findPassword(pool, username);
  const { fits, renewed } = await passwords.check(password, known?.passwordHash);
  if (!fits || known?.maySignIn !== true) {
    await recordAudit(pool, { event: 'sign-in-refused', actor: 'anonymous', patientId: known?.userId, resource: 'session', outcome: 'refused', reason: 'sign-in-failed' });
    return undefined;
  }
  if (renewed !== undefined) await renewPasswordHash(pool, known.userId, known.passwordHash, renewed);
  return { userId: known.userId, passwordHash: renewed ?? known.passwordHash };
};

/** Puts signing in together on the tables of the User Manager. */
export const createSignIn = (pool: Pool, passwords: Pick<Passwords, 'check'>, { sessionDurationSeconds: durationSeconds, refreshTokenDurationSeconds }: SessionDurations): SignIn => {
  /** What changes a user ends all sessions: one that is being opened meanwhile must not outlive that. */
  const unlessChanged = <Session>({ userId, passwordHash }: CheckedUser, replacedSid: string | undefined, openIn: (db: Queryable) => Promise<Session>): Promise<Session | undefined> =>
    inTransaction(pool, async (client) => {
      if (!(await stillHasPassword(client, userId, passwordHash))) return undefined;
      if (replacedSid !== undefined) await endSession(client, hashOfToken(replacedSid));
      await recordAudit(client, { event: 'signed-in', actor: `user:${userId}`, resource: 'session' });
      return openIn(client);
    });
  const issueIn = async (db: Queryable, userId: string, family: string): Promise<IssuedTokens> => {
    const [accessToken, refreshToken] = [newSessionToken(), newSessionToken()];
    const expiresAt = await openSession(db, { tokenHash: hashOfToken(accessToken), userId, kind: 'bearer', durationSeconds, family });
    await keepRefreshToken(db, { tokenHash: hashOfToken(refreshToken), userId, family, durationSeconds: refreshTokenDurationSeconds });
    return { accessToken, refreshToken, expiresAt };
  };
  return {
    checkPassword: checking(pool, passwords),
    open: (checked, replacedSid) =>
      unlessChanged(checked, replacedSid, async (client) => {
        const token = newSessionToken();
        await openSession(client, { tokenHash: hashOfToken(token), userId: checked.userId, kind: 'cookie', durationSeconds });
        return { token };
      }),
    issue: (checked, replacedSid) => unlessChanged(checked, replacedSid, (client) => issueIn(client, checked.userId, randomBytes(16).toString('hex'))),
    refresh: async (refreshToken) => {
      if (!isSessionToken(refreshToken)) return undefined;
      return inTransaction(pool, async (client) => {
        const used = await useRefreshToken(client, hashOfToken(refreshToken));
        if (typeof used === 'string') return undefined;
        await recordAudit(client, { event: 'session-renewed', actor: `user:${used.userId}`, resource: 'session' });
        return issueIn(client, used.userId, used.family);
      });
    },
    end: (tokenHash, userId) =>
      inTransaction(pool, async (client) => {
        await endSession(client, tokenHash);
        await recordAudit(client, { event: 'session-ended', actor: `user:${userId}`, resource: 'session' });
      }),
  };
};
