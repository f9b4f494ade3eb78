import type { Queryable } from '../database/pool.ts';
import { problem } from '../http/problem.ts';
import type { Attributor, Place } from './attributing.ts';
import { namesIn, withdraws } from './domain/version.ts';
import type { Named } from './keeping-deliveries.ts';
import { deviceByIdentifiers, deviceIdentifiers } from './storage/device-table.ts';
import { placeOf } from './storage/version-table.ts';

/** A name of a device that the sender may send for, or one that belongs to such a name: an id that ends with the serial number, or the other way round. */
const isOwnName = (deviceIds: readonly string[], names: readonly string[], name: string): boolean =>
  deviceIds.some((own) => own === name || name.endsWith(`:${own}`) || (own.endsWith(`:${name}`) && names.includes(own)));

/**
 * Throws forbidden unless each reading is of one of the devices, which are named by id or serial number: the device whose it is, and the
 * one of the reading that it corrects or takes back. One that waits is looked up again when a device is registered, so all its names that
 * count before the device that is known, or all of them, must be names of those devices.
 */
export const demandOwnDevices = async (db: Queryable, deviceIds: readonly string[], attribute: Attributor, readings: readonly Pick<Named, 'reading' | 'identity'>[]): Promise<void> => {
  const isOwn = async (device: { readonly _id: string }) => (await deviceIdentifiers(db, device._id)).some((name) => deviceIds.includes(name));
  const mayWait = async ({ identifiers, deviceModel }: Named['reading']): Promise<boolean> => {
    const found = await deviceByIdentifiers(db, 'medisante', { identifiers, deviceModel });
    const before = found ? identifiers.slice(0, identifiers.indexOf(found.name)) : identifiers;
    return (found ? await isOwn(found) : identifiers.length > 0) && before.every((name) => isOwnName(deviceIds, identifiers, name));
  };
  const isAllowed = async ({ reading, identity }: Pick<Named, 'reading' | 'identity'>): Promise<boolean> => {
    const earlier: Place[] = [];
    // Of two readings that came together, each may be a version of another device's.
    for (const name of identity === undefined ? [] : namesIn(identity)) {
      const place = await placeOf(db, name);
      if (place) earlier.push(place);
    }
    for (const { device } of earlier) if (!(await isOwn(device))) return false;
    if (earlier.length > 0 && withdraws(reading.status) && reading.identifiers.length === 0) return true;
    const place = await attribute(reading, undefined);
    return 'patientId' in place ? isOwn(place.device) : mayWait(reading);
  };
  if (readings.length === 0) throw problem('forbidden');
  for (const one of readings) if (!(await isAllowed(one))) throw problem('forbidden');
};
