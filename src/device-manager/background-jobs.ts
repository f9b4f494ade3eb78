import type { Pool } from '../database/pool.ts';
import { createBackgroundJobs, type BackgroundJobs } from '../jobs/background-jobs.ts';
import { recordEntry } from './storage/audit-table.ts';
import { owedTasks, taskNames } from './workers/tasks.ts';

/** The background jobs of this service, for operators. */
export const backgroundJobs = (pool: Pool): BackgroundJobs => createBackgroundJobs(pool, { tasks: taskNames, owed: owedTasks, record: recordEntry });
