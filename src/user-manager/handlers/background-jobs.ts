import type { operations } from '../../../generated/user-manager.d.ts';
import type { Call, Reply } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import type { BackgroundJobs, JobOutcome } from '../../jobs/background-jobs.ts';
import { auditActorOf, type Caller } from '../caller.ts';

const gone = (outcome: JobOutcome): { readonly status: 204 } => {
  if (outcome !== 'done') throw problem(outcome);
  return { status: 204 };
};

/** Mails and other work in the background that failed or waits; for services and operators. */
export const backgroundJobHandlers = (jobs: BackgroundJobs) => ({
  listAccountJobs: async ({ query: { state, task, reason, _l = 25, _sk = 0 } }: Call<operations['listAccountJobs'], Caller>): Promise<Reply<operations['listAccountJobs']>> =>
    ({ status: 200, body: await jobs.list({ state, task, reason, limit: _l, skip: _sk }) }),
  retryAccountJobs: async ({ body, caller }: Call<operations['retryAccountJobs'], Caller>): Promise<Reply<operations['retryAccountJobs']>> =>
    ({ status: 202, body: { jobs: await jobs.retryAll(body, { actor: auditActorOf(caller) }) } }),
  retryAccountJob: async ({ path, caller }: Call<operations['retryAccountJob'], Caller>): Promise<Reply<operations['retryAccountJob']>> => gone(await jobs.retry(path.id, { actor: auditActorOf(caller) })),
  discardAccountJob: async ({ path, caller }: Call<operations['discardAccountJob'], Caller>): Promise<Reply<operations['discardAccountJob']>> => gone(await jobs.discard(path.id, { actor: auditActorOf(caller) })),
});
