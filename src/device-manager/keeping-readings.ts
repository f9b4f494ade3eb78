import type { Queryable } from '../database/pool.ts';
import { contentKey } from '../keys/identity.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import type { Instant } from '../measurement/instant.ts';
import { keysForKeeping } from './admitting.ts';
import type { Place } from './attributing.ts';
import { addNormalization } from './waiting-payloads.ts';
import type { Reading } from './providers/reading.ts';
import { renewKept } from './renewing-versions.ts';
import { insertPayload } from './storage/payload-table.ts';
import { insertSamples } from './storage/new-sample-table.ts';

/** A delivery, or an excerpt of one, that holds readings of one patient and nobody else's. */
export interface Part {
  readonly patientId: string;
  readonly payloadId: string;
  readonly format: string;
  readonly bytes: Buffer;
  readonly receivedAt: Date;
}

export interface AttributedReading {
  readonly reading: Reading;
  readonly sampleId: string;
  readonly identity: string | undefined;
  readonly place: Place;
}

const dateOf = (instant: Instant | undefined): Date | undefined => instant && new Date(instant.epochMs);

/**
 * Keeps readings, which are those of the part in its order, under the patient's key, with their samples and the job, in the caller's
 * transaction. Readings that are there already stay as they are, unless they were issued later; when all are there, nothing is kept.
 */
export const keepReadings = async (db: Queryable, keyRing: KeyRing, part: Part, readings: readonly AttributedReading[]): Promise<void> => {
  const { patientId, payloadId, format, bytes, receivedAt } = part;
  const keys = await keysForKeeping(db, keyRing, patientId);
  const where = { patientId, provider: 'medisante', format, payloadId, receivedAt };
  const created = await insertSamples(db, where, readings.map(({ reading, sampleId, identity, place }, itemIndex) => ({
    _id: sampleId, device: place.device._id, deviceId: place.device.device_id, type: reading.measurementType, itemIndex,
    recordedAtMs: place.measuredAt.getTime(), endedAtMs: place.endedAt.getTime(), contentKey: contentKey(keys.identityKey, [JSON.stringify(reading.document)]),
    identity, status: reading.status, issuedAt: dateOf(reading.issuedAt), otherIssuedAt: dateOf(reading.otherIssuedAt),
  })));
  if (created.size < readings.length) await renewKept(db, readings.filter(({ sampleId }) => !created.has(sampleId)));
  if (created.size === 0) return;
  await insertPayload(db, keys, { ...where, bytes, context: {}, itemCount: readings.length });
  await addNormalization(db, patientId, payloadId);
};
