import type { Queryable } from '../../database/pool.ts';
import type { Interval } from '../domain/attribution.ts';
import type { EraseRows } from './erasing-rows.ts';

/** All intervals of a device in order of time. */
export const intervalsOf = async (db: Queryable, device: string): Promise<Interval[]> =>
  (
    await db.query<{ patient_id: string; assigned_from: Date; assigned_until: Date | null }>({
      name: 'intervals-of-device',
      text: 'select patient_id, assigned_from, assigned_until from device_manager.assignment where device = $1::uuid order by assigned_from',
      values: [device],
    })
  ).rows.map((row) => ({ patientId: row.patient_id, from: row.assigned_from.getTime(), ...(row.assigned_until && { until: row.assigned_until.getTime() }) }));

/** Puts an interval in place; `replaces` is the start of the one it takes the place of. Instants in milliseconds since 1970. */
export const putInterval = async (db: Queryable, device: string, interval: Interval, replaces?: number): Promise<void> => {
  if (replaces !== undefined) {
    await db.query('delete from device_manager.assignment where device = $1::uuid and assigned_from = $2', [device, new Date(replaces)]);
  }
  await db.query('insert into device_manager.assignment (device, patient_id, assigned_from, assigned_until) values ($1::uuid, $2, $3, $4)', [
    device, interval.patientId, new Date(interval.from), interval.until === undefined ? null : new Date(interval.until),
  ]);
};

/** Removes the interval that starts at an instant: an assignment that ended before it began. */
export const removeInterval = async (db: Queryable, device: string, from: number): Promise<void> => {
  await db.query('delete from device_manager.assignment where device = $1::uuid and assigned_from = $2', [device, new Date(from)]);
};

/** Whether any of some patients ever held a device. */
export const holdsDevices = async (db: Queryable, patientIds: readonly string[]): Promise<boolean> =>
  ((await db.query('select from device_manager.assignment where patient_id = any($1::text[]) limit 1', [patientIds])).rowCount ?? 0) > 0;

/** A time in which a patient had a device; its identifier as 32 hexadecimal digits. */
export interface Holding {
  readonly device: string;
  readonly device_id: string;
  readonly assigned_from: Date;
  readonly assigned_until: Date | null;
}

/** All times in which a patient had any device, in order of time. */
export const holdingsOf = async (db: Queryable, patientId: string): Promise<Holding[]> =>
  (
    await db.query<Holding>(
      `select replace(a.device::text, '-', '') as device, d.device_id, a.assigned_from, a.assigned_until
       from device_manager.assignment a join device_manager.device d on d._id = a.device where a.patient_id = $1 order by a.assigned_from, a.device`,
      [patientId],
    )
  ).rows;

/**
 * Who held hardware and was erased. The time stays taken, so that what was measured in it never becomes somebody else's; a patient's
 * identifier is never empty.
 */
export const ERASED_HOLDER = '';

/** Takes a patient out of the times in which they had hardware, which end now at the latest; those of HealthKit devices go. Goes before the devices. */
export const eraseAssignments: EraseRows = async (db, patientId) => {
  const gone = await db.query(
    'delete from device_manager.assignment a using device_manager.device d where d._id = a.device and a.patient_id = $1 and d.owner_patient_id is not null', [patientId],
  );
  const kept = await db.query(
    `update device_manager.assignment set patient_id = $2, assigned_until = coalesce(assigned_until, greatest(now(), assigned_from + interval '1 millisecond')) where patient_id = $1`,
    [patientId, ERASED_HOLDER],
  );
  return (gone.rowCount ?? 0) + (kept.rowCount ?? 0);
};
