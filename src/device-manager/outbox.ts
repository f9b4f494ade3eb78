import type { Queryable } from '../database/pool.ts';
import { addJob } from '../jobs/runner.ts';
import { submissionId } from '../keys/identity.ts';
import type { ScopeKeys } from '../keys/scope-keys.ts';
import { stageSubmissions, supersedeSubmissions, type Staged } from './storage/submission-table.ts';

/** A sample and the version of the rule that normalized it. */
export type Submittable = Omit<Staged, '_id'>;

/** Where normalized samples are put for the Therapy and Monitoring Manager. */
export interface Outbox {
  /** In the transaction that normalizes: samples that count now are to be submitted, what was made of the others is superseded. */
  readonly note: (db: Queryable, keys: ScopeKeys, patientId: string, normalized: readonly Submittable[], all: readonly string[]) => Promise<void>;
}

/** Submissions of one patient run one after the other, beside normalization; one that waits for later is woken. */
export const addSubmission = (db: Queryable, patientId: string, runAt?: Date): Promise<void> =>
  addJob(db, { task: 'submit-detections', payload: { patientId }, queue: `submissions:${patientId}`, key: `submit:${patientId}`, ...(runAt && { runAt }) });

/** Has samples looked up in the plans and submitted. */
export const stage = async (db: Queryable, keys: ScopeKeys, patientId: string, samples: readonly Submittable[], requested: boolean): Promise<void> => {
  const staged = samples.map((sample) => ({ ...sample, _id: submissionId(keys.identityKey, [sample.sampleId, '', sample.ruleId, String(sample.ruleVersion)]) }));
  await stageSubmissions(db, patientId, staged, requested);
  await addSubmission(db, patientId);
};

/** The outbox; where no Therapy and Monitoring Manager is set (`submits` is false), nothing is put into it. */
export const createOutbox = (submits: boolean): Outbox => ({
  note: async (db, keys, patientId, normalized, all) => {
    await supersedeSubmissions(db, patientId, all, normalized);
    if (submits && normalized.length > 0) await stage(db, keys, patientId, normalized, false);
  },
});
