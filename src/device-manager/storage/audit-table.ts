import { createHash, randomUUID } from 'node:crypto';
import type { Queryable } from '../../database/pool.ts';

/** Who did what to whose data, in which request. */
export interface AuditEvent {
  /** Absent where the act is not about one patient. */
  readonly patientId?: string | undefined;
  readonly actor: string;
  readonly action: 'create' | 'read' | 'update' | 'delete' | 'assign' | 'unassign';
  readonly resource: string;
  readonly requestId: string;
}

/** Writes the event in the transaction of the act, with a digest of its own. */
export const recordAudit = async (db: Queryable, { patientId = '', actor, action, resource, requestId }: AuditEvent): Promise<void> => {
  const _id = randomUUID();
  const at = new Date();
  const outcome = 'success';
  const digest = createHash('sha256').update(JSON.stringify([patientId, _id, at.toISOString(), actor, action, resource, requestId, outcome])).digest();
  await db.query(
    `insert into device_manager.audit_event (patient_id, _id, at, actor, action, resource, request_id, outcome, digest)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [patientId, _id, at, actor, action, resource, requestId, outcome, digest],
  );
};

/** A row of the audit; its identifier is a UUID. */
export interface AuditRow {
  readonly _id: string;
  readonly at: Date;
  readonly actor: string;
  readonly action: AuditEvent['action'];
  readonly resource: string;
  readonly request_id: string;
  readonly outcome: string;
}

/** The audit of a patient in order of its identifiers, from after one of them. */
export const auditAfter = async (db: Queryable, patientId: string, after: string | undefined, limit: number): Promise<AuditRow[]> =>
  (
    await db.query<AuditRow>(
      `select _id, at, actor, action, resource, request_id, outcome from device_manager.audit_event
       where patient_id = $1 and ($2::uuid is null or _id > $2) order by _id limit $3`,
      [patientId, after ?? null, limit],
    )
  ).rows;
