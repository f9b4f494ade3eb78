import type { Pool } from '../../database/pool.ts';
import { SealBrokenError } from '../../keys/cipher.ts';
import type { KeyRing } from '../../keys/scope-keys.ts';
import { createAttributor } from '../attributing.ts';
import type { Reading } from '../providers/reading.ts';
import { takeApartBytes, type TakenApart } from '../providers/taking-apart.ts';
import { devicesEverOf } from '../storage/own-device-table.ts';
import { openBytes } from '../storage/payload-table.ts';
import { quarantineAad, waitingOfDevices, type SealedDelivery } from '../storage/quarantine-table.ts';

/** Where deliveries wait, and who is told of those that do not open. */
export interface WaitingSources {
  readonly pool: Pool;
  readonly keyRing: KeyRing;
  /** Told of a delivery that is passed over because its bytes or its key were changed, by its identifier. */
  readonly onUnreadable?: ((payloadId: string) => void) | undefined;
}

/** Readings in quarantine that the devices say are of one patient, with the delivery they are in. */
export interface WaitingReadings {
  readonly delivery: SealedDelivery;
  /** The delivery as received. */
  readonly bytes: Buffer;
  readonly taken: TakenApart;
  readonly own: readonly Reading[];
}

const PAGE = 50;

/** What cannot be read has nothing that could be attributed. */
const readable = (format: string, bytes: Buffer): TakenApart | undefined => {
  try {
    return takeApartBytes(format, bytes);
  } catch {
    return undefined;
  }
};

/** The bytes of a delivery; undefined where its key is gone, and where it does not open: whose it is cannot be known then, and nobody else shall wait for that. */
const opened = async ({ pool, keyRing, onUnreadable }: WaitingSources, { payload_id: payloadId, body }: SealedDelivery): Promise<Buffer | undefined> => {
  try {
    const keys = await keyRing.knownKeysOf(pool, `quarantine:${payloadId}`);
    return keys && (await openBytes(keys.dataKey, body, quarantineAad(payloadId)));
  } catch (error) {
    if (!(error instanceof SealBrokenError)) throw error;
    onUnreadable?.(payloadId);
    return undefined;
  }
};

/** Everything that a delivery may call the hardware that a patient ever had. */
export const identifiersOf = async (pool: Pool, patientId: string): Promise<string[]> => {
  const hardware = (await devicesEverOf(pool, patientId)).filter(({ provider }) => provider !== 'healthkit');
  return hardware.flatMap(({ device_id: deviceId, serial_number: serialNumber }) => [deviceId, ...(serialNumber === null ? [] : [serialNumber])]);
};

/**
 * What waits in quarantine and was measured while a patient had the device, reading by reading: of a delivery with readings of several
 * patients only those of this one. What names another patient, or nobody's device, is nobody's here; what does not open is passed over.
 */
export async function* waitingReadings(sources: WaitingSources, patientId: string): AsyncGenerator<WaitingReadings> {
  const { pool } = sources;
  const identifiers = await identifiersOf(pool, patientId);
  const attribute = createAttributor(pool, Date.now());
  let after: string | undefined;
  do {
    const page = await waitingOfDevices(pool, identifiers, after, PAGE);
    for (const delivery of page) {
      const bytes = await opened(sources, delivery);
      if (!bytes) continue;
      const taken = readable(delivery.format, bytes);
      const own: Reading[] = [];
      for (const reading of taken?.readings ?? []) {
        const place = await attribute(reading, undefined);
        if ('patientId' in place && place.patientId === patientId) own.push(reading);
      }
      if (taken && own.length > 0) yield { delivery, bytes, taken, own };
    }
    after = page.length === PAGE ? page.at(-1)?.payload_id : undefined;
  } while (after !== undefined);
}
