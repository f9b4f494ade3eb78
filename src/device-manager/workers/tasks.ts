import { z } from 'zod';
import type { Tasks } from '../../jobs/runner.ts';
import type { Normalizer } from '../normalizing.ts';
import type { Renormalizer } from '../renormalization-runs.ts';
import type { Waiting } from '../releasing.ts';

const normalization = z.object({ patientId: z.string(), payloadId: z.string(), which: z.enum(['received', 'versions']).optional() });
const renormalization = z.object({ renormalizationId: z.string() });
const waiting = z.union([z.object({ device: z.string() }), z.object({ payloadId: z.string() })]);

const submission = z.object({ patientId: z.string() });

/** Every background job of this service. */
export const taskNames = ['normalize', 'renormalize', 'release-quarantine', 'rotate-data-keys', 'submit-detections', 'expire-data', 'erase-patient', 'export-patient'] as const;

/** Jobs that are owed to whoever was erased: they are never thrown away. */
export const owedTasks: readonly string[] = ['erase-patient'];

/** The background jobs by name; their payloads carry identifiers only. */
export const tasks = (normalizer: Normalizer, renormalizer: Renormalizer, release: (waiting: Waiting) => Promise<void>, isStopping: () => boolean): Tasks => ({
  normalize: async (payload) => {
    const { patientId, payloadId, which } = normalization.parse(payload);
    await (which === 'versions' ? normalizer.normalize(patientId, payloadId, which) : normalizer.normalizeWaiting(patientId, payloadId));
  },
  renormalize: (payload) => renormalizer.run(renormalization.parse(payload).renormalizationId, isStopping),
  'release-quarantine': (payload) => release(waiting.parse(payload)),
});

const erasure = z.object({ erasureId: z.string() });
const patientExport = z.object({ patientId: z.string(), exportId: z.string() });

/** The jobs about all of a patient, which can take long and have workers of their own. */
export const patientTasks = (runExport: (patientId: string, exportId: string) => Promise<void>, runErasure: (erasureId: string) => Promise<void>, expireData: () => Promise<void>): Tasks => ({
  'expire-data': () => expireData(),
  'erase-patient': (payload) => runErasure(erasure.parse(payload).erasureId),
  'export-patient': (payload) => {
    const { patientId, exportId } = patientExport.parse(payload);
    return runExport(patientId, exportId);
  },
});

/** The job that makes new data keys, which has a worker of its own. */
export const rotationTasks = (fulfil: () => Promise<void>): Tasks => ({ 'rotate-data-keys': fulfil });

/** The jobs that wait for a Therapy and Monitoring Manager, which have workers of their own. */
export const submissionTasks = (submit: (patientId: string) => Promise<void>): Tasks => ({
  'submit-detections': (payload) => submit(submission.parse(payload).patientId),
});
