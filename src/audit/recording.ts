import { randomUUID } from 'node:crypto';
import type { Queryable } from '../database/pool.ts';
import { actorIn, auditEvents, type AuditEntry } from './audit-event.ts';
import type { AuditSchema } from './audit-tables.ts';
import { currentSource } from './request-source.ts';

/** Writes one row in the transaction of the act, or before the answer to a read is sent; the database stamps it with its own clock. */
export type Recorder = (db: Queryable, entry: AuditEntry) => Promise<void>;

/** The recorder of one service's audit. */
export const recorderOf = (schema: AuditSchema): Recorder => {
  const sql = `insert into ${schema}.audit_event (patient_id, event, action, outcome, reason, actor_kind, actor_id, resource, request_id, peer) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`;
  return async (db, entry) => {
    const { event, resource, outcome = 'success', reason, requestId } = entry;
    const { kind, id, patientId } = actorIn(entry);
    const source = currentSource();
    const values = [patientId, event, auditEvents[event], outcome, reason ?? null, kind, id, resource, requestId ?? source?.requestId ?? `internal-${randomUUID()}`, source?.peer ?? 'none'];
    await db.query({ name: `record-audit-${schema}`, text: sql, values });
  };
};
