import { randomUUID } from 'node:crypto';
import type { Queryable } from '../database/pool.ts';
import { actorIn, auditEvents, type AuditEntry } from './audit-event.ts';
import type { AuditSchema } from './audit-tables.ts';
import { currentSource } from './request-source.ts';

/**
 * Writes one row in the transaction of the act, or before the answer to a read is sent; the database stamps it with its own clock. Of
 * what was done to the data of several patients at once, one row with each of them, in one statement.
 */
export type Recorder = (db: Queryable, entry: AuditEntry, patientIds?: readonly string[]) => Promise<void>;

/** The recorder of one service's audit. */
export const recorderOf = (schema: AuditSchema): Recorder => {
  const sql = `insert into ${schema}.audit_event (patient_id, actor_kind, actor_id, event, action, outcome, reason, resource, request_id, peer)
    select p.patient_id, p.actor_kind, p.actor_id, $4, $5, $6, $7, $8, $9, $10 from unnest($1::text[], $2::text[], $3::text[]) as p (patient_id, actor_kind, actor_id)`;
  return async (db, entry, patientIds) => {
    const { event, resource, outcome = 'success', reason, requestId } = entry;
    const people = (patientIds ?? [entry.patientId]).map((patientId) => actorIn({ actor: entry.actor, patientId }));
    const source = currentSource();
    const columns = [people.map(({ patientId }) => patientId), people.map(({ kind }) => kind), people.map(({ id }) => id)];
    const values = [...columns, event, auditEvents[event], outcome, reason ?? null, resource, requestId ?? source?.requestId ?? `internal-${randomUUID()}`, source?.peer ?? 'none'];
    await db.query({ name: `record-audit-${schema}`, text: sql, values });
  };
};
