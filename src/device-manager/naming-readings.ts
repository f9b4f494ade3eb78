import type { Queryable } from '../database/pool.ts';
import { contentMac, sampleId } from '../keys/identity.ts';
import { identityText, namesIn } from './domain/version.ts';
import type { Named } from './keeping-deliveries.ts';
import { contentOf } from './providers/content.ts';
import type { Reading, ReadingIdentity } from './providers/reading.ts';
import type { TakenApart } from './providers/taking-apart.ts';
import { knownReadings } from './storage/delivery-table.ts';

/** Who sent the delivery, and what it is called. */
interface Sending {
  readonly identityKey: Buffer;
  readonly sender: string;
  readonly correlationId: string;
}

const nameOf = ({ identityKey, sender }: Sending, { kind, parts }: ReadingIdentity): string => `${kind}:${contentMac(identityKey, ['reading', sender, ...parts]).toString('hex')}`;

/** A reading of FHIR is known by its identity and what it says was measured, wherever it comes again; one of Medisanté by its delivery. */
const nameReading = (sending: Sending, format: string, reading: Reading, position: number): Named => {
  const { identityKey, sender, correlationId } = sending;
  const identity = identityText([reading.identity, reading.otherIdentity].flatMap((one) => (one ? nameOf(sending, one) : [])));
  const mac = contentMac(identityKey, [contentOf(reading)]);
  const parts = format.startsWith('fhir-') ? ['fhir', identity ?? `${correlationId}#${String(position)}`, mac.toString('hex')] : [correlationId];
  return { reading, position, sampleId: sampleId(identityKey, ['medisante', sender, ...parts]), identity, mac };
};

/** The reading under the name that its device had before, each of two where that `was` its name; undefined where it has only one. */
const formerly = (reading: Reading, was: (identity: ReadingIdentity) => boolean): Reading | undefined => {
  const { formerDeviceName: device } = reading;
  if (device === undefined) return undefined;
  const formerOf = (identity: ReadingIdentity | undefined): ReadingIdentity | undefined => {
    const former = identity?.kind === 'natural' ? { ...identity, parts: [device, ...identity.parts.slice(1)] } : identity;
    return former && was(former) ? former : identity;
  };
  return { ...reading, deviceName: device, identity: formerOf(reading.identity), otherIdentity: formerOf(reading.otherIdentity) };
};

/**
 * Names the readings of a delivery. What was kept, or waits, under the name that its device had before keeps that, so that it does not
 * stand there twice, and is corrected and withdrawn as ever; of two that came together each by itself.
 */
export const nameReadings = async (db: Queryable, sending: Sending, { readings, format }: Pick<TakenApart, 'readings' | 'format'>): Promise<Named[]> => {
  const named = readings.map((reading, position) => nameReading(sending, format, reading, position));
  const namedBefore = ({ reading, position }: Named, was: (identity: ReadingIdentity) => boolean): Named | undefined => {
    const former = formerly(reading, was);
    return former && { ...nameReading(sending, format, former, position), reading };
  };
  const before = named.map((one) => namedBefore(one, () => true));
  const some = before.filter((one) => one !== undefined);
  if (some.length === 0) return named;
  const known = await knownReadings(db, sending.sender, some.map((one) => one.sampleId), some.flatMap(({ identity }) => (identity === undefined ? [] : namesIn(identity))));
  return named.map((one, position) => {
    const former = before[position];
    if (former && known.has(former.sampleId)) return former;
    const inPart = namedBefore(one, (identity) => known.has(nameOf(sending, identity)));
    // With an identifier it has the same name whatever its device is called.
    return inPart && inPart.identity !== one.identity ? inPart : one;
  });
};
