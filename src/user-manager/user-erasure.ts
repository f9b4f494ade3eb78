import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { forgetJobs } from '../jobs/forgetting.ts';
import { addJob } from '../jobs/runner.ts';
import type { UserAccount } from './domain/user-account.ts';
import { eraseMailsTo } from './mail-folder.ts';
import { erasedWithUser } from './storage/erased-with-user.ts';
import { findUser } from './storage/user-table.ts';

/** What erasing an account stands on. */
export interface UserErasing {
  readonly pool: Pool;
  /** Where mails lie that were not sent. */
  readonly mailFolder: string;
}

/** What was erased, by kind. */
export type AccountCounts = Readonly<Record<string, number>>;

const nothing: AccountCounts = { users: 0, sessions: 0, refreshTokens: 0, passwordResets: 0, bulkJobs: 0, jobs: 0, mails: 0 };

/** Every table in its order; the account itself last. */
const eraseRows = async (db: Queryable, user: UserAccount): Promise<AccountCounts> => {
  const counts: Record<string, number> = {};
  for (const { kind, erase } of erasedWithUser) counts[kind] = await erase(db, user);
  return counts;
};

/**
 * Erases a user in any state with all that is kept of them here, and answers what there was; zeros when there is nobody. `andThen` runs in
 * the transaction that erases the rows. A mail that a job was about to write is removed as well.
 */
export const eraseUser = async ({ pool, mailFolder }: UserErasing, id: string, andThen?: (db: Queryable, user: UserAccount, counts: AccountCounts) => Promise<void>): Promise<AccountCounts> => {
  const user = await findUser(pool, id);
  if (user === undefined) return nothing;
  const [jobs, written] = [await forgetJobs(pool, user.id), await eraseMailsTo(mailFolder, user.email)];
  const counts = await inTransaction(pool, async (client) => {
    const erased = { ...nothing, ...(await eraseRows(client, user)), jobs, mails: written };
    await andThen?.(client, user, erased);
    await addJob(client, { task: 'scrub-accounts', payload: {}, key: 'scrub-accounts' });
    return erased;
  });
  return { ...counts, mails: written + (await eraseMailsTo(mailFolder, user.email)) };
};

/** The tables where people stood in clear; written anew after an erasure. */
export const clearTables = ['user_manager.user_account', 'user_manager.session', 'user_manager.refresh_token', 'user_manager.password_reset', 'user_manager.bulk_job'];
