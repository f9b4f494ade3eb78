import { z } from 'zod';
import type { Tasks } from '../../jobs/runner.ts';
import type { WantedErasure } from '../upstream/device-manager.ts';

/** What the jobs do. */
export interface TaskPorts {
  readonly sendResetLink: (userId: string) => Promise<void>;
  readonly sendChangedNotice: (userId: string) => Promise<void>;
  readonly runBulkJob: (jobId: string) => Promise<void>;
  readonly eraseHealthData: (wanted: WantedErasure) => Promise<void>;
  readonly scrubAccounts: () => Promise<void>;
  readonly expireAccounts: () => Promise<void>;
}

const aboutUser = z.object({ userId: z.string() });
const counts = z.string().transform((text) => z.record(z.string(), z.number()).parse(JSON.parse(text)));
const wantedErasure = z.object({ patientId: z.string(), auditPseudonym: z.string(), account: counts });
const aboutJob = z.object({ jobId: z.string() });

/** Every background job of this service. */
export const taskNames = ['password-reset-mail', 'password-changed-mail', 'bulk-activation', 'bulk-change-password', 'erase-health-data', 'scrub-accounts', 'expire-accounts'] as const;

/** Jobs that are owed to whoever was erased: they are never thrown away. */
export const owedTasks: readonly string[] = ['erase-health-data', 'scrub-accounts'];

/** The background jobs by name; their payloads carry identifiers only. */
export const tasks = ({ sendResetLink, sendChangedNotice, runBulkJob, eraseHealthData, scrubAccounts, expireAccounts }: TaskPorts): Tasks => ({
  'password-reset-mail': (payload) => sendResetLink(aboutUser.parse(payload).userId),
  'password-changed-mail': (payload) => sendChangedNotice(aboutUser.parse(payload).userId),
  'bulk-activation': (payload) => runBulkJob(aboutJob.parse(payload).jobId),
  'bulk-change-password': (payload) => runBulkJob(aboutJob.parse(payload).jobId),
  'erase-health-data': (payload) => eraseHealthData(wantedErasure.parse(payload)),
  'scrub-accounts': () => scrubAccounts(),
  'expire-accounts': () => expireAccounts(),
});
