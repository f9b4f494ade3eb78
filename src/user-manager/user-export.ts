import type { Pool } from '../database/pool.ts';
import { inSnapshot } from '../database/transaction.ts';
import type { UserAccount } from './domain/user-account.ts';
import { resetsOf } from './storage/password-reset-table.ts';
import { sessionsOf } from './storage/session-table.ts';
import { findUser } from './storage/user-table.ts';

/** All that is kept of a person here, without what signs them in. */
export interface UserExport {
  readonly user: UserAccount;
  readonly sessions: Awaited<ReturnType<typeof sessionsOf>>;
  readonly resets: Awaited<ReturnType<typeof resetsOf>>;
}

/** Reads all of a user in any state, by `_id` or by the account's identifier, as it was at one instant. */
export const exportUser = (pool: Pool, id: string): Promise<UserExport | undefined> =>
  inSnapshot(pool, async (client) => {
    const user = await findUser(client, id);
    return user && { user, sessions: await sessionsOf(client, user.id), resets: await resetsOf(client, user.id) };
  });
