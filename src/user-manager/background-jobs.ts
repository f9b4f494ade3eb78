import type { Pool, Queryable } from '../database/pool.ts';
import { createBackgroundJobs, type BackgroundJobs, type DiscardedJob } from '../jobs/background-jobs.ts';
import { recordAudit } from './storage/audit-table.ts';
import { failBulkJob } from './storage/bulk-job-table.ts';
import { owedTasks, taskNames } from './workers/tasks.ts';

/** Who asked for a job on many users hears that it failed, and does not wait for ever. */
const discarded = async (db: Queryable, { payload: { jobId } }: DiscardedJob): Promise<void> => {
  if (typeof jobId === 'string') await failBulkJob(db, jobId);
};

/** The background jobs of this service, for operators. */
export const backgroundJobs = (pool: Pool): BackgroundJobs => createBackgroundJobs(pool, { tasks: taskNames, owed: owedTasks, record: recordAudit, discarded });
