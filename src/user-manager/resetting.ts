import { randomBytes } from 'node:crypto';
import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { addJob, type JobLog } from '../jobs/runner.ts';
import { changedMail, resetMail, resetPageOf } from './domain/mail-texts.ts';
import type { PasswordFault } from './domain/password-policy.ts';
import type { Mailer } from './mail.ts';
import { replacePassword } from './password-change.ts';
import type { Passwords } from './password.ts';
import { hashOfToken } from './session-token.ts';
import { recordAudit } from './storage/audit-table.ts';
import { consumeReset, findReset, issueReset, linksOfLastHour, lockUserWhoMaySignIn, markResetSent } from './storage/password-reset-table.ts';
import { findAddress, findResettableUser, findUser } from './storage/user-table.ts';

/** Whoever knows an address can have mail sent to it: this bounds the nuisance. */
const mostLinksPerHour = 3;

/** A link cannot be written: nobody said where browsers reach the BFF. */
export class NoPublicAddressError extends Error {
  constructor() {
    super('PUBLIC_URL is needed for the links in mails.');
    this.name = 'NoPublicAddressError';
  }
}

/** What mails about passwords stand on. */
export interface ResetMailing {
  readonly pool: Pool;
  readonly mailer: Mailer;
  /** Where browsers reach the BFF; the one in this process may not be listening yet. */
  readonly publicUrl: () => string | undefined;
  readonly minutes: number;
  readonly log: JobLog;
}

/** Notes that a user wants a link; the same work whoever has the id. Wishes that wait are one, and those of one user go one by one. */
export const requestReset = (db: Queryable, userId: string): Promise<void> => {
  const key = `password-reset:${userId}`;
  return addJob(db, { task: 'password-reset-mail', payload: { userId }, queue: key, key });
};

/** An id that nobody has: a wish for an unknown account causes the same work as the others. */
const nobody = '0'.repeat(32);

/** Notes that an account wants a link. The job carries the user's id, never what the caller named. */
export const requestResetOf = (pool: Pool, authUserId: string, actor: string): Promise<void> =>
  inTransaction(pool, async (client) => {
    const userId = await findResettableUser(client, authUserId);
    await requestReset(client, userId ?? nobody);
    await recordAudit(client, { event: 'password-reset-asked', actor, patientId: userId, resource: 'user' });
  });

const pageOf = (publicUrl: ResetMailing['publicUrl']): string | undefined => {
  const base = publicUrl();
  return base === undefined ? undefined : resetPageOf(base);
};

/**
 * Mails a fresh link, and none to nobody, to a blocked user or beyond the bound per hour. Earlier links are void from then on.
 * Rejects with NoPublicAddressError, or when the mail was not taken: nothing counts then, and the next try makes another token.
 */
export const sendResetLink = async ({ pool, mailer, publicUrl, minutes, log }: ResetMailing, userId: string): Promise<void> => {
  const token = randomBytes(32).toString('base64url');
  const tokenHash = hashOfToken(token);
  const issued = await inTransaction(pool, async (client) => {
    const user = await lockUserWhoMaySignIn(client, userId);
    if (user === undefined || (await linksOfLastHour(client, userId)) >= mostLinksPerHour) return undefined;
    const page = pageOf(publicUrl);
    if (page === undefined) {
      log.error({ setting: 'PUBLIC_URL' }, 'no mail: PUBLIC_URL is needed for the links in mails');
      throw new NoPublicAddressError();
    }
    await issueReset(client, { tokenHash, userId, minutes });
    return { to: user.email, page };
  });
  if (issued === undefined) return;
  await mailer.send({ to: issued.to, ...resetMail(issued.page, token, minutes) });
  await markResetSent(pool, tokenHash);
};

/** Tells a user that the password was changed. Rejects when the mail was not taken. */
export const sendChangedNotice = async ({ pool, mailer, publicUrl }: ResetMailing, userId: string): Promise<void> => {
  const to = await findAddress(pool, userId);
  if (to !== undefined) await mailer.send({ to, ...changedMail(pageOf(publicUrl)) });
};

/** What became of a reset: the password is set, the token is none that lives, or what is wrong with the password. */
export type Reset = 'set' | 'token-invalid' | { readonly passwordFault: PasswordFault };

/**
 * Sets the password of the token's user, once, and ends all sessions and links of the user. A refused password leaves the token
 * as it is. Throws HashingBusyError when too many passwords are being hashed.
 */
export const resetPassword = async (pool: Pool, passwords: Pick<Passwords, 'hash' | 'faultOf'>, token: string, password: string): Promise<Reset> => {
  const tokenHash = hashOfToken(token);
  const userId = await findReset(pool, tokenHash);
  const user = userId === undefined ? undefined : await findUser(pool, userId);
  if (user === undefined) return 'token-invalid';
  const fault = passwords.faultOf(password, user);
  if (fault !== undefined) return { passwordFault: fault };
  // Hashing is slow: no row is locked meanwhile, and the token is judged again after it.
  const passwordHash = await passwords.hash(password);
  return inTransaction(pool, async (client) => {
    if ((await lockUserWhoMaySignIn(client, user.id)) === undefined || !(await consumeReset(client, tokenHash, user.id))) return 'token-invalid';
    await replacePassword(client, user, passwordHash, user.id);
    await recordAudit(client, { event: 'password-reset-used', actor: `user:${user.id}`, resource: 'user' });
    return 'set';
  });
};
