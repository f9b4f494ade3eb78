import { startRunner, type Tasks } from '../../jobs/runner.ts';
import type { DeviceManagerDependencies, Normalization } from '../dependencies.ts';
import { releaseQuarantine } from '../releasing.ts';
import { submitDetections, resumeSubmissions } from '../submitting.ts';
import type { TherapyMonitoring } from '../upstream/therapy-monitoring.ts';
import { submissionTasks, tasks } from './tasks.ts';

/** Running jobs. */
export interface Jobs {
  readonly stop: () => Promise<void>;
}

const startChosen = ({ jobPool: pool, log, jobs }: DeviceManagerDependencies, all: Tasks, pollMs?: number): Promise<Jobs> | undefined => {
  const chosen = Object.fromEntries(Object.entries(all).filter(([name]) => jobs.includes(name)));
  return Object.keys(chosen).length === 0 ? undefined : startRunner({ pool, tasks: chosen, log, ...(pollMs !== undefined && { pollMs }) });
};

/** Submissions have workers of their own: while another service lets us wait, samples are normalized. */
export const startJobs = async (dependencies: DeviceManagerDependencies, { normalizer, renormalizer }: Normalization, receiver: TherapyMonitoring | undefined): Promise<Jobs> => {
  const { jobPool: pool, keyRing, log, therapyMonitoring } = dependencies;
  let isStopping = false;
  const started = [await startChosen(dependencies, tasks(normalizer, renormalizer, (waiting) => releaseQuarantine(pool, keyRing, waiting)))];
  if (receiver && therapyMonitoring) {
    const onParked = (reason: string, submissions: number) => log.warn({ kind: 'submission-parked', reason, submissions }, 'submissions were parked');
    const submitting = { pool, keyRing, receiver, pace: therapyMonitoring.pace, onParked, isStopping: () => isStopping };
    started.push(await startChosen(dependencies, submissionTasks((patientId) => submitDetections(submitting, patientId)), Math.min(therapyMonitoring.pace.firstWaitMs, 2_000)));
    await resumeSubmissions(pool);
  }
  return {
    stop: async () => {
      isStopping = true;
      await Promise.all(started.map(async (runner) => runner?.stop()));
    },
  };
};
