import { pseudonymizeAudit } from '../audit/pseudonym.ts';
import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { forgetJobs, untilNoneRuns } from '../jobs/forgetting.ts';
import { addJob } from '../jobs/runner.ts';
import type { UserAccount } from './domain/user-account.ts';
import { eraseMailsTo } from './mail-folder.ts';
import { recordAudit } from './storage/audit-table.ts';
import { erasedWithUser } from './storage/erased-with-user.ts';
import { findUserByAnyId, lockUser } from './storage/user-table.ts';
import { taskNames } from './workers/tasks.ts';

/** What erasing an account stands on. */
export interface UserErasing {
  readonly pool: Pool;
  /** Where mails lie that were not sent. */
  readonly mailFolder: string;
}

/** Who is erased, by `_id` or the account's identifier; what stands for them in the audit from then on; and who acts. */
export interface UserErasure {
  readonly id: string;
  readonly auditPseudonym: string;
  readonly actor: string;
}

/** What was erased, by kind. */
export type AccountCounts = Readonly<Record<string, number>>;

const nothing: AccountCounts = { users: 0, sessions: 0, refreshTokens: 0, passwordResets: 0, bulkJobs: 0, signInFailures: 0, jobs: 0, mails: 0, auditRows: 0 };

/** A mail under way may take so long; whoever asks waits for twenty seconds. */
const MAIL_WITHIN_MS = 10_000;

/** Every table in its order; the account itself last. */
const eraseRows = async (db: Queryable, user: UserAccount): Promise<AccountCounts> => {
  const counts: Record<string, number> = {};
  for (const { kind, erase } of erasedWithUser) counts[kind] = await erase(db, user);
  return counts;
};

/**
 * Erases a user in any state with all that is kept of them here, and answers what there was; where there is nobody, rows of the audit alone.
 * `andThen` runs in the transaction that erases the rows, and with it the jobs of this service. A mail that a job was about to write is
 * removed as well. Throws JobStillRunsError, and has erased nothing, while a mail to the user is under way for more than ten seconds.
 */
export const eraseUser = async (
  { pool, mailFolder }: UserErasing, { id, auditPseudonym, actor }: UserErasure, andThen?: (db: Queryable, user: UserAccount, counts: AccountCounts) => Promise<void>,
): Promise<AccountCounts> => {
  const user = await findUserByAnyId(pool, id);
  if (user === undefined) return { ...nothing, auditRows: await pseudonymizeAudit(pool, 'user_manager', id, auditPseudonym) };
  const about = { tasks: taskNames, id: user.id };
  await untilNoneRuns(pool, about, MAIL_WITHIN_MS);
  const counts = await inTransaction(pool, async (client) => {
    // First the user, as all who end sessions do: whoever renews a token has the user before the token.
    await lockUser(client, user.id);
    const jobs = await forgetJobs(client, about);
    const rows = await eraseRows(client, user);
    // Of two who erase at once, one did.
    if (rows['users'] === 1) await recordAudit(client, { event: 'user-deleted', actor, patientId: user.id, resource: 'user' });
    const auditRows = await pseudonymizeAudit(client, 'user_manager', user.id, auditPseudonym);
    const erased = { ...nothing, ...rows, jobs, mails: await eraseMailsTo(mailFolder, user.email), auditRows };
    await andThen?.(client, user, erased);
    await addJob(client, { task: 'scrub-accounts', payload: {}, key: 'scrub-accounts' });
    return erased;
  });
  return { ...counts, mails: counts.mails + (await eraseMailsTo(mailFolder, user.email)) };
};

/** The tables where people stood in clear; written anew after an erasure. */
export const clearTables = ['user_manager.user_account', 'user_manager.session', 'user_manager.refresh_token', 'user_manager.password_reset', 'user_manager.bulk_job', 'user_manager.sign_in_failures'];
