import type { Queryable } from '../database/pool.ts';
import { addJob } from '../jobs/runner.ts';
import { takeUntried } from '../jobs/taking.ts';
import { payloadsWithReceived } from './storage/payload-table.ts';

/** How many samples of other payloads are normalized with those of one: few enough that requests have their turn between. */
const samplesBeside = 5000;
/** And how many bytes of theirs, as received, are open together. */
const bytesBeside = 16 * 1024 * 1024;

const keyOf = (patientId: string, payloadId: string): string => `normalize:${patientId}:${payloadId}`;

/** Jobs of one patient run one after the other, so that a chunk has one writer. */
export const addNormalization = (db: Queryable, patientId: string, payloadId: string): Promise<void> =>
  addJob(db, { task: 'normalize', payload: { patientId, payloadId }, queue: `patient:${patientId}`, key: keyOf(patientId, payloadId) });

/**
 * Other payloads of a patient that wait for their first normalization, the oldest first, for the caller to do; their jobs go with the
 * caller's transaction. One that failed before is left to its own job, so that it holds up nobody. The caller holds the patient's lock.
 */
export const takeWaiting = async (db: Queryable, patientId: string, payloadId: string): Promise<string[]> => {
  const waiting = new Map((await payloadsWithReceived(db, patientId, payloadId, samplesBeside, bytesBeside)).map((other) => [keyOf(patientId, other), other]));
  if (waiting.size === 0) return [];
  const taken = new Set(await takeUntried(db, [...waiting.keys()]));
  return [...waiting].flatMap(([key, other]) => (taken.has(key) ? [other] : []));
};
