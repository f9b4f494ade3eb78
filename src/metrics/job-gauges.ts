import type { Pool } from '../database/pool.ts';
import { countJobs, jobStates, type JobCount } from '../jobs/job-counts.ts';
import { askedOnce, type GaugeSource, type Reading } from './gauge.ts';

/**
 * Background jobs of the tasks named, wherever they run: how many there are in each state (none is told as 0), and how old the oldest is
 * that has not been done and is not given up.
 */
export const jobGauges = (pool: Pool, tasks: readonly string[]): GaugeSource[] => {
  const counts = askedOnce(() => countJobs(pool, tasks));
  const inState = (all: readonly JobCount[], task: string, state: string): Reading => ({ labels: { task, state }, value: all.find((one) => one.task === task && one.state === state)?.jobs ?? 0 });
  const oldest = (all: readonly JobCount[], task: string): Reading =>
    ({ labels: { task }, value: Math.max(0, ...all.filter((one) => one.task === task && one.state !== 'failed').map(({ oldestSeconds }) => oldestSeconds)) });
  return [
    {
      name: 'vitalgate_jobs', labelNames: ['task', 'state'],
      help: 'Background jobs by task and state: ready to run, running, later (for a time to come), retrying (after a failure), failed (given up; kept).',
      read: async (scrape) => {
        const all = await counts(scrape);
        return tasks.flatMap((task) => jobStates.map((state) => inState(all, task, state)));
      },
    },
    {
      name: 'vitalgate_oldest_job_age_seconds', labelNames: ['task'], help: 'How long the oldest background job that is due has been waiting to be done; 0 where none is.',
      read: async (scrape) => {
        const all = await counts(scrape);
        return tasks.map((task) => oldest(all, task));
      },
    },
  ];
};
