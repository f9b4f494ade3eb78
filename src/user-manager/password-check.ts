import type { Pool } from '../database/pool.ts';
import type { Passwords } from './password.ts';
import type { Attempt, SignInAttempts } from './sign-in-attempts.ts';
import { recordAudit } from './storage/audit-table.ts';
import { findPassword, renewPasswordHash } from './storage/user-table.ts';

/** Whose password was right, and which of their passwords that was. */
export interface CheckedUser {
  readonly userId: string;
  readonly passwordHash: string;
}

/** The person, or `refused` for unknown, wrong and blocked alike, or how many seconds to wait before the next try. */
export type PasswordCheck = { readonly checked: CheckedUser } | 'refused' | { readonly waitSeconds: number };

/** Checks passwords, the only way to do so: every wrong one counts. */
export type CheckPassword = (attempt: Attempt, password: string) => Promise<PasswordCheck>;

/** Puts the check together. Throws what `passwords` throws when too many are being checked; the attempt does not count then. */
export const createPasswordCheck = (pool: Pool, passwords: Pick<Passwords, 'check'>, attempts: SignInAttempts): CheckPassword => {
  const check = async (username: string, password: string): Promise<CheckedUser | undefined> => {
    const known = await findPassword(pool, username);
    const { fits, renewed } = await passwords.check(password, known?.passwordHash);
    if (!fits || known?.maySignIn !== true) {
      // One row of the same size for unknown, wrong and blocked.
      await recordAudit(pool, { event: 'sign-in-refused', actor: 'anonymous', patientId: known?.userId, resource: 'session', outcome: 'refused', reason: 'sign-in-failed' });
      return undefined;
    }
    if (renewed !== undefined) await renewPasswordHash(pool, known.userId, known.passwordHash, renewed);
    return { userId: known.userId, passwordHash: renewed ?? known.passwordHash };
  };
  return async (attempt, password) => {
    const admitted = await attempts.admit(attempt);
    if ('waitSeconds' in admitted) return admitted;
    let checked: CheckedUser | undefined;
    try {
      checked = await check(attempt.username, password);
    } catch (error) {
      await admitted.withdrawn();
      throw error;
    }
    if (checked === undefined) {
      await admitted.failed();
      return 'refused';
    }
    await admitted.succeeded();
    return { checked };
  };
};
