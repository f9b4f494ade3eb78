import { at, membersOf } from '../rule.ts';
import { patientReference, type FhirDocumentReference, type FhirResource } from './resources.ts';

/** A clinical record of HealthKit as it was received, and what is known about it. */
export interface ClinicalRecord {
  readonly _id: string;
  readonly patientId: string;
  readonly recordedAt: string;
  readonly updatedAt: string;
  readonly rawData: unknown;
}

const text = (value: unknown): string | undefined => (typeof value === 'string' && value.trim() !== '' ? value : undefined);

/** The version of FHIR that the phone says; nothing is concluded from the resource itself. */
const versionOf = (rawData: unknown): string | undefined => text(at(rawData, '/fhirVersion')) ?? (at(rawData, '/fhirRelease') === 'R4' ? '4.0' : text(at(rawData, '/fhirRelease')));

/** Between systems an identifier of the sender's is no identifier here, so the resource gets that of the sample, and says where it is from. */
const asItIs = (resource: Readonly<Record<string, unknown>>, resourceType: string, { _id }: ClinicalRecord): FhirResource => {
  const meta = membersOf(resource['meta']);
  const tags: readonly unknown[] = Array.isArray(meta['tag']) ? meta['tag'] : [];
  return { ...resource, resourceType, id: _id, meta: { ...meta, tag: [...tags, { system: 'urn:vitalgate:origin', code: 'healthkit-clinical-record' }] } };
};

const inDocument = (resource: unknown, version: string | undefined, { _id, patientId, recordedAt, updatedAt, rawData }: ClinicalRecord): FhirDocumentReference => {
  const title = text(at(rawData, '/displayName'))?.slice(0, 500);
  return {
    resourceType: 'DocumentReference', id: _id, meta: { versionId: String(Date.parse(updatedAt)), lastUpdated: updatedAt },
    identifier: [{ system: 'urn:vitalgate:clinical-record', value: _id }], status: 'current', subject: patientReference(patientId), date: recordedAt,
    content: [{ attachment: {
      contentType: `application/fhir+json${version === undefined ? '' : `; fhirVersion=${version.split('.').slice(0, 2).join('.')}`}`,
      data: Buffer.from(JSON.stringify(resource), 'utf8').toString('base64'), ...(title !== undefined && { title }),
    } }],
  };
};

/**
 * A clinical record as a resource of FHIR R4: one of R4 is itself, but for its `id` and a tag; one of another version, or of none that
 * the phone told, is the attachment of a DocumentReference, marked and never converted.
 */
export const clinicalResource = (record: ClinicalRecord): FhirResource | FhirDocumentReference => {
  const resource = membersOf(at(record.rawData, '/fhirData'));
  const { resourceType } = resource;
  const version = versionOf(record.rawData);
  const isResource = typeof resourceType === 'string' && /^[A-Z][A-Za-z]{1,63}$/.test(resourceType);
  return isResource && version?.startsWith('4.0') === true ? asItIs(resource, resourceType, record) : inDocument(resource, version, record);
};
