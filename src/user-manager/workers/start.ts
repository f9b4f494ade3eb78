import type { Logger } from 'pino';
import type { Pool } from '../../database/pool.ts';
import { scrub } from '../../database/scrubbing.ts';
import { EXPIRE_EVERY_MS, recur } from '../../jobs/recurring.ts';
import { startRunner } from '../../jobs/runner.ts';
import { runBulkJob } from '../bulk-jobs.ts';
import type { Mailer } from '../mail.ts';
import { requestReset, sendChangedNotice, sendResetLink } from '../resetting.ts';
import { expireAccounts, type AccountRetentionDays } from '../retention.ts';
import { clearTables } from '../user-erasure.ts';
import type { WantedErasure } from '../upstream/device-manager.ts';
import type { UserGroups } from '../user-groups.ts';
import { tasks } from './tasks.ts';

/** What the jobs stand on. */
export interface JobDependencies {
  /** Connections of the jobs' own, so that requests cannot starve them. */
  readonly jobPool: Pool;
  /** Names of the background jobs that run in this process. */
  readonly jobs: readonly string[];
  readonly log: Logger;
  readonly groups: UserGroups;
  readonly mailer: Mailer;
  /** Where mails lie that were not sent. */
  readonly mailFolder: string;
  /** Where browsers reach the BFF, as soon as that is known: links in mails begin with it. */
  readonly publicUrl: () => string | undefined;
  readonly passwordResetMinutes: number;
  readonly retentionDays: AccountRetentionDays;
}

/** Running jobs. */
export interface Jobs {
  readonly stop: () => Promise<void>;
}

/** Starts the jobs that run in this process; `eraseHealthData` has the Device Manager erase a patient. */
export const startJobs = async (dependencies: JobDependencies, eraseHealthData: (wanted: WantedErasure) => Promise<void>): Promise<Jobs> => {
  const { jobPool: pool, groups, mailer, publicUrl, passwordResetMinutes: minutes, jobs, log, mailFolder, retentionDays } = dependencies;
  const mailing = { pool, mailer, publicUrl, minutes, log };
  const all = tasks({
    sendResetLink: (userId) => sendResetLink(mailing, userId),
    sendChangedNotice: (userId) => sendChangedNotice(mailing, userId),
    runBulkJob: (jobId) => runBulkJob({ pool, groups, requestReset }, jobId),
    eraseHealthData,
    expireAccounts: async () => {
      const expired = await expireAccounts(pool, mailFolder, retentionDays);
      if (Object.values(expired).some((count) => count > 0)) log.info({ expired }, 'data was deleted that had been kept for as long as its class is kept');
    },
    scrubAccounts: async () => {
      const { notRewritten } = await scrub(pool, clearTables);
      if (notRewritten.length > 0) log.warn({ tables: notRewritten }, 'tables with erased rows were too large or in use to be written anew');
    },
  });
  const chosen = Object.fromEntries(Object.entries(all).filter(([name]) => jobs.includes(name)));
  const stopExpiring = jobs.includes('expire-accounts') ? recur(pool, 'expire-accounts', EXPIRE_EVERY_MS, () => log.error({}, 'what has expired is deleted later')) : undefined;
  const runner = Object.keys(chosen).length === 0 ? undefined : await startRunner({ service: 'user-manager', pool, tasks: chosen, log });
  return {
    stop: async () => {
      stopExpiring?.();
      await runner?.stop();
    },
  };
};
