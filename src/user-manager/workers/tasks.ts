import { z } from 'zod';
import type { Tasks } from '../../jobs/runner.ts';

/** What the jobs do. */
export interface TaskPorts {
  readonly sendResetLink: (userId: string) => Promise<void>;
  readonly sendChangedNotice: (userId: string) => Promise<void>;
  readonly runBulkJob: (jobId: string) => Promise<void>;
  readonly eraseHealthData: (patientId: string, account: Readonly<Record<string, number>>) => Promise<void>;
  readonly scrubAccounts: () => Promise<void>;
  readonly expireAccounts: () => Promise<void>;
}

const aboutUser = z.object({ userId: z.string() });
const counts = z.string().transform((text) => z.record(z.string(), z.number()).parse(JSON.parse(text)));
const aboutPatient = z.object({ patientId: z.string(), account: counts });
const aboutJob = z.object({ jobId: z.string() });

/** The background jobs by name; their payloads carry identifiers only. */
export const tasks = ({ sendResetLink, sendChangedNotice, runBulkJob, eraseHealthData, scrubAccounts, expireAccounts }: TaskPorts): Tasks => ({
  'password-reset-mail': (payload) => sendResetLink(aboutUser.parse(payload).userId),
  'password-changed-mail': (payload) => sendChangedNotice(aboutUser.parse(payload).userId),
  'bulk-activation': (payload) => runBulkJob(aboutJob.parse(payload).jobId),
  'bulk-change-password': (payload) => runBulkJob(aboutJob.parse(payload).jobId),
  'erase-health-data': (payload) => {
    const { patientId, account } = aboutPatient.parse(payload);
    return eraseHealthData(patientId, account);
  },
  'scrub-accounts': () => scrubAccounts(),
  'expire-accounts': () => expireAccounts(),
});
