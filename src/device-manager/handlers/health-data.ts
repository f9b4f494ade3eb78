import type { HealthData } from '../../../generated/device-manager.d.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { actorOf, boundPatient, type Caller, type Operations } from '../caller.ts';
import { documentOf } from '../providers/medisante/document.ts';
import type { HealthRecord } from '../records.ts';
import type { AuditEvent } from '../storage/audit-table.ts';
import type { QuarantinedDelivery } from '../storage/quarantine-table.ts';
import type { SampleRow } from '../storage/sample-table.ts';

export interface HealthDataDependencies {
  readonly byId: (_id: string) => Promise<SampleRow | undefined>;
  readonly quarantined: (_id: string) => Promise<QuarantinedDelivery | undefined>;
  readonly open: (samples: readonly SampleRow[], withRawData: boolean) => Promise<HealthRecord[]>;
  readonly normalizeAgain: (sample: SampleRow) => Promise<void>;
  readonly audit: (event: AuditEvent) => Promise<void>;
}

/** A record as it is answered. */
export const toWire = ({ sample, normalizedData, rawData }: HealthRecord): HealthData => ({
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
  ...(sample.same_reading_as !== null && { sameReadingAs: sample.same_reading_as }),
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

const always = new Set(['_id', 'deviceId', 'providerId', 'rawDataFormat', 'receivedAt', 'state', 'createdAt', 'updatedAt', 'creatorId', 'updaterId', '__STATE__']);

/** The members asked for, and those that are always there. */
export const projected = (record: HealthData, names: readonly string[] | undefined): HealthData =>
  names === undefined ? record : (Object.fromEntries(Object.entries(record).filter(([name]) => always.has(name) || names.includes(name))) as unknown as HealthData);

const visible = (sample: SampleRow | undefined, caller: Caller): SampleRow => {
  const bound = boundPatient(caller);
  if (!sample || (bound !== undefined && bound !== sample.patient_id)) throw problem('not-found');
  return sample;
};

/** One sample as kept and as normalized. */
export const healthData = ({ byId, quarantined, open, normalizeAgain, audit }: HealthDataDependencies): Pick<Handlers<Operations, Caller>, 'getHealthData' | 'normalizeHealthData'> => ({
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
    // Written first: the normalizer commits by itself, and nothing is done without a row.
    await audit({ patientId: sample.patient_id, actor: actorOf(caller), action: 'update', resource: `sample/${sample._id}`, requestId });
    await normalizeAgain(sample);
    const [record] = await open([visible(await byId(sample._id), caller)], true);
    if (!record) throw problem('not-found');
    return { status: 200, body: toWire(record) };
  },
});
