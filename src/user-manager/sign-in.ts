import { randomBytes } from 'node:crypto';
import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import type { OpenSession } from './domain/user-account.ts';
import type { CheckedUser } from './password-check.ts';
import { hashOfToken, isSessionToken, newSessionToken } from './session-token.ts';
import { recordAudit } from './storage/audit-table.ts';
import { keepRefreshToken, useRefreshToken } from './storage/refresh-token-table.ts';
import { endSession, endSignIn, openSession, sessionsOf } from './storage/session-table.ts';
import { stillHasPassword } from './storage/user-table.ts';

/** The tokens of a session; `expiresAt` is the end of the access token. */
export interface IssuedTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAt: Date;
}

/** Opens, renews, lists and ends sessions. */
export interface SignIn {
  /** Opens a session with a cookie and ends the one it replaces; undefined, and no session, when the user was blocked or has another password since. */
  readonly open: (checked: CheckedUser, replacedSid: string | undefined) => Promise<{ readonly token: string } | undefined>;
  /** Opens a session with tokens and ends the one it replaces; undefined as for `open`. */
  readonly issue: (checked: CheckedUser, replacedSid: string | undefined) => Promise<IssuedTokens | undefined>;
  /** New tokens for a refresh token; undefined for one that is unknown, ended or was used before, which ends its whole family. */
  readonly refresh: (refreshToken: string) => Promise<IssuedTokens | undefined>;
  readonly list: (userId: string) => Promise<readonly OpenSession[]>;
  /** Ends a sign-in, whatever it was renewed to meanwhile; false when the user has none of this id. */
  readonly end: (userId: string, id: string) => Promise<boolean>;
}

/** Lifetimes in seconds. */
export interface SessionDurations {
  readonly sessionDurationSeconds: number;
  /** How long a session may go without use. */
  readonly sessionIdleSeconds: number;
  /** From the sign-in on, however often its tokens are renewed. */
  readonly refreshTokenDurationSeconds: number;
}

/** Names a sign-in; opens nothing. */
const newSignInId = (): string => randomBytes(16).toString('hex');

const ended = (userId: string) => ({ event: 'session-ended', actor: `user:${userId}`, resource: 'session' }) as const;

/** Opens a session with a cookie in the caller's transaction and answers its token. */
export const openCookieSession = async (db: Queryable, userId: string, durationSeconds: number): Promise<string> => {
  const token = newSessionToken();
  await openSession(db, { tokenHash: hashOfToken(token), userId, kind: 'cookie', durationSeconds, family: newSignInId() });
  return token;
};

/** Puts signing in together on the tables of the User Manager. */
export const createSignIn = (pool: Pool, { sessionDurationSeconds: durationSeconds, sessionIdleSeconds, refreshTokenDurationSeconds }: SessionDurations): SignIn => {
  /** What changes a user ends all sessions: one that is being opened meanwhile must not outlive that. */
  const unlessChanged = <Session>({ userId, passwordHash }: CheckedUser, replacedSid: string | undefined, openIn: (db: Queryable) => Promise<Session>): Promise<Session | undefined> =>
    inTransaction(pool, async (client) => {
      if (!(await stillHasPassword(client, userId, passwordHash))) return undefined;
      if (replacedSid !== undefined) await endSession(client, hashOfToken(replacedSid));
      await recordAudit(client, { event: 'signed-in', actor: `user:${userId}`, resource: 'session' });
      return openIn(client);
    });
  const issueIn = async (db: Queryable, userId: string, family: string, endsAt?: Date): Promise<IssuedTokens> => {
    const [accessToken, refreshToken] = [newSessionToken(), newSessionToken()];
    await keepRefreshToken(db, { tokenHash: hashOfToken(refreshToken), userId, family, durationSeconds: refreshTokenDurationSeconds, endsAt });
    const expiresAt = await openSession(db, { tokenHash: hashOfToken(accessToken), userId, kind: 'bearer', durationSeconds, family, notAfter: endsAt });
    return { accessToken, refreshToken, expiresAt };
  };
  return {
    open: (checked, replacedSid) => unlessChanged(checked, replacedSid, async (client) => ({ token: await openCookieSession(client, checked.userId, durationSeconds) })),
    issue: (checked, replacedSid) => unlessChanged(checked, replacedSid, (client) => issueIn(client, checked.userId, newSignInId())),
    refresh: async (refreshToken) => {
      if (!isSessionToken(refreshToken)) return undefined;
      return inTransaction(pool, async (client) => {
        const used = await useRefreshToken(client, hashOfToken(refreshToken));
        if (typeof used === 'string') return undefined;
        await recordAudit(client, { event: 'session-renewed', actor: `user:${used.userId}`, resource: 'session' });
        return issueIn(client, used.userId, used.family, used.endsAt);
      });
    },
    list: (userId) => sessionsOf(pool, userId, sessionIdleSeconds),
    end: (userId, id) =>
      inTransaction(pool, async (client) => {
        const found = await endSignIn(client, userId, id);
        if (found) await recordAudit(client, ended(userId));
        return found;
      }),
  };
};
