import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { addJob } from '../jobs/runner.ts';
import type { PasswordFault } from './domain/password-policy.ts';
import type { SessionKind, UserAccount } from './domain/user-account.ts';
import type { CheckPassword } from './password-check.ts';
import type { Passwords } from './password.ts';
import { openCookieSession } from './sign-in.ts';
import { actorNamed, recordAudit } from './storage/audit-table.ts';
import { endResetsOf } from './storage/password-reset-table.ts';
import { endSessionsOf } from './storage/session-table.ts';
import { forgetFailuresOf } from './storage/sign-in-failure-table.ts';
import { findUser, lockUser, setPasswordHash, stillHasPassword } from './storage/user-table.ts';

/** What became of a new password. */
export type PasswordChanged = 'changed' | 'not-found' | 'no-account' | { readonly passwordFault: PasswordFault };

/** Sets a password in the caller's transaction: all sessions and mailed links of the user end, failures are forgotten, and the user is told by mail. */
export const replacePassword = async (db: Queryable, { id, username }: Pick<UserAccount, 'id' | 'username'>, passwordHash: string, updaterId: string): Promise<void> => {
  await setPasswordHash(db, id, passwordHash, updaterId);
  await endResetsOf(db, id);
  await endSessionsOf(db, id);
  await forgetFailuresOf(db, username);
  await addJob(db, { task: 'password-changed-mail', payload: { userId: id } });
};

/** Gives a user another password, without knowing the one before. */
export const setPassword = async (
  pool: Pool, passwords: Pick<Passwords, 'hash' | 'faultOf'>, { id, password, updaterId }: { readonly id: string; readonly password: string; readonly updaterId: string },
): Promise<PasswordChanged> => {
  const known = await findUser(pool, id);
  if (known === undefined) return 'not-found';
  const fault = passwords.faultOf(password, known);
  if (fault !== undefined) return { passwordFault: fault };
  const passwordHash = await passwords.hash(password);
  return inTransaction(pool, async (client) => {
    const user = await lockUser(client, id);
    if (user === undefined || user.state === 'DELETED') return 'not-found';
    if (user.authUserId === undefined) return 'no-account';
    await replacePassword(client, user, passwordHash, updaterId);
    await recordAudit(client, { event: 'password-changed', actor: actorNamed(updaterId), patientId: id, resource: 'user' });
    return 'changed';
  });
};

/** What a person asks for who knows the current password. */
export interface OwnPasswordChange {
  readonly user: UserAccount;
  readonly currentPassword: string;
  readonly password: string;
  readonly source: string;
  /** How the session was shown that asks. */
  readonly session: SessionKind;
}

/** What became of it: a new session where the one before was a cookie; `refused` for a wrong current password. */
export type OwnPasswordChanged = { readonly token: string | undefined } | 'refused' | { readonly waitSeconds: number } | { readonly passwordFault: PasswordFault };

/** Lets people change their own password. */
export const createOwnPasswordChange =
  (pool: Pool, passwords: Pick<Passwords, 'hash' | 'faultOf'>, checkPassword: CheckPassword, sessionDurationSeconds: number) =>
  async ({ user, currentPassword, password, source, session }: OwnPasswordChange): Promise<OwnPasswordChanged> => {
    const fault = passwords.faultOf(password, user);
    if (fault !== undefined) return { passwordFault: fault };
    const check = await checkPassword({ username: user.username, source }, currentPassword);
    if (check === 'refused' || 'waitSeconds' in check) return check;
    const passwordHash = await passwords.hash(password);
    return inTransaction(pool, async (client) => {
      await lockUser(client, user.id);
      if (!(await stillHasPassword(client, user.id, check.checked.passwordHash))) return 'refused';
      await replacePassword(client, user, passwordHash, user.id);
      await recordAudit(client, { event: 'password-changed', actor: `user:${user.id}`, resource: 'user' });
      return { token: session === 'cookie' ? await openCookieSession(client, user.id, sessionDurationSeconds) : undefined };
    });
  };
