import type { AuditEntry } from '../audit/audit-event.ts';
import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { isErased, keysForKeeping } from './admitting.ts';
import { recordEntry } from './storage/audit-table.ts';
import { insertSampleRefusal, type SampleRefusal } from './storage/sample-refusal-table.ts';

/**
 * Writes into the audit what was refused, and keeps for the person how many of their samples were refused and why: both or neither. Of
 * somebody who was erased nothing new is kept; that it was refused is in the audit all the same.
 */
export const recordRefusal = async (pool: Pool, keyRing: KeyRing, entry: AuditEntry, samples: SampleRefusal | undefined): Promise<void> => {
  const { patientId } = entry;
  if (samples === undefined || patientId === undefined) return recordEntry(pool, entry);
  try {
    await inTransaction(pool, async (client) => {
      await keysForKeeping(client, keyRing, patientId);
      await insertSampleRefusal(client, patientId, samples);
      await recordEntry(client, entry);
    });
  } catch (error) {
    if (!isErased(error)) throw error;
    await recordEntry(pool, entry);
  }
};
