/**
 * Stable names of what is audited, each with what it does to data: create, read, update, delete or execute, as the action of a FHIR
 * AuditEvent (IHE BALP) has them. A name that was released keeps its meaning.
 */
export const auditEvents = {
  'signed-in': 'E',
  'sign-in-refused': 'E',
  'sign-in-locked': 'E',
  'session-renewed': 'E',
  'session-renewal-refused': 'E',
  'session-ended': 'E',
  'password-reset-asked': 'E',
  'password-reset-used': 'U',
  'password-reset-refused': 'E',
  'password-changed': 'U',
  'user-created': 'C',
  'user-activated': 'U',
  'user-changed': 'U',
  'user-deleted': 'D',
  'device-registered': 'C',
  'device-assigned': 'U',
  'device-unassigned': 'U',
  'samples-uploaded': 'C',
  'delivery-kept': 'C',
  'upload-refused': 'C',
  'samples-deleted': 'D',
  'sample-normalized': 'U',
  'sample-read': 'R',
  'samples-read': 'R',
  'samples-exported': 'R',
  'chart-read': 'R',
  'detections-read': 'R',
  'fhir-read': 'R',
  'fhir-exported': 'R',
  'renormalization-started': 'E',
  'submission-asked': 'E',
  'submission-retried': 'E',
  'inbox-read': 'R',
  'inbox-retried': 'E',
  'inbox-discarded': 'D',
  'job-retried': 'E',
  'job-discarded': 'D',
  'api-key-created': 'C',
  'api-key-revoked': 'D',
  'rule-created': 'C',
  'rule-changed': 'U',
  'key-created': 'C',
  'key-used': 'E',
  'key-rotated': 'U',
  'key-destroyed': 'D',
  'patient-exported': 'R',
  'patient-erased': 'D',
  'audit-read': 'R',
  'access-refused': 'E',
  'credential-refused': 'E',
  'request-failed': 'E',
  'program-started': 'E',
  'database-restored': 'E',
  'record-created': 'C',
  'record-read': 'R',
  'record-changed': 'U',
  'record-deleted': 'D',
} as const satisfies Record<string, 'C' | 'R' | 'U' | 'D' | 'E'>;

export type AuditEventName = keyof typeof auditEvents;

export const actorKinds = ['patient', 'user', 'operator', 'service', 'sender', 'client', 'anonymous', 'program', 'command-line'] as const;
export type ActorKind = (typeof actorKinds)[number];

export const auditOutcomes = ['success', 'refused', 'failed'] as const;
export type AuditOutcome = (typeof auditOutcomes)[number];

/** One thing that happened. It names ids, kinds and codes: never a value, a name or an address of a person. */
export interface AuditEntry {
  readonly event: AuditEventName;
  /** `operator:<id>`, `patient:<id>`, `user:<id>`, `sender:<name>`, `client:<id>`, or `service`, `anonymous`, `program`, `vitalgate` (the command line). */
  readonly actor: string;
  /** Whose data it is about; left out where it is about nobody's. */
  readonly patientId?: string | undefined;
  /** What it was done to: a kind, and an id of ours after a slash. */
  readonly resource: string;
  readonly outcome?: AuditOutcome | undefined;
  /** Why it was refused or failed: a stable code. */
  readonly reason?: string | undefined;
  /** Of the request under way when left out. */
  readonly requestId?: string | undefined;
}

/** Who acted, as it is kept. A person who acts on the own data is the patient of the row, so their id stands there alone. */
export const actorIn = ({ actor, patientId = '' }: Pick<AuditEntry, 'actor' | 'patientId'>): { readonly kind: ActorKind; readonly id: string | null; readonly patientId: string } => {
  const [name = '', ...rest] = actor.split(':');
  const kind = name === 'vitalgate' ? 'command-line' : (actorKinds.find((one) => one === name) ?? 'service');
  const id = rest.length === 0 ? null : rest.join(':');
  const isPerson = kind === 'patient' || kind === 'user';
  const about = isPerson && patientId === '' ? (id ?? '') : patientId;
  return { kind, id: isPerson && id === about ? null : id, patientId: about };
};
