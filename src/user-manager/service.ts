import type { Logger } from 'pino';
import spec from '../../generated/user-manager.json' with { type: 'json' };
import type { operations } from '../../generated/user-manager.d.ts';
import type { Pool } from '../database/pool.ts';
import { inTransaction, isUnavailable } from '../database/transaction.ts';
import type { Handlers } from '../http/operation.ts';
import { problem } from '../http/problem.ts';
import type { Service } from '../http/service.ts';
import { createServiceServer } from '../http/service-server.ts';
import { loadSpec } from '../http/spec.ts';
import { startRunner } from '../jobs/runner.ts';
import { createAuthenticators } from './authentication.ts';
import type { Caller } from './caller.ts';
import { passwordResetHandlers } from './handlers/password-reset.ts';
import { sessionHandlers, type SessionPorts } from './handlers/sessions.ts';
import { userHandlers } from './handlers/users.ts';
import type { Mailer } from './mail.ts';
import { createPasswords, HashingBusyError, type Passwords } from './password.ts';
import { register } from './registration.ts';
import { requestReset, resetPassword, sendChangedNotice, sendResetLink } from './resetting.ts';
import { hashOfToken, newSessionToken } from './session-token.ts';
import { endSession, findSessionUser, openSession } from './storage/session-table.ts';
import { findPassword, findUsers, renewPasswordHash, stillHasPassword } from './storage/user-table.ts';
import { tasks } from './workers/tasks.ts';

/** What the User Manager needs; its schema must have been migrated. */
export interface UserManagerDependencies {
  readonly pool: Pool;
  /** Connections of the jobs' own, so that requests cannot starve them. */
  readonly jobPool: Pool;
  readonly mailer: Mailer;
  /** Where browsers reach the BFF, as soon as that is known: links in mails begin with it. */
  readonly publicUrl: () => string | undefined;
  readonly passwordResetMinutes: number;
  /** Names of the background jobs that run in this process. */
  readonly jobs: readonly string[];
  readonly log: Logger;
  readonly version: string;
  /** The current service token and, while rotating, the one before. */
  readonly serviceTokens: readonly string[];
  readonly sessionDurationSeconds: number;
  /** False only where the public address is http on loopback. */
  readonly secureCookies: boolean;
  readonly validateResponses?: boolean;
}

type PlatformOperation = Extract<keyof operations, `userManager${string}`>;

/** Hashing is bounded: who comes when the queue is full is asked to come back. */
const bounded = (passwords: Passwords): Passwords => {
  const orBusy = async <Result>(work: Promise<Result>): Promise<Result> => {
    try {
      return await work;
    } catch (error) {
      throw error instanceof HashingBusyError ? problem('unavailable', { retryAfterSeconds: 2 }) : error;
    }
  };
  return {
    hash: (password) => orBusy(passwords.hash(password)),
    check: (password, stored) => orBusy(passwords.check(password, stored)),
  };
};

const sessionPorts = ({ pool, sessionDurationSeconds, secureCookies }: UserManagerDependencies, passwords: Passwords): SessionPorts => ({
  durationSeconds: sessionDurationSeconds,
  secureCookies,
  checkPassword: async (username, password) => {
    const known = await findPassword(pool, username);
    const { fits, renewed } = await passwords.check(password, known?.passwordHash);
    if (!fits || known?.maySignIn !== true) return undefined;
    if (renewed !== undefined) await renewPasswordHash(pool, known.userId, known.passwordHash, renewed);
    return { userId: known.userId, passwordHash: renewed ?? known.passwordHash };
  },
  open: ({ userId, passwordHash }, kind, replacedSid) =>
    inTransaction(pool, async (client) => {
      // A reset that commits between the check and here has ended all sessions: this one must not outlive it.
      if (!(await stillHasPassword(client, userId, passwordHash))) return undefined;
      const token = newSessionToken();
      if (replacedSid !== undefined) await endSession(client, hashOfToken(replacedSid));
      const expiresAt = await openSession(client, { tokenHash: hashOfToken(token), userId, kind, durationSeconds: sessionDurationSeconds });
      return { token, expiresAt };
    }),
  end: (tokenHash) => endSession(pool, tokenHash),
});

const startJobs = ({ jobPool: pool, mailer, publicUrl, passwordResetMinutes: minutes, jobs, log }: UserManagerDependencies) => {
  const mailing = { pool, mailer, publicUrl, minutes, log };
  const all = tasks({ sendResetLink: (userId) => sendResetLink(mailing, userId), sendChangedNotice: (userId) => sendChangedNotice(mailing, userId) });
  const chosen = Object.fromEntries(Object.entries(all).filter(([name]) => jobs.includes(name)));
  return Object.keys(chosen).length === 0 ? undefined : startRunner({ pool, tasks: chosen, log });
};

/** Puts the User Manager together and starts its jobs. Rejects when specification and handlers do not fit. */
export const createUserManager = async (dependencies: UserManagerDependencies): Promise<Service> => {
  const { pool, log, version, serviceTokens, validateResponses = false } = dependencies;
  const passwords = bounded(await createPasswords());
  const handlers: Handlers<Omit<operations, PlatformOperation>, Caller, 'issueToken'> = {
    ...sessionHandlers(sessionPorts(dependencies, passwords)),
    ...userHandlers({ register: (person) => register(pool, passwords, person), find: (filter) => findUsers(pool, filter) }),
    ...passwordResetHandlers({ requestReset: (userId) => requestReset(pool, userId), resetPassword: (token, password) => resetPassword(pool, passwords, token, password) }),
  };
  const server = createServiceServer({
    name: 'user-manager', version, spec: loadSpec(spec), handlers, log, validateResponses,
    authenticators: createAuthenticators({ serviceTokens, findSessionUser: (hash, kind) => findSessionUser(pool, hash, kind) }),
    limits: { maxBytes: 64 * 1024 },
    isDatabaseUnavailable: isUnavailable,
    ready: async () => (await pool.query('select 1')).rowCount === 1,
    checkUp: { database: () => pool.query('select 1') },
  });
  const runner = await startJobs(dependencies);
  return {
    name: 'user-manager',
    listen: server.listen,
    stop: async () => {
      await server.close();
      await runner?.stop();
    },
  };
};
