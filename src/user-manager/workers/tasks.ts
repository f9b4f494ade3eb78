import { z } from 'zod';
import type { Tasks } from '../../jobs/runner.ts';

/** What the jobs do. */
export interface TaskPorts {
  readonly sendResetLink: (userId: string) => Promise<void>;
  readonly sendChangedNotice: (userId: string) => Promise<void>;
  readonly runBulkJob: (jobId: string) => Promise<void>;
}

const aboutUser = z.object({ userId: z.string() });
const aboutJob = z.object({ jobId: z.string() });

/** Every background job of this service. */
export const taskNames = ['password-reset-mail', 'password-changed-mail', 'bulk-activation', 'bulk-change-password'] as const;

/** The background jobs by name; their payloads carry identifiers only. */
export const tasks = ({ sendResetLink, sendChangedNotice, runBulkJob }: TaskPorts): Tasks => ({
  'password-reset-mail': (payload) => sendResetLink(aboutUser.parse(payload).userId),
  'password-changed-mail': (payload) => sendChangedNotice(aboutUser.parse(payload).userId),
  'bulk-activation': (payload) => runBulkJob(aboutJob.parse(payload).jobId),
  'bulk-change-password': (payload) => runBulkJob(aboutJob.parse(payload).jobId),
});
