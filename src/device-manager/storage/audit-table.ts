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

const digestOf = (members: readonly string[]): Buffer => createHash('sha256').update(JSON.stringify(members)).digest();

/** Writes the event in the transaction of the act, with a digest of its own. */
export const recordAudit = async (db: Queryable, { patientId = '', actor, action, resource, requestId }: AuditEvent): Promise<void> => {
  const _id = randomUUID();
  const at = new Date();
  const outcome = 'success';
  const digest = digestOf([patientId, _id, at.toISOString(), actor, action, resource, requestId, outcome]);
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

/**
 * Puts a pseudonym in place of a patient in the audit, wherever the patient is whom it is about or who acted; digests are made anew.
 * Answers how many rows.
 */
export const pseudonymizeAudit = async (db: Queryable, patientId: string, pseudonym: string): Promise<number> => {
  const { rows } = await db.query<AuditRow & { patient_id: string }>(
    `update device_manager.audit_event set patient_id = case when patient_id = $1 then $2 else patient_id end, actor = case when actor = 'patient:' || $1 then $2 else actor end
     where patient_id = $1 or actor = 'patient:' || $1 returning patient_id, _id, at, actor, action, resource, request_id, outcome`,
    [patientId, pseudonym],
  );
  for (const row of rows) {
    await db.query('update device_manager.audit_event set digest = $3 where patient_id = $1 and _id = $2', [row.patient_id, row._id, digestOf([row.patient_id, row._id, row.at.toISOString(), row.actor, row.action, row.resource, row.request_id, row.outcome])]);
  }
  return rows.length;
};

/** Removes rows of whole days, UTC, that ended before an instant, at most `limit`; answers how many. */
export const expireAudit = async (db: Queryable, before: Date, limit: number): Promise<number> =>
  (
    await db.query(
      `delete from device_manager.audit_event a using (select patient_id, _id from device_manager.audit_event where at < date_trunc('day', $1::timestamptz, 'UTC') limit $2) old
       where a.patient_id = old.patient_id and a._id = old._id`,
      [before, limit],
    )
  ).rowCount ?? 0;
