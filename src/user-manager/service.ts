import type { Logger } from 'pino';
import spec from '../../generated/user-manager.json' with { type: 'json' };
import type { operations } from '../../generated/user-manager.d.ts';
import type { Pool } from '../database/pool.ts';
import { inTransaction, isUnavailable } from '../database/transaction.ts';
import type { Handlers } from '../http/operation.ts';
import { problem } from '../http/problem.ts';
import { createServiceServer } from '../http/service-server.ts';
import { loadSpec } from '../http/spec.ts';
import { createAccount } from './accounts.ts';
import { createAuthenticators, type Caller } from './authentication.ts';
import { sessionHandlers, type SessionPorts } from './handlers/sessions.ts';
import { userHandlers } from './handlers/users.ts';
import { createPasswordHashing, HashingBusyError, type PasswordHashing } from './password-hashing.ts';
import { cookiesAreSecure } from './session-cookie.ts';
import { hashOfToken, newSessionToken } from './session-token.ts';
import { endSession, findSessionUser, openSession } from './storage/session-table.ts';
import { findPassword, findUsers } from './storage/user-table.ts';

/** What the User Manager needs; its schema must have been migrated. */
export interface UserManagerDependencies {
  readonly pool: Pool;
  readonly log: Logger;
  readonly version: string;
  /** The current service token and, while rotating, the one before. */
  readonly serviceTokens: readonly string[];
  readonly sessionDurationSeconds: number;
  /** How browsers reach the program; decides whether cookies are `Secure`. */
  readonly publicUrl: string;
  readonly validateResponses?: boolean;
}

/** The service, ready to listen; `stop` drains requests in flight. */
export interface UserManager {
  readonly name: 'user-manager';
  readonly listen: (port: number, host: string) => Promise<{ url: string; port: number }>;
  readonly stop: () => Promise<void>;
}

type PlatformOperation = Extract<keyof operations, `userManager${string}`>;

/** Hashing is bounded: who comes when the queue is full is asked to come back. */
const bounded = (hashing: PasswordHashing): PasswordHashing => {
  const orBusy = async <Result>(work: Promise<Result>): Promise<Result> => {
    try {
      return await work;
    } catch (error) {
      throw error instanceof HashingBusyError ? problem('unavailable', { retryAfterSeconds: error.retryAfterSeconds }) : error;
    }
  };
  return {
    hash: (password) => orBusy(hashing.hash(password)),
    verify: (stored, password) => orBusy(hashing.verify(stored, password)),
  };
};

const sessionPorts = ({ pool, sessionDurationSeconds, publicUrl }: UserManagerDependencies, hashing: PasswordHashing): SessionPorts => ({
  durationSeconds: sessionDurationSeconds,
  secureCookies: cookiesAreSecure(publicUrl),
  checkPassword: async (username, password) => {
    const known = await findPassword(pool, username);
    const same = await hashing.verify(known?.passwordHash, password);
    return same && known?.maySignIn === true ? known.userId : undefined;
  },
  open: (userId, kind, replaced) =>
    inTransaction(pool, async (client) => {
      const token = newSessionToken();
      if (replaced) await endSession(client, replaced);
      const expiresAt = await openSession(client, { tokenHash: hashOfToken(token), userId, kind, durationSeconds: sessionDurationSeconds });
      return { token, expiresAt };
    }),
  end: (tokenHash) => endSession(pool, tokenHash),
});

/** Puts the User Manager together. Rejects when specification and handlers do not fit. */
export const createUserManager = async (dependencies: UserManagerDependencies): Promise<UserManager> => {
  const { pool, log, version, serviceTokens, validateResponses = false } = dependencies;
  const hashing = bounded(await createPasswordHashing());
  const handlers: Handlers<Omit<operations, PlatformOperation>, Caller> = {
    ...sessionHandlers(sessionPorts(dependencies, hashing)),
    ...userHandlers({ create: (account) => createAccount(pool, hashing, account), find: (filter) => findUsers(pool, filter) }),
  };
  const server = createServiceServer({
    name: 'user-manager', version, spec: loadSpec(spec), handlers, log, validateResponses,
    authenticators: createAuthenticators({ serviceTokens, findSessionUser: (hash, kind) => findSessionUser(pool, hash, kind) }),
    limits: { maxBytes: 64 * 1024 },
    isDatabaseUnavailable: isUnavailable,
    ready: async () => (await pool.query('select 1')).rowCount === 1,
    checkUp: { database: () => pool.query('select 1') },
  });
  return { name: 'user-manager', listen: server.listen, stop: () => server.close() };
};
