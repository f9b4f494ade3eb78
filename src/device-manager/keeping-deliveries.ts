import type { Queryable } from '../database/pool.ts';
import { addJob } from '../jobs/runner.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { doesNotOpen } from '../keys/wrapping.ts';
import { isErased } from './admitting.ts';
import type { Attributor, Place } from './attributing.ts';
import { newPayloadId } from './keeping.ts';
import { keepReadings } from './keeping-readings.ts';
import type { Reading } from './providers/reading.ts';
import { takeApartBytes, type TakenApart } from './providers/taking-apart.ts';
import { isLater, mayCountAgain, renewKept } from './renewing-versions.ts';
import { recordAudit } from './storage/audit-table.ts';
import { eraseWaiting, quarantine, quarantinedSample, waitingAmong, type QuarantinedDelivery, type QuarantineReason } from './storage/quarantine-table.ts';

/** One delivery of a webhook sender, readable: `value` is the document its bytes hold in that format. */
export interface Received {
  readonly sender: string;
  /** The only devices it may be of, by id or serial number; all when left out. */
  readonly deviceIds?: readonly string[] | undefined;
  readonly format: string;
  readonly bytes: Buffer;
  readonly value: unknown;
  readonly requestId: string;
}

/** A reading with the names it is kept under. */
export interface Named {
  readonly reading: Reading;
  readonly position: number;
  readonly sampleId: string;
  readonly identity: string | undefined;
  readonly mac: Buffer;
}

/** A delivery in the transaction that keeps it. */
export interface Keeping {
  readonly db: Queryable;
  readonly keyRing: KeyRing;
  readonly received: Received;
  readonly taken: TakenApart;
  readonly correlationId: string;
  readonly receivedAt: Date;
  readonly attribute: Attributor;
  /** Why readings went into quarantine, one reason each. */
  readonly entered: QuarantineReason[];
}

/** Keeps what cannot be attributed, sealed under a key of its own, until somebody says what becomes of it. */
export const keepInQuarantine = async ({ db, keyRing, received, correlationId, receivedAt, entered }: Keeping, kept: { bytes: Buffer; format: string }, sample: { sampleId: string; reading?: Reading | undefined; identity?: string | undefined }, reason: QuarantineReason): Promise<void> => {
  entered.push(reason);
  const payloadId = newPayloadId();
  const { reading, identity } = sample;
  await quarantine(db, await keyRing.keysOf(db, `quarantine:${payloadId}`), {
    ...kept, correlationId, receivedAt, sampleId: sample.sampleId, payloadId, sender: received.sender, identifiers: reading?.identifiers ?? [],
    measurementType: reading?.measurementType, measuredAt: reading?.measuredAt && new Date(reading.measuredAt.epochMs), identity, reason,
  });
  // The device may be assigned, or the reading that this one withdraws be kept, while we look: this job looks again when we have committed.
  const waits = reason === 'device-unknown' || reason === 'device-not-assigned' || identity !== undefined;
  if (waits && reason !== 'conflicting-delivery') await addJob(db, { task: 'release-quarantine', payload: { payloadId } });
};

const excerptOf = ({ taken }: Keeping, named: readonly Named[]) =>
  ({ bytes: Buffer.from(JSON.stringify(taken.excerpt(named.map(({ reading }) => reading)))), format: 'fhir-json' });

/** What was measured of somebody of whom nothing is kept any more is taken, so that it is not sent again, and not kept. */
const noteErased = async ({ db, received }: Keeping, readings: readonly Named[]): Promise<void> => {
  for (const { sampleId } of readings) await recordAudit(db, { actor: `sender:${received.sender}`, action: 'delete', resource: `sample/${sampleId}`, requestId: received.requestId });
};

/** Keeps readings that go to one patient in one payload: the bytes as received when they are the whole delivery, else an excerpt. */
const keepTogether = async (keeping: Keeping, patientId: string, group: readonly (Named & { place: Place })[]): Promise<void> => {
  const { db, keyRing, received, taken, receivedAt } = keeping;
  const whole = group.length === taken.readings.length;
  const kept = whole ? { bytes: received.bytes, format: taken.format } : excerptOf(keeping, group);
  try {
    await keepReadings(db, keyRing, { ...kept, patientId, payloadId: newPayloadId(), receivedAt }, group);
  } catch (error) {
    // The erasure began after these were attributed; those of others are kept.
    if (!isErased(error)) throw error;
    return noteErased(keeping, group);
  }
  await recordAudit(db, { patientId, actor: `sender:${received.sender}`, action: 'create', resource: `sample/${group[0]?.sampleId ?? ''}`, requestId: received.requestId });
};

