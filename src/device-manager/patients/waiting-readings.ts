import type { Pool } from '../../database/pool.ts';
import type { KeyRing } from '../../keys/scope-keys.ts';
import { createAttributor } from '../attributing.ts';
import type { Reading } from '../providers/reading.ts';
import { takeApartBytes, type TakenApart } from '../providers/taking-apart.ts';
import { devicesEverOf } from '../storage/own-device-table.ts';
import { openBytes } from '../storage/payload-table.ts';
import { quarantineAad, waitingOfDevices, type SealedDelivery } from '../storage/quarantine-table.ts';

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

/** Everything that a delivery may call the hardware that a patient ever had. */
export const identifiersOf = async (pool: Pool, patientId: string): Promise<string[]> => {
  const hardware = (await devicesEverOf(pool, patientId)).filter(({ provider }) => provider !== 'healthkit');
  return hardware.flatMap(({ device_id: deviceId, serial_number: serialNumber }) => [deviceId, ...(serialNumber === null ? [] : [serialNumber])]);
};

/**
 * What waits in quarantine and was measured while a patient had the device, reading by reading: of a delivery with readings of several
 * patients only those of this one. What names another patient, or nobody's device, is nobody's here.
 */
export async function* waitingReadings(pool: Pool, keyRing: KeyRing, patientId: string): AsyncGenerator<WaitingReadings> {
  const identifiers = await identifiersOf(pool, patientId);
  const attribute = createAttributor(pool, Date.now());
  let after: string | undefined;
  do {
    const page = await waitingOfDevices(pool, identifiers, after, PAGE);
    for (const delivery of page) {
      const keys = await keyRing.knownKeysOf(pool, `quarantine:${delivery.payload_id}`);
      if (!keys) continue;
      const bytes = await openBytes(keys.dataKey, delivery.body, quarantineAad(delivery.payload_id));
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
