import { parseInstant, type Instant } from '../../../measurement/instant.ts';
import { membersOf } from '../../domain/rule.ts';
import { deviceModelOf } from '../device-model.ts';
import type { Reading, Readings } from '../reading.ts';

/** Text, also of a number: IMEI and serial numbers come as either. */
const text = (value: unknown, longest: number): string | undefined => {
  const written = typeof value === 'number' ? String(value) : value;
  return typeof written === 'string' && written.trim() !== '' && written.length <= longest ? written.trim() : undefined;
};

const instant = (value: unknown): Instant | undefined => {
  const read = typeof value === 'string' || typeof value === 'number' ? parseInstant(value) : undefined;
  return typeof read === 'object' ? read : undefined;
};

/** Whether it names itself at all, be it by what nobody reads. */
const isNamed = (device: unknown): boolean => {
  const { id, serialNumber, IMEI } = membersOf(device);
  return [id, serialNumber, IMEI].some((one) => typeof one === 'number' || (typeof one === 'string' && one.trim() !== ''));
};

/** Device id, serial number and IMEI as text, in the order in which they are looked up, and what it is a device of. */
const namesOf = (device: unknown): Pick<Reading, 'identifiers' | 'deviceModel'> => {
  const { id, serialNumber, IMEI, manufacturer, model } = membersOf(device);
  const identifiers = [...new Set([id, serialNumber, IMEI].map((one) => text(one, 200)).filter((one) => one !== undefined))];
  return { identifiers, deviceModel: deviceModelOf([text(id, 200)], text(manufacturer, 200), text(model, 200)) };
};

/**
 * Reads the envelope of a delivery, which is one reading, as real senders write it: empty device ids, numbers as IMEI, instants in
 * several forms, a peripheral behind a gateway: a gateway serves several people, so it stands for its peripheral only where that has no name.
 */
export const readDelivery = (value: unknown): Readings => {
  const { metadata, device, measurements } = membersOf(value);
  const peripheral = membersOf(measurements)['device'];
  const measuredAt = instant(membersOf(measurements)['timestamp']);
  return {
    correlationId: text(membersOf(metadata)['correlationId'], 200),
    readings: [{
      document: value, received: value, measurementType: text(membersOf(metadata)['measurementType'], 128),
      ...namesOf(isNamed(peripheral) ? peripheral : device), subjects: [], measuredAt, endedAt: measuredAt,
    }],
  };
};
