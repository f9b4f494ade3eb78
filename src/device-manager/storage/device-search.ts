import type { Queryable } from '../../database/pool.ts';
import { idsEverHeldBy, nameFor } from './own-device-table.ts';

/** A device as its readers see it; identifiers as 32 hexadecimal digits. */
export interface SeenDevice {
  readonly _id: string;
  readonly device_id: string;
  readonly device_type: string;
  readonly name: string | null;
  readonly serial_number: string | null;
  readonly patient_id: string | null;
  readonly updated_at: Date;
}

/** Which devices: those somebody has, those somebody ever had, or some by identifier. */
export interface DeviceSearch {
  readonly holder?: string | undefined;
  readonly everHeldBy?: string | undefined;
  readonly ids?: readonly string[] | undefined;
  /** Only those after this identifier. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Devices in order of their identifiers; an assignment changes a device. Who looks for what somebody ever held sees the names that are theirs. */
export const searchDevices = async (db: Queryable, { holder, everHeldBy, ids, after, limit }: DeviceSearch): Promise<SeenDevice[]> => {
  const values: unknown[] = [];
  const parameter = (value: unknown): string => `$${String(values.push(value))}`;
  const viewer = everHeldBy === undefined ? undefined : `${parameter(everHeldBy)}::text`;
  // Only what is asked for is in the statement: a condition that might be none would hide the index from the planner.
  const conditions = [
    ...(holder === undefined ? [] : [`d._id in (select h.device from device_manager.assignment h where h.patient_id = ${parameter(holder)} and h.assigned_until is null)`]),
    ...(viewer === undefined ? [] : [`d._id in (${idsEverHeldBy(viewer)})`]),
    ...(ids === undefined ? [] : [`d._id = any(${parameter(ids)}::uuid[])`]),
    ...(after === undefined ? [] : [`d._id > ${parameter(after)}::uuid`]),
    'true',
  ];
  const { rows } = await db.query<SeenDevice>(
    `select replace(d._id::text, '-', '') as _id, d.device_id, d.device_type, ${viewer === undefined ? 'd.name' : nameFor(viewer)} as name, d.serial_number, a.patient_id,
       greatest(d.updated_at, (select max(greatest(h.assigned_from, h.assigned_until)) from device_manager.assignment h where h.device = d._id and greatest(h.assigned_from, h.assigned_until) <= now())) as updated_at
     from device_manager.device d left join device_manager.assignment a on a.device = d._id and a.assigned_until is null
     where ${conditions.join(' and ')} order by d._id limit ${parameter(limit)}`,
    values,
  );
  return rows;
};
