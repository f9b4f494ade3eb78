import { z } from 'zod';
import type { Tasks } from '../../jobs/runner.ts';

const bulkJob = z.object({ jobId: z.string() });

/** What the tasks do; their payloads carry identifiers only. */
export interface TaskPorts {
  readonly bulkJob: (jobId: string) => Promise<void>;
}

/** The background jobs of the User Manager by name. */
export const tasks = (ports: TaskPorts): Tasks => ({
  'bulk-activation': (payload) => ports.bulkJob(bulkJob.parse(payload).jobId),
  'bulk-change-password': (payload) => ports.bulkJob(bulkJob.parse(payload).jobId),
});
