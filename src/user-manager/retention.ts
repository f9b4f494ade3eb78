import type { Pool } from '../database/pool.ts';
import { removeMailsBefore } from './mail-folder.ts';
import { forgetBulkJobs } from './storage/bulk-job-table.ts';
import { forgetResets } from './storage/password-reset-table.ts';
import { forgetRefreshTokens } from './storage/refresh-token-table.ts';
import { forgetSessions } from './storage/session-table.ts';
import { forgetOldCounts } from './storage/sign-in-failure-table.ts';

/** How many days each class is kept after it has ended. */
export interface AccountRetentionDays {
  readonly sessions: number;
  readonly resets: number;
  readonly bulkJobs: number;
  readonly mails: number;
}

const DAY_MS = 86_400_000;
const BATCH = 1000;

/** Deletes batch by batch, each in a transaction of its own, so that nobody waits for all of them. */
const batchwise = async (forget: (limit: number) => Promise<number>): Promise<number> => {
  let total = 0;
  for (let done = BATCH; done === BATCH; total += done) done = await forget(BATCH);
  return total;
};

/** Deletes what is older than its class is kept; answers how much of each. */
export const expireAccounts = async (pool: Pool, mailFolder: string, days: AccountRetentionDays, now = Date.now()): Promise<Readonly<Record<string, number>>> => {
  const before = (kept: number): Date => new Date(now - kept * DAY_MS);
  return {
    sessions: await batchwise((limit) => forgetSessions(pool, before(days.sessions), limit)),
    refreshTokens: await batchwise((limit) => forgetRefreshTokens(pool, before(days.sessions), limit)),
    passwordResets: await batchwise((limit) => forgetResets(pool, before(days.resets), limit)),
    signInFailures: await batchwise((limit) => forgetOldCounts(pool, limit)),
    bulkJobs: await forgetBulkJobs(pool, before(days.bulkJobs)),
    mails: await removeMailsBefore(mailFolder, before(days.mails)),
  };
};
