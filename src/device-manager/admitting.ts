import type { Queryable } from '../database/pool.ts';
import { problem, ProblemError } from '../http/problem.ts';
import { ScopeErasedError, type KeyRing, type Scope, type ScopeKeys } from '../keys/scope-keys.ts';
import { lockKeeping } from './storage/tombstone-table.ts';

/** Tells that nothing is kept of the patient any more; nothing was written by then. */
export const isErased = (error: unknown): boolean => error instanceof ProblemError && error.code === 'patient-erased';

/** The keys of a patient, to keep something under. Throws patient-erased for one of whom nothing is kept any more. */
export const keysOfPatient = async (db: Queryable, keyRing: KeyRing, patientId: string): Promise<ScopeKeys> => {
  const scope: Scope = `patient:${patientId}`;
  try {
    return await keyRing.keysOf(db, scope);
  } catch (error) {
    throw error instanceof ScopeErasedError ? problem('patient-erased') : error;
  }
};

/**
 * The keys under which something new of a patient is kept, in a transaction of the caller's. Waits for a deletion or an erasure that is
 * under way, and keeps further ones away until the transaction ends. Throws patient-erased.
 */
export const keysForKeeping = async (db: Queryable, keyRing: KeyRing, patientId: string): Promise<ScopeKeys> => {
  await lockKeeping(db, patientId, 'upload');
  return keysOfPatient(db, keyRing, patientId);
};

/** Whether a patient was erased: one without keys who was not has lost them. */
export const wasErased = async (db: Queryable, keyRing: KeyRing, patientId: string): Promise<boolean> =>
  (await keyRing.unburied(db, [await keyRing.pseudonymOf(db, `patient:${patientId}`)])).length === 0;

/** Throws patient-erased for one of whom nothing is kept any more; who has keys is not looked up. */
export const demandAdmitted = async (db: Queryable, keyRing: KeyRing, patientId: string): Promise<void> => {
  if ((await keyRing.knownKeysOf(db, `patient:${patientId}`)) !== undefined) return;
  if (await wasErased(db, keyRing, patientId)) throw problem('patient-erased');
};