/** Keeps one reading of a delivery in quarantine, without its neighbours. */
const keepAside = async (keeping: Keeping, named: Named, reason: QuarantineReason): Promise<void> => {
  const { db, received, taken } = keeping;
  const kept = taken.readings.length === 1 ? { bytes: received.bytes, format: taken.format } : excerptOf(keeping, [named]);
  await keepInQuarantine(keeping, kept, named, reason);
  await recordAudit(db, { actor: `sender:${received.sender}`, action: 'create', resource: `sample/${named.sampleId}`, requestId: received.requestId });
};

/**
 * Keeps each fresh reading with its patient, or in quarantine; those of somebody erased are taken and not kept. Of those that came before,
 * one that waits and now says whose it is (the same measurement with the right patient, say) is kept as well; what waits stays as it is,
 * and keeps nothing a second time when it is released.
 */
export const keepEach = async (keeping: Keeping, fresh: readonly Named[], known: readonly Named[]): Promise<void> => {
  const { db, attribute } = keeping;
  const waiting = await waitingAmong(db, known.map(({ sampleId }) => sampleId));
  const placed: (Named & { place: Place })[] = [];
  for (const named of [...fresh, ...known.filter(({ sampleId }) => waiting.has(sampleId))]) {
    const place = await attribute(named.reading, named.identity);
    if ('patientId' in place) placed.push({ ...named, place });
    else if (waiting.has(named.sampleId)) continue;
    else if (place.reason === 'erased') await noteErased(keeping, [named]);
    else await keepAside(keeping, named, place.reason);
  }
  // As the delivery has them: an excerpt does, and its items are counted.
  placed.sort((a, b) => a.position - b.position);
  const groups = [...Map.groupBy(placed, ({ place }) => place.patientId)].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [patientId, group] of groups) await keepTogether(keeping, patientId, group);
};

/** What waits as a version; undefined where none does, or does not open. */
const waitingVersion = async ({ db, keyRing }: Keeping, sampleId: string): Promise<QuarantinedDelivery | undefined> => {
  try {
    return await quarantinedSample(db, sampleId, (payloadId) => keyRing.knownKeysOf(db, `quarantine:${payloadId}`));
  } catch (error) {
    if (doesNotOpen(error)) return undefined;
    throw error;
  }
};

/** A version that waits and comes again, issued later, waits as it came last. */
const renewWaiting = async (keeping: Keeping, named: Named): Promise<void> => {
  const { db, keyRing } = keeping;
  for (;;) {
    const waiting = await waitingVersion(keeping, named.sampleId);
    const [reading, ...others] = waiting ? takeApartBytes(waiting.format, waiting.bytes).readings : [];
    if (!waiting || !reading || others.length > 0 || !isLater(named.reading, reading)) return;
    // Who released or renewed it meanwhile has taken it, and what that left is looked at again.
    if (!(await eraseWaiting(db, waiting.payloadId))) continue;
    await keyRing.discard(db, `quarantine:${waiting.payloadId}`);
    return keepAside(keeping, named, waiting.reason);
  }
};

/** Takes down of readings that came before, and come again issued later, when they were issued: the same correction may be made twice, with another between. */
export const renewVersions = async (keeping: Keeping, known: readonly Named[]): Promise<void> => {
  const { db, received } = keeping;
  const again = known.filter(mayCountAgain);
  const waiting = await waitingAmong(db, again.map(({ sampleId }) => sampleId));
  for (const named of again) if (waiting.has(named.sampleId)) await renewWaiting(keeping, named);
  for (const { _id, patient_id: patientId } of await renewKept(db, again)) {
    await recordAudit(db, { patientId, actor: `sender:${received.sender}`, action: 'update', resource: `sample/${_id}`, requestId: received.requestId });
  }
};
