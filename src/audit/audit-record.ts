import type { AuditRow } from './finding.ts';

/** A row of the audit as services and exports tell it: what is empty is left out. */
export interface AuditRecord extends Pick<AuditRow, '_id' | 'at' | 'event' | 'action' | 'outcome' | 'resource' | 'peer'> {
  readonly actorKind: AuditRow['actor_kind'];
  readonly requestId: string;
  readonly reason?: string;
  readonly patientId?: string;
  readonly actorId?: string;
}

/** The record of a row. */
export const auditRecordOf = ({ _id, at, event, action, outcome, reason, patient_id, actor_kind, actor_id, resource, request_id, peer }: AuditRow): AuditRecord => ({
  _id, at, event, action, outcome, actorKind: actor_kind, resource, requestId: request_id, peer,
  ...(reason !== null && { reason }), ...(patient_id !== '' && { patientId: patient_id }), ...(actor_id !== null && { actorId: actor_id }),
});
