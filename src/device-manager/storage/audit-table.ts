import { recorderOf } from '../../audit/recording.ts';
import type { AuditEntry, AuditEventName } from '../../audit/audit-event.ts';
import type { Queryable } from '../../database/pool.ts';

type Action = 'create' | 'read' | 'update' | 'delete' | 'assign' | 'unassign';

/** Who did what to whose data, in which request; the act and the kind of resource name the event. */
export interface AuditEvent {
  /** Absent where the act is not about one patient. */
  readonly patientId?: string | undefined;
  readonly actor: string;
  readonly action: Action;
  readonly resource: string;
  readonly requestId?: string | undefined;
}

/** How a resource begins, and what an act on it is called; the first that fits counts. */
const names: Readonly<Record<Action, readonly (readonly [string, AuditEventName])[]>> = {
  create: [['device/', 'device-registered'], ['payload', 'samples-uploaded'], ['sample/', 'delivery-kept'], ['api-key/', 'api-key-created'], ['health-data-type/', 'rule-created'], ['', 'record-created']],
  read: [
    ['health-data/export', 'samples-exported'], ['health-data', 'samples-read'], ['sample/', 'sample-read'], ['chart/', 'chart-read'], ['detections', 'detections-read'],
    ['fhir/Patient/', 'fhir-exported'], ['fhir/', 'fhir-read'], ['inbox', 'inbox-read'], ['renormalization/', 'renormalization-started'], ['audit', 'audit-read'], ['', 'record-read'],
  ],
  update: [
    ['sample/', 'sample-normalized'], ['submission', 'submission-retried'], ['inbox', 'inbox-retried'], ['renormalization/', 'renormalization-started'], ['health-data-type/', 'rule-changed'],
    ['data-key-rotation/', 'key-rotated'], ['', 'record-changed'],
  ],
  delete: [['sample', 'samples-deleted'], ['inbox/', 'inbox-discarded'], ['api-key/', 'api-key-revoked'], ['', 'record-deleted']],
  assign: [['', 'device-assigned']],
  unassign: [['', 'device-unassigned']],
};

const nameOf = ({ action, resource }: AuditEvent): AuditEventName => {
  if (action === 'create' && resource.endsWith('/detections')) return 'submission-asked';
  return names[action].find(([beginning]) => resource.startsWith(beginning))?.[1] ?? 'record-changed';
};

const record = recorderOf('device_manager');

/** Writes one row in the transaction of the act, or before the answer to a read is sent. */
export const recordAudit = async (db: Queryable, event: AuditEvent): Promise<void> => {
  const { patientId, actor, resource, requestId } = event;
  await record(db, { event: nameOf(event), actor, patientId, resource, requestId });
};

/** Whose data was read by whom; the patients are those who were seen. */
export type ReadingEvent = Omit<AuditEvent, 'patientId' | 'action'>;

/** Writes one row with each patient whose data a read is about, before the answer is sent; one about nobody where it is about none. */
export const recordReading = async (db: Queryable, reading: ReadingEvent, patientIds: ReadonlySet<string>): Promise<void> => {
  const { actor, resource, requestId } = reading;
  await record(db, { event: nameOf({ ...reading, action: 'read' }), actor, resource, requestId }, patientIds.size === 0 ? undefined : [...patientIds]);
};

/** Writes a row whose event is named: what was refused or failed, and what is no act on a resource. */
export const recordEntry = (db: Queryable, entry: AuditEntry): Promise<void> => record(db, entry);
