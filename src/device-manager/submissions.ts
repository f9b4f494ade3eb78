import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { keysForKeeping } from './admitting.ts';
import { lockPatient } from './normalizing.ts';
import { addSubmission, stage } from './outbox.ts';
import { recordAudit } from './storage/audit-table.ts';
import type { SampleRow } from './storage/sample-table.ts';
import { findSubmissions, submissionById, tryAgain, type SubmissionFilter, type SubmissionRow } from './storage/submission-list.ts';
import { refreshSampleStates } from './storage/submission-progress.ts';
import { submissionsOfSample } from './storage/submission-table.ts';

/** Who acts, in which request. */
export interface Act {
  readonly actor: string;
  readonly requestId: string;
}

/** What operators do about what goes to the Therapy and Monitoring Manager. */
export interface Submissions {
  readonly list: (filter: SubmissionFilter) => Promise<readonly SubmissionRow[]>;
  /** Has one tried again that is parked or waits; audited. */
  readonly replay: (id: string, act: Act) => Promise<'done' | 'not-found' | 'cannot-go-on'>;
  /** Has all parked ones that a filter means tried again, at most 10000; answers how many. */
  readonly replayAll: (filter: Omit<SubmissionFilter, 'state' | 'limit' | 'skip'>, act: Act) => Promise<number>;
}

/** What became of a sample that was to be submitted now: the identifiers of its detections, or that it waits, or that it needs a person. */
export type SubmitOutcome = { readonly detectionIds: readonly string[] } | 'waiting' | 'parked';

const MOST_AT_ONCE = 10_000;
/** Patients whose locks one transaction takes: while it waits for one, it keeps the others from normalizing. */
const PATIENTS_AT_ONCE = 100;

type Named = Pick<SubmissionRow, '_id' | 'patient_id'>;

/** The same submissions in parts of a few patients each; one part where there are none. */
const partsOf = (rows: readonly Named[]): Named[][] => {
  const patients = [...Map.groupBy(rows, ({ patient_id }) => patient_id).values()];
  return Array.from({ length: Math.max(1, Math.ceil(patients.length / PATIENTS_AT_ONCE)) }, (_, part) => patients.slice(part * PATIENTS_AT_ONCE, (part + 1) * PATIENTS_AT_ONCE).flat());
};

/** Patients in their order, so that two who lock many do not wait for each other. */
const startAgain = async (db: Parameters<typeof tryAgain>[0], some: readonly Named[]): Promise<number> => {
  for (const patientId of [...new Set(some.map(({ patient_id }) => patient_id))].sort()) await lockPatient(db, patientId);
  const again = await tryAgain(db, some.map(({ _id }) => _id));
  for (const [patientId, rows] of Map.groupBy(again, ({ patient_id }) => patient_id)) {
    await refreshSampleStates(db, patientId, rows.map(({ sample_id }) => sample_id));
    await addSubmission(db, patientId);
  }
  return again.length;
};

/** Submissions on the Device Manager's own tables. */
export const createSubmissions = (pool: Pool): Submissions => ({
  list: (filter) => findSubmissions(pool, filter),
  replay: (id, { actor, requestId }) =>
    inTransaction(pool, async (client) => {
      const row = await submissionById(client, id);
      if (row === undefined) return 'not-found';
      if ((await startAgain(client, [row])) === 0) return 'cannot-go-on';
      await recordAudit(client, { patientId: row.patient_id, actor, requestId, action: 'update', resource: `submission/${id}` });
      return 'done';
    }),
  replayAll: async (filter, { actor, requestId }) => {
    let entries = 0;
    for (const part of partsOf(await findSubmissions(pool, { ...filter, state: 'parked', limit: MOST_AT_ONCE, skip: 0 }))) {
      entries += await inTransaction(pool, async (client) => {
        const again = await startAgain(client, part);
        await recordAudit(client, { actor, requestId, action: 'update', resource: 'submission' });
        return again;
      });
    }
    return entries;
  },
});

const outcomeOf = async (pool: Pool, { patient_id: patientId, _id }: SampleRow): Promise<SubmitOutcome> => {
  const rows = (await submissionsOfSample(pool, patientId, _id)).filter(({ superseded_at }) => superseded_at === null);
  if (rows.some(({ state }) => state === 'waiting')) return 'waiting';
  if (rows.some(({ state }) => state === 'parked')) return 'parked';
  return { detectionIds: rows.flatMap(({ detection_id }) => detection_id ?? []) };
};

const POLL_MS = 50;

/**
 * Has a normalized sample submitted now, and waits for what becomes of it, but not longer than `mostMs`. It is the background job that
 * submits, so that nothing of one patient is sent by two at once.
 */
export const submitNow = async (pool: Pool, keyRing: KeyRing, sample: SampleRow, act: Act, mostMs: number): Promise<SubmitOutcome> => {
  const { patient_id: patientId, _id: sampleId, normalized_type: normalizedType, rule_id: ruleId, rule_version: ruleVersion, left_out: leftOut, recorded_at: observedAt } = sample;
  if (normalizedType === null || ruleId === null || ruleVersion === null) return { detectionIds: [] };
  await inTransaction(pool, async (client) => {
    const keys = await keysForKeeping(client, keyRing, patientId);
    await stage(client, keys, patientId, [{ sampleId, normalizedType, ruleId, ruleVersion, leftOut, observedAt }], true);
    await recordAudit(client, { patientId, ...act, action: 'create', resource: `sample/${sampleId}/detections` });
  });
  const until = performance.now() + mostMs;
  let outcome = await outcomeOf(pool, sample);
  while (outcome === 'waiting' && performance.now() < until) {
    await sleep(POLL_MS);
    outcome = await outcomeOf(pool, sample);
  }
  return outcome;
};
