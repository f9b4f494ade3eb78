import { findAudit, type AuditPage, type AuditRow } from '../audit/finding.ts';
import type { Pool } from '../database/pool.ts';
import { inSnapshot } from '../database/transaction.ts';
import type { UserAccount } from './domain/user-account.ts';
import { resetsOf } from './storage/password-reset-table.ts';
import { refreshTokensOf, type KeptRefreshToken } from './storage/refresh-token-table.ts';
import { keptSessionsOf, type KeptSession } from './storage/session-table.ts';
import { findUserByAnyId } from './storage/user-table.ts';

/** All that is kept of a person here, without what signs them in. */
export interface UserExport {
  readonly user: UserAccount;
  readonly sessions: readonly KeptSession[];
  readonly refreshTokens: readonly KeptRefreshToken[];
  readonly resets: Awaited<ReturnType<typeof resetsOf>>;
}

/** Reads all of a user in any state, by `_id` or by the account's identifier, as it was at one instant. */
export const exportUser = (pool: Pool, id: string): Promise<UserExport | undefined> =>
  inSnapshot(pool, async (client) => {
    const user = await findUserByAnyId(client, id);
    if (user === undefined) return undefined;
    return { user, sessions: await keptSessionsOf(client, user.id), refreshTokens: await refreshTokensOf(client, user.id), resets: await resetsOf(client, user.id) };
  });

/** A page of what the audit here says about a user, newest first; undefined when there is no such user. */
export const auditOfUser = async (pool: Pool, id: string, page: Pick<AuditPage, 'after' | 'limit'>): Promise<readonly AuditRow[] | undefined> => {
  const user = await findUserByAnyId(pool, id);
  return user && findAudit(pool, 'user_manager', { ...page, patientId: user.id });
};
