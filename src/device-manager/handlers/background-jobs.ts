import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import type { BackgroundJobs, JobOutcome } from '../../jobs/background-jobs.ts';
import { actorOf, type Caller, type Operations } from '../caller.ts';

const demandDone = (outcome: JobOutcome): void => {
  if (outcome !== 'done') throw problem(outcome);
};

type JobOperations = 'listJobs' | 'retryJobs' | 'retryJob' | 'discardJob';

/** Work in the background that failed or waits; for operators. */
export const backgroundJobHandlers = (jobs: BackgroundJobs): Pick<Handlers<Operations, Caller>, JobOperations> => ({
  listJobs: async ({ query: { state, task, reason, _l = 25, _sk = 0 } }) => ({ status: 200, body: await jobs.list({ state, task, reason, limit: _l, skip: _sk }) }),
  retryJobs: async ({ body, caller }) => ({ status: 202, body: { jobs: await jobs.retryAll(body, { actor: actorOf(caller) }) } }),
  retryJob: async ({ path, caller }) => {
    demandDone(await jobs.retry(path.id, { actor: actorOf(caller) }));
    return { status: 204 };
  },
  discardJob: async ({ path, caller }) => {
    demandDone(await jobs.discard(path.id, { actor: actorOf(caller) }));
    return { status: 204 };
  },
});
