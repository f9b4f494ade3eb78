import type { Queryable } from '../database/pool.ts';
import { holderAt } from './domain/attribution.ts';
import { withdraws } from './domain/version.ts';
import type { Reading } from './providers/reading.ts';
import { remember } from './remembering.ts';
import { ERASED_HOLDER, holdsDevices, intervalsOf } from './storage/assignment-table.ts';
import { deviceByIdentifiers, type DeviceNames } from './storage/device-table.ts';
import type { QuarantineReason } from './storage/quarantine-table.ts';
import { placeOf } from './storage/version-table.ts';

/** Whose a reading is, on which device and when. */
export interface Place {
  readonly patientId: string;
  readonly device: { readonly _id: string; readonly device_id: string };
  readonly measuredAt: Date;
  readonly endedAt: Date;
}

/** Whose a reading is, or why that cannot be said yet; `erased` when it was measured while somebody had the device of whom nothing is kept any more. */
export type Attribution = Place | { readonly reason: QuarantineReason | 'erased' };

/** Says whose a reading is; `identity` is that of the reading whose version it may be. */
export type Attributor = (reading: Reading, identity: string | undefined) => Promise<Attribution>;

const futureToleranceMs = 10 * 60 * 1000;

/**
 * Decides by who held the device when it measured, not by who holds it now; a withdrawal belongs where the reading is that it takes
 * back. When the sender names a patient we know, and another one held the device, nobody is chosen. Remembers devices for the time of
 * one delivery.
 */
export const createAttributor = (db: Queryable, now: number): Attributor => {
  const deviceNamed = remember((named) => deviceByIdentifiers(db, 'medisante', JSON.parse(named) as DeviceNames));
  const heldBy = remember((device) => intervalsOf(db, device));
  const contradicted = remember(async (names) => {
    const [patientId = '', ...subjects] = JSON.parse(names) as string[];
    return subjects.length > 0 && !subjects.includes(patientId) && (await holdsDevices(db, subjects));
  });
  return async ({ identifiers, deviceModel, measuredAt, endedAt, status, subjects, unfit }, identity) => {
    if (unfit !== undefined) return { reason: unfit };
    const earlier = identity !== undefined && withdraws(status) ? await placeOf(db, identity) : undefined;
    if (earlier) return earlier;
    if (identifiers.length === 0) return { reason: 'no-device-identity' };
    if (measuredAt === undefined) return { reason: 'missing-timestamp' };
    if (measuredAt.epochMs > now + futureToleranceMs) return { reason: 'timestamp-in-future' };
    const device = await deviceNamed(JSON.stringify({ identifiers, deviceModel }));
    if (!device) return { reason: 'device-unknown' };
    const patientId = holderAt(await heldBy(device._id), measuredAt.epochMs);
    if (patientId === undefined) return { reason: 'device-not-assigned' };
    if (patientId === ERASED_HOLDER) return { reason: 'erased' };
    if (await contradicted(JSON.stringify([patientId, ...subjects]))) return { reason: 'patient-mismatch' };
    return { patientId, device, measuredAt: new Date(measuredAt.epochMs), endedAt: new Date((endedAt ?? measuredAt).epochMs) };
  };
};
