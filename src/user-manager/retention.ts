import type { Pool } from '../database/pool.ts';
import { removeMailsBefore } from './mail-folder.ts';
import { forgetBulkJobs } from './storage/bulk-job-table.ts';
import { forgetResets } from './storage/password-reset-table.ts';
import { forgetRefreshTokens } from './storage/refresh-token-table.ts';
import { forgetSessions } from './storage/session-table.ts';

/** How many days each class is kept after it has ended. */
export interface AccountRetentionDays {
  readonly sessions: number;
  readonly resets: number;
  readonly bulkJobs: number;
  readonly mails: number;
}

const DAY_MS = 86_400_000;

/** Deletes what is older than its class is kept; answers how much of each. */
export const expireAccounts = async (pool: Pool, mailFolder: string, days: AccountRetentionDays, now = Date.now()): Promise<Readonly<Record<string, number>>> => {
  const before = (kept: number): Date => new Date(now - kept * DAY_MS);
  return {
    sessions: await forgetSessions(pool, before(days.sessions)),
    refreshTokens: await forgetRefreshTokens(pool, before(days.sessions)),
    passwordResets: await forgetResets(pool, before(days.resets)),
    bulkJobs: await forgetBulkJobs(pool, before(days.bulkJobs)),
    mails: await removeMailsBefore(mailFolder, before(days.mails)),
  };
};
