import type { Queryable } from '../database/pool.ts';
import { contentMac, sampleId } from '../keys/identity.ts';
import { identityText, namesIn } from './domain/version.ts';
import type { Named } from './keeping-deliveries.ts';
import { contentOf } from './providers/content.ts';
import type { Reading, ReadingIdentity } from './providers/reading.ts';
import type { TakenApart } from './providers/taking-apart.ts';
import { knownReadings } from './storage/delivery-table.ts';
import { identitiesWith } from './storage/version-table.ts';

/** Who sent the delivery, and what it is called. */
interface Sending {
  readonly identityKey: Buffer;
  readonly sender: string;
  readonly correlationId: string;
}

/** A reading of FHIR is known by its identity and what it says was measured, wherever it comes again; one of Medisanté by its delivery. */
const nameReading = ({ identityKey, sender, correlationId }: Sending, format: string, reading: Reading, position: number): Named => {
  const identity = identityText([reading.identity, reading.otherIdentity].flatMap((one) => (one ? `${one.kind}:${contentMac(identityKey, ['reading', sender, ...one.parts]).toString('hex')}` : [])));
  const mac = contentMac(identityKey, [contentOf(reading)]);
  const parts = format.startsWith('fhir-') ? ['fhir', identity ?? `${correlationId}#${String(position)}`, mac.toString('hex')] : [correlationId];
  return { reading, position, sampleId: sampleId(identityKey, ['medisante', sender, ...parts]), identity, mac };
};

const ofDevice = (device: string, identity: ReadingIdentity | undefined): ReadingIdentity | undefined =>
  identity?.kind === 'natural' ? { ...identity, parts: [device, ...identity.parts.slice(1)] } : identity;

/** The reading under the name that its device had before; undefined where it has only one. */
const formerly = (reading: Reading): Reading | undefined => {
  const { formerDeviceName: device, identity, otherIdentity } = reading;
  return device === undefined ? undefined : { ...reading, deviceName: device, identity: ofDevice(device, identity), otherIdentity: ofDevice(device, otherIdentity) };
};

/**
 * Names the readings of a delivery. What was kept, or waits, under the name that its device had before keeps that, so that it does not
 * stand there twice, and is corrected and withdrawn as ever.
 */
export const nameReadings = async (db: Queryable, sending: Sending, { readings, format }: Pick<TakenApart, 'readings' | 'format'>): Promise<Named[]> => {
  const named = readings.map((reading, position) => nameReading(sending, format, reading, position));
  const before = readings.map((reading, position) => {
    const former = formerly(reading);
    return former && { ...nameReading(sending, format, former, position), reading };
  });
  const some = before.filter((one) => one !== undefined);
  if (some.length === 0) return named;
  const identities = some.flatMap(({ identity }) => identity ?? []);
  const known = await knownReadings(db, sending.sender, some.map((one) => one.sampleId), [...identities, ...(await identitiesWith(db, identities.flatMap(namesIn)))]);
  return named.map((one, position) => {
    const former = before[position];
    const isKnown = former && (known.has(former.sampleId) || (former.identity !== one.identity && former.identity !== undefined && namesIn(former.identity).some((name) => known.has(name))));
    return isKnown ? former : one;
  });
};
