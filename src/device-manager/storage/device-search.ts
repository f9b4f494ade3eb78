import type { Queryable } from '../../database/pool.ts';
import { nameFor } from './own-device-table.ts';

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
export const searchDevices = async (db: Queryable, { holder, everHeldBy, ids, after, limit }: DeviceSearch): Promise<SeenDevice[]> =>
  (
    await db.query<SeenDevice>(
      `select replace(d._id::text, '-', '') as _id, d.device_id, d.device_type, case when $2::text is null then d.name else ${nameFor('$2')} end as name, d.serial_number, a.patient_id,
         greatest(d.updated_at, (select max(greatest(h.assigned_from, h.assigned_until)) from device_manager.assignment h where h.device = d._id and greatest(h.assigned_from, h.assigned_until) <= now())) as updated_at
       from device_manager.device d left join device_manager.assignment a on a.device = d._id and a.assigned_until is null
       where ($1::text is null or a.patient_id = $1)
         and ($2::text is null or d.owner_patient_id = $2 or exists (select from device_manager.assignment e where e.device = d._id and e.patient_id = $2))
         and ($3::uuid[] is null or d._id = any($3)) and ($4::uuid is null or d._id > $4)
       order by d._id limit $5`,
      [holder ?? null, everHeldBy ?? null, ids ?? null, after ?? null, limit],
    )
  ).rows;
