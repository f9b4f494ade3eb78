import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { isErased } from './admitting.ts';
import { createAttributor, type Place } from './attributing.ts';
import { keepReadings } from './keeping-readings.ts';
import { typedIdOf } from './providers/fhir/reference.ts';
import type { Reading } from './providers/reading.ts';
import { takeApartBytes } from './providers/taking-apart.ts';
import { recordAudit } from './storage/audit-table.ts';
import { deviceIdentifiers } from './storage/device-table.ts';
import { noteReason, takeFromQuarantine, waitingFor, type QuarantinedDelivery, type QuarantineReason } from './storage/quarantine-table.ts';

/** Thrown inside a transaction to leave a delivery where it was, for a reason that may be another one now. */
class StillWaiting extends Error {
  readonly reason: QuarantineReason;

  constructor(reason: QuarantineReason) {
    super(reason);
    this.reason = reason;
  }
}

/** Keeps a reading with its patient; false when nothing is kept of the patient any more. */
const keepReleased = (db: Queryable, keyRing: KeyRing, { payloadId, format, bytes, receivedAt, sampleId, identity }: QuarantinedDelivery, reading: Reading, place: Place): Promise<boolean> =>
  keepReadings(db, keyRing, { patientId: place.patientId, payloadId, format, bytes, receivedAt }, [{ reading, sampleId, identity, place }]).then(
    () => true,
    (error: unknown) => {
      if (!isErased(error)) throw error;
      return false;
    },
  );

/**
 * The names of the device by which to attribute what waits: those read again, unless an excerpt tells less than the delivery did when it
 * came, as it did of the server of what was contained. Undefined when it tells something else: nobody may decide by that.
 */
const namesOfDevice = ({ format, identifiers: then }: QuarantinedDelivery, now: readonly string[]): readonly string[] | undefined => {
  const known = new Set(now.flatMap((name) => [name, typedIdOf(name) ?? name]));
  if (!format.startsWith('fhir-') || then.every((name) => known.has(name))) return now;
  return now.every((name) => then.includes(name)) ? then : undefined;
};

const release = (pool: Pool, keyRing: KeyRing, payloadId: string): Promise<void> =>
  inTransaction(pool, async (client) => {
    const scope = `quarantine:${payloadId}` as const;
    const delivery = await takeFromQuarantine(client, payloadId, () => keyRing.knownKeysOf(client, scope));
    if (!delivery) return;
    const [reading, ...others] = takeApartBytes(delivery.format, delivery.bytes).readings;
    if (!reading || others.length > 0) throw new StillWaiting(delivery.reason);
    const identifiers = namesOfDevice(delivery, reading.identifiers);
    if (!identifiers) throw new StillWaiting(delivery.reason);
    const place = await createAttributor(client, Date.now())({ ...reading, identifiers }, delivery.identity);
    if ('reason' in place && place.reason !== 'erased') throw new StillWaiting(place.reason);
    const isKept = 'patientId' in place && (await keepReleased(client, keyRing, delivery, reading, place));
    await keyRing.discard(client, scope);
    // As if it had come now: of somebody erased the row names nobody.
    const row = { actor: `sender:${delivery.sender}`, resource: `sample/${delivery.sampleId}` };
    await recordAudit(client, isKept ? { ...row, action: 'create', patientId: place.patientId } : { ...row, action: 'delete' });
  });

/** A number as it was read before names beyond 2^53 were read digit by digit. */
const rounded = (name: string): string => (/^\d{16,}$/.test(name) ? String(Number(name)) : name);

/**
 * What waits since before devices of FHIR were known by their address waits under `Device/7`, and since before long numbers were read digit
 * by digit under a rounded one; it is read again, so looking at more harms nothing.
 */
const withFormerNames = (identifiers: readonly string[]): string[] => identifiers.flatMap((name) => [...new Set([name, typedIdOf(name) ?? name, rounded(name)])]);

/** What to look at: all that waits for a device, or one delivery. */
export type Waiting = { readonly device: string } | { readonly payloadId: string };

/**
 * Releases what waits: each delivery that an assignment now covers moves under the patient's key, in a transaction of its own with its
 * row in the audit, and its old key is destroyed; what was measured of somebody erased goes with its key. What is still not covered
 * stays. One that cannot be released does not hold up the others: its error is thrown when all have been tried, so that the job runs
 * again. Safe to run many times at once: whoever deletes the waiting row moves it.
 */
export const releaseQuarantine = async (pool: Pool, keyRing: KeyRing, waiting: Waiting): Promise<void> => {
  const payloadIds = 'payloadId' in waiting ? [waiting.payloadId] : await waitingFor(pool, withFormerNames(await deviceIdentifiers(pool, waiting.device)));
  const errors: unknown[] = [];
  for (const payloadId of payloadIds) {
    try {
      await release(pool, keyRing, payloadId);
    } catch (error) {
      if (error instanceof StillWaiting) await noteReason(pool, payloadId, error.reason);
      else errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, 'Not every delivery was released.');
};
