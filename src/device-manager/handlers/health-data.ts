import type { HealthData } from '../../../generated/device-manager.d.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { resolveType } from '../../healthkit/type-catalogue.ts';
import { parseInstant } from '../../measurement/instant.ts';
import { actorOf, boundPatient, type Caller, type Operations } from '../caller.ts';
import { normalizedTypeNamed } from '../charts.ts';
import { providerOf } from '../provider.ts';
import { documentOf } from '../providers/medisante/document.ts';
import type { HealthRecord } from '../records.ts';
import type { AuditEvent } from '../storage/audit-table.ts';
import type { QuarantinedDelivery } from '../storage/quarantine-table.ts';
import type { SampleFilter, SampleRow } from '../storage/sample-table.ts';

export interface HealthDataDependencies {
  /** Normalized types that a rule makes or made. */
  readonly knownTypes: () => Promise<readonly string[]>;
  readonly find: (filter: SampleFilter) => Promise<SampleRow[]>;
  readonly byId: (_id: string) => Promise<SampleRow | undefined>;
  readonly quarantined: (_id: string) => Promise<QuarantinedDelivery | undefined>;
  readonly open: (samples: readonly SampleRow[], withRawData: boolean) => Promise<HealthRecord[]>;
  readonly normalizeAgain: (sample: SampleRow) => Promise<void>;
  readonly audit: (event: AuditEvent) => Promise<void>;
}

type ListQuery = NonNullable<Operations['findHealthData']['parameters']['query']>;

const toWire = ({ sample, normalizedData, rawData }: HealthRecord): HealthData => ({
  _id: sample._id,
  deviceId: sample.device_id,
  patientId: sample.patient_id,
  providerId: sample.provider,
  rawDataFormat: sample.format,
  receivedAt: sample.received_at.toISOString(),
  recordedAt: sample.recorded_at.toISOString(),
  state: sample.state,
  createdAt: sample.received_at.toISOString(),
  updatedAt: sample.updated_at.toISOString(),
  creatorId: sample.provider === 'healthkit' ? sample.patient_id : sample.provider,
  updaterId: 'vitalgate',
  __STATE__: 'PUBLIC',
  ...(sample.type !== null && { rawDataType: sample.type }),
  ...(rawData !== undefined && { rawData }),
  ...(normalizedData && { normalizedData }),
  ...(sample.normalized_type !== null && { normalizedDataType: sample.normalized_type }),
  ...(sample.reason !== null && { reason: sample.reason }),
  ...(sample.rule_id !== null && { ruleId: sample.rule_id }),
  ...(sample.rule_version !== null && { ruleVersion: sample.rule_version }),
});

const quarantinedToWire = (delivery: QuarantinedDelivery): HealthData => ({
  _id: delivery.sampleId,
  deviceId: delivery.identifiers[0] ?? '',
  providerId: 'medisante',
  rawDataFormat: delivery.format,
  rawData: documentOf(delivery.format, delivery.bytes),
  receivedAt: delivery.receivedAt.toISOString(),
  state: 'quarantined',
  reason: delivery.reason,
  createdAt: delivery.receivedAt.toISOString(),
  updatedAt: delivery.receivedAt.toISOString(),
  creatorId: 'medisante',
  updaterId: 'vitalgate',
  __STATE__: 'PUBLIC',
  ...(delivery.measurementType !== undefined && { rawDataType: delivery.measurementType }),
  ...(delivery.measuredAt && { recordedAt: delivery.measuredAt.toISOString() }),
});

const epochMsOf = (text: string | undefined, name: string): number | undefined => {
  if (text === undefined) return undefined;
  const instant = parseInstant(text);
  if (typeof instant === 'object') return instant.epochMs;
  throw problem('invalid-request', { errors: [{ pointer: `/query/${name}`, code: 'invalid-date', message: 'Send an instant that exists, with an offset.' }] });
};

const filterOf = (query: ListQuery, patientId: string | undefined, knownTypes: readonly string[]): SampleFilter => ({
  patientId,
  deviceId: query.deviceId,
  provider: query.providerId === undefined ? undefined : providerOf(query.providerId),
  type: query.rawDataType === undefined ? undefined : (resolveType(query.rawDataType)?.identifier ?? query.rawDataType),
  normalizedType: query.normalizedDataType === undefined ? undefined : normalizedTypeNamed(knownTypes, query.normalizedDataType),
  state: query.state,
  from: epochMsOf(query.from, 'from'),
  to: epochMsOf(query.to, 'to'),
  limit: query._l ?? 25,
  skip: query._sk ?? 0,
});

const always = new Set(['_id', 'deviceId', 'providerId', 'rawDataFormat', 'receivedAt', 'state', 'createdAt', 'updatedAt', 'creatorId', 'updaterId', '__STATE__']);

/** The members asked for, and those that are always there. */
const projected = (record: HealthData, names: readonly string[] | undefined): HealthData =>
  names === undefined ? record : (Object.fromEntries(Object.entries(record).filter(([name]) => always.has(name) || names.includes(name))) as unknown as HealthData);

const visible = (sample: SampleRow | undefined, caller: Caller): SampleRow => {
  const bound = boundPatient(caller);
  if (!sample || (bound !== undefined && bound !== sample.patient_id)) throw problem('not-found');
  return sample;
};

/** Samples as kept and as normalized. */
export const healthData = ({ knownTypes, find, byId, quarantined, open, normalizeAgain, audit }: HealthDataDependencies): Pick<Handlers<Operations, Caller>, 'findHealthData' | 'getHealthData' | 'normalizeHealthData'> => ({
  findHealthData: async ({ caller, query, requestId }) => {
    const bound = boundPatient(caller);
    if (bound !== undefined && query.patientId !== undefined && query.patientId !== bound) throw problem('not-your-data', { errors: [{ pointer: '/query/patientId', code: 'not-your-data', message: 'Ask for the patient you speak for.' }] });
    const patientId = bound ?? query.patientId;
    const names = query._p?.split(',').map((name) => name.trim());
    const samples = await find(filterOf(query, patientId, await knownTypes()));
    await audit({ patientId, actor: actorOf(caller), action: 'read', resource: 'health-data', requestId });
    const records = await open(samples, names?.includes('rawData') === true);
    return { status: 200, body: records.map((record) => projected(toWire(record), names)) };
  },
  getHealthData: async ({ caller, path, requestId }) => {
    const id = path._id.toLowerCase();
    const read = { actor: actorOf(caller), action: 'read', resource: `sample/${id}`, requestId } as const;
    const waiting = boundPatient(caller) === undefined ? await quarantined(id) : undefined;
    if (waiting) {
      await audit(read);
      return { status: 200, body: quarantinedToWire(waiting) };
    }
    const sample = visible(await byId(id), caller);
    await audit({ ...read, patientId: sample.patient_id });
    const [record] = await open([sample], true);
    if (!record) throw problem('not-found');
    return { status: 200, body: toWire(record) };
  },
  normalizeHealthData: async ({ caller, path, requestId }) => {
    const sample = visible(await byId(path._id.toLowerCase()), caller);
    await normalizeAgain(sample);
    await audit({ patientId: sample.patient_id, actor: actorOf(caller), action: 'update', resource: `sample/${sample._id}`, requestId });
    const [record] = await open([visible(await byId(sample._id), caller)], true);
    if (!record) throw problem('not-found');
    return { status: 200, body: toWire(record) };
  },
});
