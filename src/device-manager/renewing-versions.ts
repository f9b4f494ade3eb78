import type { Queryable } from '../database/pool.ts';
import type { Instant } from '../measurement/instant.ts';
import { latestCounts } from './domain/version.ts';
import { addVersionCheck } from './keeping.ts';
import type { Reading } from './providers/reading.ts';
import { patientsWith, raiseIssued } from './storage/version-table.ts';
import { lockKeeping } from './storage/tombstone-table.ts';

/** A reading with the sample that it is, or would be. */
interface Known {
  readonly reading: Reading;
  readonly sampleId: string;
}

const dateOf = (instant: Instant | undefined): Date | undefined => instant && new Date(instant.epochMs);
const issuedIn = ({ issuedAt, otherIssuedAt }: Reading): number => Math.max(issuedAt?.epochMs ?? -Infinity, otherIssuedAt?.epochMs ?? -Infinity);

/** Whether it matters that a version comes again: when it was issued says whether it counts. */
export const mayCountAgain = ({ reading }: Known): boolean => latestCounts(reading.status) && issuedIn(reading) > -Infinity;

/** Whether a version was issued after the other, which says the same. */
export const isLater = (one: Reading, other: Reading): boolean => issuedIn(one) > issuedIn(other);

/**
 * Of kept versions that come again and were issued later than we know, takes down when: what was corrected in between is so no more, and
 * they are compared with the others again. Answers them with their patients. In any order of arrival the latest issue counts.
 */
export const renewKept = async (db: Queryable, known: readonly Known[]): Promise<{ _id: string; patient_id: string }[]> => {
  const again = known.filter(mayCountAgain).map(({ sampleId, reading }) => ({ _id: sampleId, issuedAt: dateOf(reading.issuedAt), otherIssuedAt: dateOf(reading.otherIssuedAt) }));
  if (again.length === 0) return [];
  // An erasure that is under way goes first, so that no job is added after it.
  for (const patientId of await patientsWith(db, again.map(({ _id }) => _id))) await lockKeeping(db, patientId, 'upload');
  const raised = await raiseIssued(db, again);
  for (const { patient_id: patientId, payload_id: payloadId } of raised) await addVersionCheck(db, patientId, payloadId);
  return raised;
};
