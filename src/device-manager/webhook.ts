import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { addJob } from '../jobs/runner.ts';
import { bytesMac, contentMac, sampleId } from '../keys/identity.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { holderAt } from './domain/attribution.ts';
import { addNormalization, newPayloadId } from './keeping.ts';
import { medisanteFormat } from './provider.ts';
import { readDelivery, type Delivery } from './providers/medisante/delivery.ts';
import { intervalsOf } from './storage/assignment-table.ts';
import { recordAudit } from './storage/audit-table.ts';
import { noteDelivery } from './storage/delivery-table.ts';
import { deviceByIdentifiers } from './storage/device-table.ts';
import { insertPayload } from './storage/payload-table.ts';
import { quarantine, type QuarantineReason } from './storage/quarantine-table.ts';
import { insertSamples } from './storage/sample-table.ts';

/** One delivery of a webhook sender, readable as JSON. */
export interface Received {
  readonly sender: string;
  readonly bytes: Buffer;
  readonly value: unknown;
  readonly requestId: string;
}

/** Whose a delivery is, or why that cannot be said yet. */
type Attribution = { readonly patientId: string; readonly device: { readonly _id: string; readonly device_id: string }; readonly measuredAt: Date } | { readonly reason: QuarantineReason };

const futureToleranceMs = 10 * 60 * 1000;

/** Decides by who held the device when it measured, not by who holds it now. */
export const attribute = async (db: Queryable, { identifiers, measuredAt }: Pick<Delivery, 'identifiers'> & { measuredAt?: { epochMs: number } }, now: number): Promise<Attribution> => {
  if (identifiers.length === 0) return { reason: 'no-device-identity' };
  if (measuredAt === undefined) return { reason: 'missing-timestamp' };
  if (measuredAt.epochMs > now + futureToleranceMs) return { reason: 'timestamp-in-future' };
  const device = await deviceByIdentifiers(db, 'medisante', identifiers);
  if (!device) return { reason: 'device-unknown' };
  const patientId = holderAt(await intervalsOf(db, device._id), measuredAt.epochMs);
  return patientId === undefined ? { reason: 'device-not-assigned' } : { patientId, device, measuredAt: new Date(measuredAt.epochMs) };
};

/** A delivery that is about to be kept for a patient. */
export interface AttributedDelivery {
  readonly patientId: string;
  readonly device: { readonly _id: string; readonly device_id: string };
  readonly measuredAt: Date;
  readonly payloadId: string;
  readonly sampleId: string;
  readonly measurementType: string | undefined;
  readonly format: string;
  readonly bytes: Buffer;
  readonly receivedAt: Date;
}

/** Keeps an attributed delivery under the patient's key, with its sample and its job, in the caller's transaction. */
export const keepDelivery = async (db: Queryable, keyRing: KeyRing, delivery: AttributedDelivery): Promise<void> => {
  const { patientId, device, measuredAt, payloadId, bytes, receivedAt, format } = delivery;
  const keys = await keyRing.keysOf(db, `patient:${patientId}`);
  const place = { patientId, provider: 'medisante', payloadId, receivedAt };
  await insertSamples(db, place, [{
    _id: delivery.sampleId, device: device._id, deviceId: device.device_id, type: delivery.measurementType, itemIndex: 0,
    recordedAt: measuredAt, endedAt: measuredAt, contentMac: contentMac(keys.identityKey, [bytes.toString('base64')]),
  }]);
  await insertPayload(db, keys, { ...place, format, bytes, context: {}, itemCount: 1 });
  await addNormalization(db, patientId, payloadId);
};

const keepInQuarantine = async (db: Queryable, keyRing: KeyRing, received: Received, delivery: Delivery, names: { correlationId: string; sampleId: string; receivedAt: Date }, reason: QuarantineReason): Promise<void> => {
  const payloadId = newPayloadId();
  await quarantine(db, await keyRing.keysOf(db, `quarantine:${payloadId}`), {
    ...names, payloadId, sender: received.sender, format: medisanteFormat, identifiers: delivery.identifiers, measurementType: delivery.measurementType,
    measuredAt: delivery.measuredAt && new Date(delivery.measuredAt.epochMs), reason, bytes: received.bytes,
  });
  // The device may be assigned while we look: this job looks again when we have committed.
  if (reason === 'device-unknown' || reason === 'device-not-assigned') await addJob(db, { task: 'release-quarantine', payload: { payloadId } });
};

/**
 * Keeps one delivery, whatever is in it, and answers the identifier of its sample once everything is committed. The same
 * correlation id of the same sender is one delivery; another body under it is kept aside, and the first stays.
 */
export const keepReceived = (pool: Pool, keyRing: KeyRing, received: Received): Promise<string> =>
  inTransaction(pool, async (client) => {
    const { sender, bytes, value, requestId } = received;
    const { identityKey } = await keyRing.keysOf(client, 'installation');
    const delivery = readDelivery(value);
    const bodyMac = bytesMac(identityKey, bytes);
    const correlationId = delivery.correlationId ?? `body:${bodyMac.toString('hex')}`;
    const names = { correlationId, sampleId: sampleId(identityKey, ['medisante', sender, correlationId]), receivedAt: new Date() };
    const { repeated } = await noteDelivery(client, { ...names, sender, bodyMac });
    if (repeated) {
      if (!repeated.bodyMac.equals(bodyMac)) {
        await keepInQuarantine(client, keyRing, received, delivery, { ...names, sampleId: repeated.sampleId }, 'conflicting-delivery');
        await recordAudit(client, { actor: `sender:${sender}`, action: 'create', resource: `sample/${repeated.sampleId}/conflict`, requestId });
      }
      return repeated.sampleId;
    }
    const attribution = await attribute(client, delivery, Date.now());
    const about = { actor: `sender:${sender}`, action: 'create', resource: `sample/${names.sampleId}`, requestId } as const;
    if ('reason' in attribution) {
      await keepInQuarantine(client, keyRing, received, delivery, names, attribution.reason);
      await recordAudit(client, about);
    } else {
      await keepDelivery(client, keyRing, { ...names, ...attribution, payloadId: newPayloadId(), measurementType: delivery.measurementType, format: medisanteFormat, bytes });
      await recordAudit(client, { ...about, patientId: attribution.patientId });
    }
    return names.sampleId;
  });
