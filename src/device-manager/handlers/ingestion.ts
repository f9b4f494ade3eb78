import type { Call, Handlers } from '../../http/operation.ts';
import type { ItemCheck } from '../../http/item-schema.ts';
import { problem } from '../../http/problem.ts';
import type { EnrolledDevice } from '../../healthkit/enrolment.ts';
import { deletedIn, healthKitFormatOf, STANDARD, type HealthKitFormat } from '../../healthkit/shapes/formats.ts';
import { uploadedItems } from '../../http/uploaded-items.ts';
import { isItemError, vetItem, type VettedSample } from '../../healthkit/vetting.ts';
import { actorOf, type Caller, type Operations } from '../caller.ts';
import type { Deletion, DeletionStatus } from '../deleting.ts';
import type { KeptItem, Upload } from '../keeping.ts';
import { membersOf } from '../domain/rule.ts';
import { fhirNamespace } from '../providers/fhir/xml-to-json.ts';
import { documentOfJson, documentOfXml } from '../providers/medisante/document.ts';
import { contradicts, formatOf } from '../providers/medisante/format.ts';
import type { Received } from '../keeping-deliveries.ts';
import { deleteNamed } from './deletion-receipt.ts';
import { namedPatient } from './named-patient.ts';

export interface IngestionDependencies {
  /** The header in which a service names the patient. */
  readonly userIdHeader: string;
  readonly checkShape: ItemCheck;
  /** The HealthKit devices a patient holds, the last enrolled one last. */
  readonly enrolled: (patientId: string) => Promise<readonly EnrolledDevice[]>;
  readonly keepUpload: (upload: Upload) => Promise<{ uploadId?: string; items: KeptItem[] }>;
  /** Tells of a type whether a rule reads it. */
  readonly supported: () => Promise<(dataType: string) => boolean>;
  readonly deleteSamples: (deletion: Deletion) => Promise<DeletionStatus[]>;
  readonly keepReceived: (received: Received) => Promise<string>;
}

type HealthKitCall = Call<Operations['receiveHealthKit'], Caller> | Call<Operations['receiveHealthKitInFormat'], Caller>;
type MedisanteCall = Call<Operations['receiveMedisante'], Caller> | Call<Operations['receiveMedisanteInFormat'], Caller>;

const mostErrors = 100;

/** All samples vetted, or a refusal that names each unfit one: this caller vets before it sends. */
const vetAll = async ({ checkShape, enrolled }: IngestionDependencies, call: HealthKitCall, format: HealthKitFormat, patientId: string): Promise<VettedSample[]> => {
  const items = uploadedItems(format, call.body, call.items);
  const devices = await enrolled(patientId);
  const now = Date.now();
  // In an envelope, null stands where the caller took out what it refused.
  const sent = Array.isArray(call.body) ? items : items.filter(({ item }) => item !== null);
  const verdicts = sent.map((item) => vetItem({ ...item, batch: call.query, enrolled: devices, patientId, now, checkShape }));
  const errors = verdicts.filter(isItemError);
  if (errors.length > 0) {
    throw problem(errors.every(({ code }) => code === 'device-not-enrolled') ? 'device-not-enrolled' : 'invalid-request', {
      errors: errors.slice(0, mostErrors).map(({ pointer, code, message }) => ({ pointer, code, message })),
    });
  }
  return verdicts.filter((verdict): verdict is VettedSample => !isItemError(verdict));
};

type WireItem = Omit<KeptItem, 'status'> & { readonly status: KeptItem['status'] | 'unsupported' };

/** What was kept for the first time although neither HealthKit's catalogue nor a rule knows its type. */
const toldApart = async (samples: readonly VettedSample[], items: readonly KeptItem[], rulesNow: IngestionDependencies['supported']): Promise<readonly WireItem[]> => {
  if (samples.every(({ known }) => known)) return items;
  const supported = await rulesNow();
  return items.map((item, position) => {
    const sample = samples[position];
    const isKnown = sample === undefined || sample.known || (sample.type !== undefined && supported(sample.type));
    return item.status === 'created' && !isKnown ? { ...item, status: 'unsupported' } : item;
  });
};

const receiveHealthKit = async (dependencies: IngestionDependencies, call: HealthKitCall) => {
  const patientId = namedPatient(call.caller, dependencies.userIdHeader);
  const { type, unit, timeZone } = call.query;
  const format = 'path' in call && 'format' in call.path ? healthKitFormatOf(call.path.format) : STANDARD;
  const samples = await vetAll(dependencies, call, format, patientId);
  const by = { patientId, actor: actorOf(call.caller), requestId: call.requestId };
  const kept = samples.length === 0 ? undefined : await dependencies.keepUpload({
    ...by, provider: 'healthkit', format, bytes: call.bytes, samples,
    context: { ...(type !== undefined && { type }), ...(unit !== undefined && { unit }), ...(timeZone !== undefined && { timeZone }) },
  });
  const names = deletedIn(format, call.body);
  const deletions = names.length === 0 ? undefined : await deleteNamed(names, '/deletedSamples', (uuids) => dependencies.deleteSamples({ ...by, uuids }));
  const whole = /(^|,|;)\s*return\s*=\s*representation/i.test(call.headers.prefer ?? '');
  const items = kept === undefined ? [] : await toldApart(samples, kept.items, dependencies.supported);
  return { status: 200, body: whole ? { ...(kept?.uploadId !== undefined && { uploadId: kept.uploadId }), items, ...(deletions && { deletions }) } : items.map(({ _id }) => ({ _id })) } as const;
};

/** The delivery as JSON, and the format to keep its bytes in. Throws 415 when path and Content-Type contradict each other. */
const readMedisante = ({ path, body, bytes, mediaType = 'application/json', xml }: MedisanteCall): Pick<Received, 'format' | 'value'> => {
  const declared = 'format' in path ? path.format.toLowerCase() : undefined;
  if (declared !== undefined && contradicts(declared, mediaType)) {
    throw problem('unsupported-media-type', { detail: 'Send the format that the path names under a Content-Type of that format, or leave the format out of the path.' });
  }
  const value = xml ? documentOfXml(xml) : body;
  const looksLikeFhir = xml ? xml.namespace === fhirNamespace : typeof membersOf(value)['resourceType'] === 'string';
  const format = formatOf({ format: declared, mediaType, looksLikeFhir });
  return { value: xml ? value : documentOfJson(format, value, bytes), format };
};

const receiveMedisante = async ({ keepReceived }: IngestionDependencies, call: MedisanteCall) => {
  const { caller, bytes, requestId } = call;
  if (caller.kind !== 'sender') throw problem('forbidden');
  return { status: 200, body: { _id: await keepReceived({ sender: caller.sender, deviceIds: caller.deviceIds, ...readMedisante(call), bytes, requestId }) } } as const;
};

/** What comes in: HealthKit samples from the BFF, deliveries from webhook senders. */
export const ingestion = (dependencies: IngestionDependencies): Pick<Handlers<Operations, Caller>, 'receiveHealthKit' | 'receiveHealthKitInFormat' | 'receiveMedisante' | 'receiveMedisanteInFormat'> => ({
  receiveHealthKit: (call) => receiveHealthKit(dependencies, call),
  receiveHealthKitInFormat: (call) => receiveHealthKit(dependencies, call),
  receiveMedisante: (call) => receiveMedisante(dependencies, call),
  receiveMedisanteInFormat: (call) => receiveMedisante(dependencies, call),
});
