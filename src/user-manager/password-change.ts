import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { passwordFault } from './domain/password-policy.ts';
import type { Passwords } from './password.ts';
import { actorNamed, recordAudit } from './storage/audit-table.ts';
import { endResetsOf } from './storage/password-reset-table.ts';
import { endSessionsOf } from './storage/session-table.ts';
import { lockUser, setPasswordHash } from './storage/user-table.ts';

/** What became of a new password. */
export type PasswordChanged = 'changed' | 'not-found' | 'no-account' | { readonly passwordFault: string };

/** Gives a user another password, and ends all sessions and mailed links of the user with it. */
export const setPassword = async (
  pool: Pool, passwords: Pick<Passwords, 'hash'>, { id, password, updaterId }: { readonly id: string; readonly password: string; readonly updaterId: string },
): Promise<PasswordChanged> => {
  const fault = passwordFault(password);
  if (fault !== undefined) return { passwordFault: fault };
  const passwordHash = await passwords.hash(password);
  return inTransaction(pool, async (client) => {
    const user = await lockUser(client, id);
    if (user === undefined || user.state === 'DELETED') return 'not-found';
    if (user.authUserId === undefined) return 'no-account';
    await setPasswordHash(client, id, passwordHash, updaterId);
    await endResetsOf(client, id);
    await endSessionsOf(client, id);
    await recordAudit(client, { event: 'password-changed', actor: actorNamed(updaterId), patientId: id, resource: 'user' });
    return 'changed';
  });
};
