import { randomBytes } from 'node:crypto';
import type { Queryable } from '../database/pool.ts';
import type { AuditSchema } from './audit-tables.ts';

/** What stands for an erased patient in the audit: random, so that nothing leads back to the patient. Use the same in all services, and it shows that rows belong together. */
export const newPseudonym = (): string => `erased:${randomBytes(16).toString('hex')}`;

/**
 * Puts a pseudonym in place of the patient in every row of one service's audit, in the transaction of the erasure, and answers how many rows
 * that were. The chain holds: digests never covered the patient's id, only a commitment whose salt goes here. Rows written later
 * under the patient's id are not touched: erase first, then call this last.
 */
export const pseudonymizeAudit = async (db: Queryable, schema: AuditSchema, patientId: string, pseudonym: string): Promise<number> => {
  const { rows } = await db.query<{ rows: string }>(`select ${schema}.audit_pseudonymize($1, $2) as rows`, [patientId, pseudonym]);
  return Number(rows[0]?.rows ?? 0);
};
