import { parseInstant, type Instant } from '../../../measurement/instant.ts';

/** What is read from a Medisanté delivery before anything else; whatever is missing is left out. */
export interface Delivery {
  readonly correlationId?: string;
  readonly measurementType?: string;
  /** Device id, serial number and IMEI as text, in the order in which they are looked up. */
  readonly identifiers: readonly string[];
  /** By the clock of the device. */
  readonly measuredAt?: Instant;
}

type Members = Readonly<Record<string, unknown>>;

const members = (value: unknown): Members => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : {});

/** Text, also of a number: IMEI and serial numbers come as either. */
const text = (value: unknown, longest: number): string | undefined => {
  const written = typeof value === 'number' ? String(value) : value;
  return typeof written === 'string' && written.trim() !== '' && written.length <= longest ? written.trim() : undefined;
};

const instant = (value: unknown): Instant | undefined => {
  const read = typeof value === 'string' || typeof value === 'number' ? parseInstant(value) : undefined;
  return typeof read === 'object' ? read : undefined;
};

/** Reads the envelope of a delivery as real senders write it: empty device ids, numbers as IMEI, instants in several forms. */
export const readDelivery = (value: unknown): Delivery => {
  const { metadata, device, measurements } = members(value);
  const correlationId = text(members(metadata)['correlationId'], 200);
  const measurementType = text(members(metadata)['measurementType'], 128);
  const measuredAt = instant(members(measurements)['timestamp']);
  const { id, serialNumber, IMEI } = members(device);
  return {
    identifiers: [id, serialNumber, IMEI].map((one) => text(one, 200)).filter((one) => one !== undefined),
    ...(correlationId !== undefined && { correlationId }),
    ...(measurementType !== undefined && { measurementType }),
    ...(measuredAt !== undefined && { measuredAt }),
  };
};
