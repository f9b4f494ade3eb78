import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { problem } from '../http/problem.ts';
import { addJob } from '../jobs/runner.ts';
import { bytesMac, contentMac, sampleId } from '../keys/identity.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { isErased } from './admitting.ts';
import { createAttributor, type Place } from './attributing.ts';
import { newPayloadId } from './keeping.ts';
import { keepReadings } from './keeping-readings.ts';
import { mostEntries } from './providers/fhir/bundle.ts';
import type { Reading } from './providers/reading.ts';
import { takeApart, type TakenApart } from './providers/taking-apart.ts';
import { recordAudit } from './storage/audit-table.ts';
import { noteDelivery, noteReadings } from './storage/delivery-table.ts';
import { quarantine, type QuarantineReason } from './storage/quarantine-table.ts';

/** One delivery of a webhook sender, readable: `value` is the document its bytes hold in that format. */
export interface Received {
  readonly sender: string;
  /** The only devices it may be of, by any of their identifiers; all when left out. */
  readonly deviceIds?: readonly string[] | undefined;
  readonly format: string;
  readonly bytes: Buffer;
  readonly value: unknown;
  readonly requestId: string;
}

/** A reading with the names it is kept under. */
interface Named {
  readonly reading: Reading;
  readonly position: number;
  readonly sampleId: string;
  readonly identity: string | undefined;
  readonly mac: Buffer;
}

/** A delivery in the transaction that keeps it. */
interface Keeping {
  readonly db: Queryable;
  readonly keyRing: KeyRing;
  readonly received: Received;
  readonly taken: TakenApart;
  readonly correlationId: string;
  readonly receivedAt: Date;
  /** Why readings went into quarantine, one reason each. */
  readonly entered: QuarantineReason[];
}

/** What the sender calls a delivery; a digest where that is longer than an index takes. */
const nameOf = (identityKey: Buffer, correlationId: string | undefined): string | undefined =>
  correlationId === undefined || correlationId.length <= 200 ? correlationId : `digest:${contentMac(identityKey, ['delivery', correlationId]).toString('hex')}`;

/** A reading of FHIR is known by its identity and what it says, wherever it comes again; one of Medisanté by its delivery. */
const nameReadings = (identityKey: Buffer, sender: string, correlationId: string, { readings, format }: TakenApart): Named[] =>
  readings.map((reading, position) => {
    const { identity: known, document, status, subjects } = reading;
    const identity = known && `${known.kind}:${contentMac(identityKey, ['reading', sender, ...known.parts]).toString('hex')}`;
    const mac = contentMac(identityKey, [JSON.stringify(document), status ?? '', ...subjects]);
    const parts = format.startsWith('fhir-') ? ['fhir', identity ?? `${correlationId}#${String(position)}`, mac.toString('hex')] : [correlationId];
    return { reading, position, sampleId: sampleId(identityKey, ['medisante', sender, ...parts]), identity, mac };
  });

const keepInQuarantine = async ({ db, keyRing, received, correlationId, receivedAt, entered }: Keeping, kept: { bytes: Buffer; format: string }, sample: { sampleId: string; reading?: Reading | undefined; identity?: string | undefined }, reason: QuarantineReason): Promise<void> => {
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

const keepEach = async (keeping: Keeping, fresh: readonly Named[]): Promise<void> => {
  const { db, received, taken } = keeping;
  const attribute = createAttributor(db, Date.now());
  const placed: (Named & { place: Place })[] = [];
  for (const named of fresh) {
    const place = await attribute(named.reading, named.identity);
    if ('patientId' in place) placed.push({ ...named, place });
    else if (place.reason === 'erased') await noteErased(keeping, [named]);
    else {
      const kept = taken.readings.length === 1 ? { bytes: received.bytes, format: taken.format } : excerptOf(keeping, [named]);
      await keepInQuarantine(keeping, kept, named, place.reason);
      await recordAudit(db, { actor: `sender:${received.sender}`, action: 'create', resource: `sample/${named.sampleId}`, requestId: received.requestId });
    }
  }
  const groups = [...Map.groupBy(placed, ({ place }) => place.patientId)].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [patientId, group] of groups) await keepTogether(keeping, patientId, group);
};

/** Whether every reading names one of the devices; what names none is of none. */
const isOf = (deviceIds: readonly string[], { readings }: TakenApart): boolean =>
  readings.length > 0 && readings.every(({ identifiers }) => identifiers.some((identifier) => deviceIds.includes(identifier)));

/**
 * Keeps one delivery, whatever is in it, and answers the identifier of its first reading once everything is committed. The same
 * delivery of the same sender is kept once; another body under its name is kept aside, and the first stays. Each reading goes to its
 * patient or into quarantine by itself, but for those of somebody erased, which are taken and not kept; `onQuarantine` is told why, once
 * that is committed.
 * Throws too-many-items, and forbidden for a device that the sender may not send for.
 */
export const keepReceived = async (pool: Pool, keyRing: KeyRing, received: Received, onQuarantine: (reason: QuarantineReason) => void): Promise<string> => {
  const { sender, bytes, requestId } = received;
  const taken = takeApart(received.format, received.value);
  if (received.deviceIds !== undefined && !isOf(received.deviceIds, taken)) throw problem('forbidden');
  if (taken.entryCount > mostEntries) throw problem('too-many-items', { limits: { maxItems: mostEntries } });
  const entered: QuarantineReason[] = [];
  const first = await inTransaction(pool, async (db) => {
    const { identityKey } = await keyRing.keysOf(db, 'installation');
    const bodyMac = bytesMac(identityKey, bytes);
    const correlationId = nameOf(identityKey, taken.correlationId) ?? `body:${bodyMac.toString('hex')}`;
    const named = nameReadings(identityKey, sender, correlationId, taken);
    const first = named[0] ?? { sampleId: sampleId(identityKey, ['medisante', sender, correlationId]) };
    const keeping: Keeping = { db, keyRing, received, taken, correlationId, receivedAt: new Date(), entered };
    const aside = (reason: QuarantineReason, sample: string) => keepInQuarantine(keeping, { bytes, format: taken.format }, { ...first, sampleId: sample, identity: undefined }, reason);
    const note = (resource: string) => recordAudit(db, { actor: `sender:${sender}`, action: 'create', resource: `sample/${resource}`, requestId });
    const { repeated } = await noteDelivery(db, { sender, correlationId, sampleId: first.sampleId, bodyMac, receivedAt: keeping.receivedAt });
    if (repeated) {
      if (!repeated.bodyMac.equals(bodyMac)) {
        await aside('conflicting-delivery', repeated.sampleId);
        await note(`${repeated.sampleId}/conflict`);
      }
      return repeated.sampleId;
    }
    if (taken.unfit) {
      await aside(taken.unfit, first.sampleId);
      await note(first.sampleId);
      return first.sampleId;
    }
    const fresh = taken.format.startsWith('fhir-') ? await noteReadings(db, { sender, receivedAt: keeping.receivedAt }, named) : new Set([first.sampleId]);
    const unique = [...new Map(named.toReversed().map((one) => [one.sampleId, one])).values()].reverse();
    await keepEach(keeping, unique.filter((one) => fresh.has(one.sampleId)));
    return first.sampleId;
  });
  for (const reason of entered) onQuarantine(reason);
  return first;
};
