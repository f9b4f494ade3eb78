import { randomBytes } from 'node:crypto';
import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { addJob } from '../jobs/runner.ts';
import { activate, type Activated } from './registration.ts';
import { actorNamed, recordAudit } from './storage/audit-table.ts';
import { endBulkJob, insertBulkJob, lockPendingJob, type BulkJob, type BulkKind } from './storage/bulk-job-table.ts';
import { findResettableUser } from './storage/user-table.ts';
import type { UserGroups } from './user-groups.ts';

/** What a bulk activation is asked for, and what became of it. */
export interface ActivationRequest {
  readonly userIds: readonly string[];
  /** True: users who are active already count as updated, else as failed. */
  readonly upsert: boolean;
}
export interface ActivationOutcome {
  readonly inserted: number;
  readonly updated: number;
  readonly failures: readonly { readonly userId: string; readonly code: string; readonly message: string }[];
}

/** Which accounts get a reset mail, and which are nobody's. */
export interface ResetRequest {
  readonly authUserIds: readonly string[];
}
export interface ResetOutcome {
  readonly completed: readonly string[];
  readonly failures: readonly string[];
}

/** Keeps a job and has it run, both or neither. */
export const startBulkJob = (pool: Pool, kind: BulkKind, request: ActivationRequest | ResetRequest, creatorId: string): Promise<BulkJob> =>
  inTransaction(pool, async (client) => {
    const job = await insertBulkJob(client, { id: randomBytes(16).toString('hex'), kind, request, creatorId });
    await addJob(client, { task: kind, payload: { jobId: job.id } });
    return job;
  });

const messages: Readonly<Record<Exclude<Activated, 'activated'>, string>> = {
  'active-already': 'The user is active already.',
  'not-found': 'There is no user with this id.',
  'account-disabled': 'Users of this group do not sign in.',
};

const activateAll = async (client: Queryable, { userIds, upsert }: ActivationRequest, updaterId: string, groups: UserGroups): Promise<ActivationOutcome> => {
  let [inserted, updated] = [0, 0];
  const failures: ActivationOutcome['failures'][number][] = [];
  for (const id of userIds) {
    const outcome = await activate(client, { id, updaterId }, groups.authUserCreationDisabled);
    if (outcome === 'activated') inserted += 1;
    else if (outcome === 'active-already' && upsert) updated += 1;
    else failures.push({ userId: id, code: outcome, message: messages[outcome] });
  }
  return { inserted, updated, failures };
};

const resetAll = async (client: Queryable, { authUserIds }: ResetRequest, creatorId: string, requestReset: (db: Queryable, userId: string) => Promise<void>): Promise<ResetOutcome> => {
  const completed: string[] = [];
  const failures: string[] = [];
  for (const authUserId of authUserIds) {
    const userId = await findResettableUser(client, authUserId);
    if (userId === undefined) failures.push(authUserId);
    else {
      await requestReset(client, userId);
      await recordAudit(client, { event: 'password-reset-asked', actor: actorNamed(creatorId), patientId: userId, resource: 'user' });
      completed.push(authUserId);
    }
  }
  return { completed, failures };
};

/** What the tasks stand on. */
export interface BulkTaskPorts {
  readonly pool: Pool;
  readonly groups: UserGroups;
  /** Has a reset mail sent, once the transaction commits. */
  readonly requestReset: (db: Queryable, userId: string) => Promise<void>;
}

/** Runs one kept job, in one transaction: a job that was cut off has done nothing, and one that is done is never run again. */
export const runBulkJob = ({ pool, groups, requestReset }: BulkTaskPorts, jobId: string): Promise<void> =>
  inTransaction(pool, async (client) => {
    const job = await lockPendingJob(client, jobId);
    if (job === undefined) return;
    const outcome =
      job.kind === 'bulk-activation'
        ? await activateAll(client, job.request as ActivationRequest, job.creatorId, groups)
        : await resetAll(client, job.request as ResetRequest, job.creatorId, requestReset);
    await endBulkJob(client, jobId, outcome);
  });
