import { parseInstant, type Instant } from '../../../measurement/instant.ts';
import { membersOf } from '../../domain/rule.ts';
import type { Readings } from '../reading.ts';

/** Text, also of a number: IMEI and serial numbers come as either. */
const text = (value: unknown, longest: number): string | undefined => {
  const written = typeof value === 'number' ? String(value) : value;
  return typeof written === 'string' && written.trim() !== '' && written.length <= longest ? written.trim() : undefined;
};

const instant = (value: unknown): Instant | undefined => {
  const read = typeof value === 'string' || typeof value === 'number' ? parseInstant(value) : undefined;
  return typeof read === 'object' ? read : undefined;
};

/** Device id, serial number and IMEI as text, in the order in which they are looked up. */
const identifiersOf = (device: unknown): string[] => {
  const { id, serialNumber, IMEI } = membersOf(device);
  return [id, serialNumber, IMEI].map((one) => text(one, 200)).filter((one) => one !== undefined);
};

/**
 * Reads the envelope of a delivery, which is one reading, as real senders write it: empty device ids, numbers as IMEI, instants in
 * several forms, a peripheral behind a gateway, which is looked up first.
 */
export const readDelivery = (value: unknown): Readings => {
  const { metadata, device, measurements } = membersOf(value);
  const measuredAt = instant(membersOf(measurements)['timestamp']);
  return {
    correlationId: text(membersOf(metadata)['correlationId'], 200),
    readings: [{
      document: value, received: value, measurementType: text(membersOf(metadata)['measurementType'], 128),
      identifiers: [...new Set([...identifiersOf(membersOf(measurements)['device']), ...identifiersOf(device)])], subjects: [], measuredAt, endedAt: measuredAt,
    }],
  };
};
