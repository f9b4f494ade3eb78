import type { operations } from '../../../generated/user-manager.d.ts';
import type { Call, Reply } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import type { ActivationOutcome, ActivationRequest, ResetOutcome, ResetRequest } from '../bulk-jobs.ts';
import type { Caller } from '../caller.ts';
import type { BulkJob, BulkKind } from '../storage/bulk-job-table.ts';
import { actorOf } from './user-record.ts';

/** What the handlers of bulk jobs stand on. */
export interface BulkJobPorts {
  readonly start: (kind: BulkKind, request: ActivationRequest | ResetRequest, creatorId: string) => Promise<BulkJob>;
  readonly read: (kind: BulkKind, id: string) => Promise<BulkJob | undefined>;
}

const startedOf = ({ id, status, createdAt }: BulkJob) => ({ jobId: id, status, jobCreatedAt: createdAt.toISOString() });

const found = async (job: Promise<BulkJob | undefined>): Promise<BulkJob> => {
  const known = await job;
  if (known === undefined) throw problem('not-found');
  return known;
};

const activationOf = (job: BulkJob): Reply<operations['getBulkActivation']>['body'] => {
  if (job.status !== 'completed') return startedOf(job);
  const { inserted, updated, failures } = job.outcome as ActivationOutcome;
  return {
    ...startedOf(job),
    summary: { failed: failures.length, updated, inserted, total: failures.length + updated + inserted },
    failures: failures.map(({ userId, code, message }) => ({ userId, errors: [{ code, message }] })),
  };
};

const resetOf = (job: BulkJob): Reply<operations['getBulkPasswordReset']>['body'] => {
  if (job.status !== 'completed') return startedOf(job);
  const { completed, failures } = job.outcome as ResetOutcome;
  const accounts = (ids: readonly string[]) => ids.map((authUserId) => ({ authUserId }));
  return {
    ...startedOf(job),
    summary: { failed: failures.length, completed: completed.length, total: failures.length + completed.length },
    completed: accounts(completed),
    failures: accounts(failures),
  };
};

/** Jobs on many people; for services and operators. */
export const bulkJobHandlers = ({ start, read }: BulkJobPorts) => ({
  startBulkActivation: async ({ body, query, caller }: Call<operations['startBulkActivation'], Caller>): Promise<Reply<operations['startBulkActivation']>> => {
    const userIds = [...new Set(body.map(({ filter }) => filter.userId))];
    return { status: 202, body: startedOf(await start('bulk-activation', { userIds, upsert: query.upsert ?? true }, actorOf(caller))) };
  },
  getBulkActivation: async ({ path }: Call<operations['getBulkActivation'], Caller>): Promise<Reply<operations['getBulkActivation']>> => ({
    status: 200,
    body: activationOf(await found(read('bulk-activation', path.id))),
  }),
  startBulkPasswordReset: async ({ body, caller }: Call<operations['startBulkPasswordReset'], Caller>): Promise<Reply<operations['startBulkPasswordReset']>> => {
    const authUserIds = [...new Set(body.authUsersIds)];
    return { status: 202, body: startedOf(await start('bulk-change-password', { authUserIds }, actorOf(caller))) };
  },
  getBulkPasswordReset: async ({ path }: Call<operations['getBulkPasswordReset'], Caller>): Promise<Reply<operations['getBulkPasswordReset']>> => ({
    status: 200,
    body: resetOf(await found(read('bulk-change-password', path.id))),
  }),
});
