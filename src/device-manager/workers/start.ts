import { startRunner, type Tasks } from '../../jobs/runner.ts';
import type { DeviceManagerDependencies, Normalization } from '../dependencies.ts';
import { releaseQuarantine } from '../releasing.ts';
import { fulfilRotations, resumeRotations } from '../resealing.ts';
import { submitDetections, resumeSubmissions } from '../submitting.ts';
import type { TherapyMonitoring } from '../upstream/therapy-monitoring.ts';
import { rotationTasks, submissionTasks, tasks } from './tasks.ts';

/** Running jobs. */
export interface Jobs {
  readonly stop: () => Promise<void>;
}

const startChosen = ({ jobPool: pool, log, jobs }: DeviceManagerDependencies, all: Tasks, options: { readonly pollMs?: number; readonly concurrency?: number } = {}): Promise<Jobs> | undefined => {
  const chosen = Object.fromEntries(Object.entries(all).filter(([name]) => jobs.includes(name)));
  return Object.keys(chosen).length === 0 ? undefined : startRunner({ service: 'device-manager', pool, tasks: chosen, log, ...options });
};

/** Submissions and the rotation of keys have workers of their own: while another service lets us wait, or everything is sealed anew, samples are normalized. */
export const startJobs = async (dependencies: DeviceManagerDependencies, { normalizer, renormalizer }: Normalization, receiver: TherapyMonitoring | undefined): Promise<Jobs> => {
  const { jobPool: pool, keyRing, log, therapyMonitoring } = dependencies;
  let isStopping = false;
  const started = [await startChosen(dependencies, tasks(normalizer, renormalizer, (waiting) => releaseQuarantine(pool, keyRing, waiting)))];
  const onUnreadable = (where: string, values: number) => log.error({ kind: 'unreadable', where, values }, 'sealed values do not open and stay under their old key');
  const resealing = { pool, keyRing, onUnreadable, isStopping: () => isStopping };
  started.push(await startChosen(dependencies, rotationTasks(() => fulfilRotations(resealing)), { concurrency: 1 }));
  await resumeRotations(pool);
  if (receiver && therapyMonitoring) {
    const onParked = (reason: string, submissions: number) => log.warn({ kind: 'submission-parked', reason, submissions }, 'submissions were parked');
    const submitting = { pool, keyRing, receiver, pace: therapyMonitoring.pace, onParked, isStopping: () => isStopping };
    started.push(await startChosen(dependencies, submissionTasks((patientId) => submitDetections(submitting, patientId)), { pollMs: Math.min(therapyMonitoring.pace.firstWaitMs, 2_000) }));
    await resumeSubmissions(pool);
  }
  return {
    stop: async () => {
      isStopping = true;
      await Promise.all(started.map(async (runner) => runner?.stop()));
    },
  };
};
