import { ProblemError } from '../../http/problem.ts';
import { EXPIRE_EVERY_MS, recur } from '../../jobs/recurring.ts';
import { startRunner, type Tasks } from '../../jobs/runner.ts';
import type { DeviceManagerDependencies, Normalization } from '../dependencies.ts';
import { exportArchive, type ExportSources } from '../patients/contents.ts';
import { startCompletingJournal } from '../patients/completing-journal.ts';
import { runErasure, type Erasing } from '../patients/erasing.ts';
import { runExport } from '../patients/exporting.ts';
import type { ReturnedOutcome } from '../patients/returned-accounts.ts';
import { releaseQuarantine } from '../releasing.ts';
import { expire } from '../retention.ts';
import { fulfilRotations, resumeRotations } from '../resealing.ts';
import { submitDetections, resumeSubmissions } from '../submitting.ts';
import type { TherapyMonitoring } from '../upstream/therapy-monitoring.ts';
import { patientTasks, rotationTasks, submissionTasks, tasks } from './tasks.ts';

/** Running jobs. */
export interface Jobs {
  readonly stop: () => Promise<void>;
}

/** What erases, and what looks for accounts of whom was erased that are there again; answers how many it erased. */
export interface ErasingJobs extends Erasing {
  readonly eraseReturned: () => Promise<ReturnedOutcome>;
}

/** A request that timed out, or was cut off, is taken to be over after as many timeouts since it was sent. */
const UNDER_WAY_TIMEOUTS = 3;

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'unknown');

const startChosen = ({ jobPool: pool, log, jobs }: DeviceManagerDependencies, all: Tasks, options: { readonly pollMs?: number; readonly concurrency?: number } = {}): Promise<Jobs> | undefined => {
  const chosen = Object.fromEntries(Object.entries(all).filter(([name]) => jobs.includes(name)));
  return Object.keys(chosen).length === 0 ? undefined : startRunner({ service: 'device-manager', pool, tasks: chosen, log, ...options });
};

/** What went is told by its class alone. */
const expireAndTell = async ({ jobPool: pool, keyRing, log, retentionDays: days }: DeviceManagerDependencies, isStopping: () => boolean): Promise<void> => {
  const { unreadable = 0, ...expired } = await expire({ pool, keyRing, days, isStopping });
  if (unreadable > 0) log.error({ kind: 'unreadable', where: 'retention', values: unreadable }, 'payloads that had been kept long enough stay, because something sealed of their patients does not open');
  if (Object.values(expired).some((count) => count > 0)) log.info({ expired }, 'data was deleted that had been kept for as long as its class is kept');
};

const MOST_TOLD = 20;

/** A User Manager that is away is asked in the next try; one of another vendor's may refuse for good. */
const eraseReturnedAndTell = async ({ log }: DeviceManagerDependencies, { eraseReturned }: ErasingJobs): Promise<void> => {
  const { erased: accounts, alike } = await eraseReturned().catch((error: unknown): ReturnedOutcome => {
    if (!(error instanceof ProblemError) || error.code !== 'upstream-invalid') throw error;
    log.warn({ kind: 'upstream-invalid' }, 'the User Manager does not tell whether accounts of people who were erased are there again');
    return { erased: 0, alike: [] };
  });
  if (accounts > 0) log.warn({ kind: 'erasures-applied', accounts }, 'accounts of people who were erased were there again, as after a restore of the User Manager: they are erased again');
  if (alike.length > 0) log.warn({ kind: 'erased-identifiers', accounts: alike.length, users: alike.slice(0, MOST_TOLD) }, 'accounts bear an identifier of people who were erased: erase those that came back with a restore of the User Manager (vitalgate patients erase --user)');
};

/** Submissions, the rotation of keys, and what is about all of a patient have workers of their own: while they take their time, samples are normalized. */
export const startJobs = async (
  dependencies: DeviceManagerDependencies, { normalizer, renormalizer }: Normalization, receiver: TherapyMonitoring | undefined, sources: ExportSources, erasing: ErasingJobs,
): Promise<Jobs> => {
  const { jobPool: pool, keyRing, log, therapyMonitoring } = dependencies;
  let isStopping = false;
  // Wherever jobs run: each process has a journal.
  const completing = await startCompletingJournal(erasing.journal, log);
  const started = [await startChosen(dependencies, tasks(normalizer, renormalizer, (waiting) => releaseQuarantine(pool, keyRing, waiting), () => isStopping))];
  const onUnreadable = (where: string, values: number) => log.error({ kind: 'unreadable', where, values }, 'sealed values do not open and stay under their old key');
  const resealing = { pool, keyRing, onUnreadable, isStopping: () => isStopping };
  started.push(await startChosen(dependencies, rotationTasks(() => fulfilRotations(resealing)), { concurrency: 1 }));
  await resumeRotations(pool);
  const archive = (patientId: string, told: (files: number) => void) => exportArchive(sources, patientId, told);
  const exporting = { pool, keyRing, days: dependencies.exportDays, archive, isStopping: () => isStopping };
  started.push(await startChosen(dependencies, patientTasks((patientId, exportId) => runExport(exporting, patientId, exportId), (erasureId) => runErasure(erasing, erasureId), () => expireAndTell(dependencies, () => isStopping).then(() => eraseReturnedAndTell(dependencies, erasing)))));
  const stopExpiring = dependencies.jobs.includes('expire-data') ? recur(pool, 'expire-data', EXPIRE_EVERY_MS, (error) => log.error({ error: nameOf(error) }, 'what has expired is deleted later')) : undefined;
  if (receiver && therapyMonitoring) {
    const onParked = (reason: string, submissions: number) => log.warn({ kind: 'submission-parked', reason, submissions }, 'submissions were parked');
    const submitting = { pool, keyRing, receiver, pace: therapyMonitoring.pace, underWayMs: UNDER_WAY_TIMEOUTS * therapyMonitoring.timeoutMs, onParked, isStopping: () => isStopping };
    started.push(await startChosen(dependencies, submissionTasks((patientId) => submitDetections(submitting, patientId)), { pollMs: Math.min(therapyMonitoring.pace.firstWaitMs, 2_000) }));
    await resumeSubmissions(pool);
  }
  return {
    stop: async () => {
      isStopping = true;
      stopExpiring?.();
      await completing.stop();
      await Promise.all(started.map(async (runner) => runner?.stop()));
    },
  };
};
