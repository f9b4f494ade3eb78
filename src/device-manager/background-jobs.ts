import type { Pool, Queryable } from '../database/pool.ts';
import { createBackgroundJobs, type BackgroundJobs, type DiscardedJob } from '../jobs/background-jobs.ts';
import { recordEntry } from './storage/audit-table.ts';
import { failExport } from './storage/patient-export-table.ts';
import { finishRenormalization } from './storage/renormalization-table.ts';
import { owedTasks, taskNames } from './workers/tasks.ts';

/** Who waits for an archive hears that it failed, and can ask for another one; a run over samples ends where it is, and names nobody any more. */
const discardedWithin = (days: number) => async (db: Queryable, { payload: { patientId, exportId, renormalizationId } }: DiscardedJob): Promise<void> => {
  if (typeof patientId === 'string' && typeof exportId === 'string') await failExport(db, { patientId, id: exportId }, days);
  if (typeof renormalizationId === 'string') await finishRenormalization(db, renormalizationId);
};

/** The background jobs of this service, for operators; an export that is thrown away is seen as failed for some days. */
export const backgroundJobs = (pool: Pool, exportDays: number): BackgroundJobs =>
  createBackgroundJobs(pool, { tasks: taskNames, owed: owedTasks, record: recordEntry, discarded: discardedWithin(exportDays) });
