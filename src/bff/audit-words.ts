/** Part of who did something to a person's data. */
export type Part = 'you' | 'staff' | 'device' | 'program';

/** An event as far as words are made of it. */
export interface Told {
  readonly event: string;
  readonly outcome: string;
  readonly actorKind: string;
  readonly actorId?: string | undefined;
}

const parts: Readonly<Record<string, Part>> = { operator: 'staff', 'command-line': 'staff', user: 'staff', sender: 'device', client: 'device' };
const subjects: Readonly<Record<Part, string>> = { you: 'You', staff: 'Staff', device: 'A service that your device sends through', program: 'The program' };

const acts: Readonly<Record<string, string>> = {
  'chart-read': 'looked at a chart',
  'sample-read': 'looked at a sample',
  'samples-read': 'looked at a list of samples',
  'samples-exported': 'exported samples',
  'fhir-read': 'read measurements in the form of FHIR',
  'fhir-exported': 'exported everything in the form of FHIR',
  'detections-read': 'looked at detections of a therapy plan',
  'samples-uploaded': 'uploaded samples',
  'delivery-kept': 'sent a measurement',
  'samples-deleted': 'deleted samples',
  'sample-normalized': 'had a sample normalized again',
  'renormalization-started': 'had samples normalized again',
  'submission-asked': 'had a sample submitted to a therapy plan',
  'submission-retried': 'had a sample submitted to a therapy plan again',
  'inbox-read': 'looked at a sample that had failed',
  'inbox-retried': 'had a sample tried again that had failed',
  'inbox-discarded': 'discarded a delivery',
  'job-retried': 'had work on the data tried again',
  'job-discarded': 'discarded work on the data',
  'device-assigned': 'assigned a device',
  'device-unassigned': 'took a device back',
  'patient-exported': 'exported everything',
  'patient-erased': 'erased everything',
  'audit-read': 'looked at this list',
  'upload-refused': 'sent samples that were refused',
  'access-refused': 'asked for something and was refused',
  'request-failed': 'asked for something, and it failed',
};

/** The part of who did it; `actorId` is absent where that is the person. */
export const partOf = ({ actorKind, actorId }: Told): Part => ((actorKind === 'patient' || actorKind === 'user') && actorId === undefined ? 'you' : (parts[actorKind] ?? 'program'));

/** A sentence for the person whose data it is. */
export const sentenceOf = (told: Told): string => `${subjects[partOf(told)]} ${acts[told.event] ?? 'did something with the data'}.`;
