import type { Queryable } from '../database/pool.ts';
import type { KeyRing, ScopeKeys } from '../keys/scope-keys.ts';
import { lockKeeping } from './storage/tombstone-table.ts';

/**
 * The keys under which something new of a patient is kept, in a transaction of the caller's. Waits for a deletion that is under way, and
 * keeps further ones away until the transaction ends.
 */
export const keysForKeeping = async (db: Queryable, keyRing: KeyRing, patientId: string): Promise<ScopeKeys> => {
  await lockKeeping(db, patientId, 'upload');
  return keyRing.keysOf(db, `patient:${patientId}`);
};
