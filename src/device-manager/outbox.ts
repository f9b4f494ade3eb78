import type { Queryable } from '../database/pool.ts';
import { addJob } from '../jobs/runner.ts';
import { submissionId } from '../keys/identity.ts';
import type { ScopeKeys } from '../keys/scope-keys.ts';
import { countingAmong } from './storage/submission-progress.ts';
import { stageSubmissions, type Staged } from './storage/submission-table.ts';
import { restoreDelivered, supersedeSubmissions, type Dropped } from './storage/superseded-submissions.ts';

/** A sample and the version of the rule that normalized it. */
export type Submittable = Omit<Staged, '_id'>;

/** Where normalized samples are put for the Therapy and Monitoring Manager. */
export interface Outbox {
  /** In the transaction that normalizes: samples that count now are to be submitted, what was made of the others is superseded. */
  readonly note: (db: Queryable, keys: ScopeKeys, patientId: string, normalized: readonly Submittable[], all: readonly string[]) => Promise<void>;
  /**
   * In the transaction of a run over kept samples: what was made of them before is superseded. To be submitted are those that had no
   * record (`repaired`), and of those that had another one (`changed`) those of which something had not gone out yet.
   */
  readonly renew: (db: Queryable, keys: ScopeKeys, patientId: string, repaired: readonly Submittable[], changed: readonly Submittable[], all: readonly string[]) => Promise<void>;
}

/**
 * Submissions of one patient run one after the other, beside normalization; one that waits for later is woken. At `runAt` only where
 * none waits: a run that ends adds it, and what came meanwhile has added one for now.
 */
export const addSubmission = (db: Queryable, patientId: string, runAt?: Date): Promise<void> =>
  addJob(db, { task: 'submit-detections', payload: { patientId }, queue: `submissions:${patientId}`, key: `submit:${patientId}`, ...(runAt && { runAt, keepsTime: true }) });

/** Has samples looked up in the plans and submitted. */
export const stage = async (db: Queryable, keys: ScopeKeys, patientId: string, samples: readonly Submittable[], requested: boolean): Promise<void> => {
  const staged = samples.map((sample) => ({ ...sample, _id: submissionId(keys.identityKey, [sample.sampleId, '', sample.ruleId, String(sample.ruleVersion), ...(sample.leftOut === null ? [] : [sample.leftOut])]) }));
  await stageSubmissions(db, patientId, staged, requested);
  await addSubmission(db, patientId);
};

/** The same for samples of which something else had been submitted: what was requested stays so. */
const stageAs = async (db: Queryable, keys: ScopeKeys, patientId: string, samples: readonly Submittable[], dropped: readonly Dropped[]): Promise<void> => {
  const asked = new Set(dropped.filter(({ requested }) => requested).map(({ sampleId }) => sampleId));
  for (const requested of [true, false]) {
    const some = samples.filter(({ sampleId }) => asked.has(sampleId) === requested);
    if (some.length > 0) await stage(db, keys, patientId, some, requested);
  }
};

/** Has what counts of samples now submitted in place of what did not arrive and counts no more. The caller holds the patient's lock. */
export const stageInstead = async (db: Queryable, keys: ScopeKeys, patientId: string, dropped: readonly Dropped[]): Promise<void> => {
  if (dropped.length > 0) await stageAs(db, keys, patientId, await countingAmong(db, patientId, dropped.map(({ sampleId }) => sampleId)), dropped);
};

/** Supersedes what was made of samples before; answers what was dropped of it. What may have arrived is asked about by a run of its own. */
export const supersede = async (db: Queryable, patientId: string, sampleIds: readonly string[], counting: readonly Submittable[] = []): Promise<readonly Dropped[]> => {
  const { dropped, isDoubtful } = await supersedeSubmissions(db, patientId, sampleIds, counting);
  if (isDoubtful) await addSubmission(db, patientId);
  return dropped;
};

/** The outbox; where no Therapy and Monitoring Manager is set (`submits` is false), nothing is put into it. */
export const createOutbox = (submits: boolean): Outbox => ({
  note: async (db, keys, patientId, normalized, all) => {
    await supersede(db, patientId, all, normalized);
    await restoreDelivered(db, patientId, normalized);
    if (submits && normalized.length > 0) await stage(db, keys, patientId, normalized, false);
  },
  renew: async (db, keys, patientId, repaired, changed, all) => {
    const dropped = await supersede(db, patientId, all);
    const waited = new Set(dropped.map(({ sampleId }) => sampleId));
    if (submits) await stageAs(db, keys, patientId, [...repaired, ...changed.filter(({ sampleId }) => waited.has(sampleId))], dropped);
  },
});
