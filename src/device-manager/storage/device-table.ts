import { randomUUID } from 'node:crypto';
import type { Queryable } from '../../database/pool.ts';

/** A device with its present holder, if any; identifiers as 32 hexadecimal digits. */
export interface DeviceRow {
  readonly _id: string;
  readonly provider: string;
  readonly device_id: string;
  readonly owner_patient_id: string | null;
  readonly declared_provider: string;
  readonly device_type: string;
  readonly name: string | null;
  readonly serial_number: string | null;
  readonly features: readonly string[] | null;
  readonly patient_id: string | null;
  readonly assigned_from: Date | null;
}

export interface NewDevice {
  readonly provider: string;
  readonly deviceId: string;
  /** The patient of a HealthKit device; null for hardware. */
  readonly ownerPatientId: string | null;
  readonly declaredProvider: string;
  readonly deviceType: string;
  readonly name?: string | undefined;
  readonly serialNumber?: string | undefined;
  readonly features?: readonly string[] | undefined;
  readonly creatorId: string;
}

const selectDevice = `
  select replace(d._id::text, '-', '') as _id, d.provider, d.device_id, d.owner_patient_id, d.declared_provider, d.device_type, d.name,
    d.serial_number, d.features, a.patient_id, a.assigned_from
  from device_manager.device d
  left join device_manager.assignment a on a.device = d._id and a.assigned_until is null`;

/** What may be an `_id`, which an index finds as a UUID alone. */
const uuidIn = (name: string): string | null => (/^[0-9a-f]{32}$/i.test(name) ? name : null);

/** Makes a device known, or brings its description up to date; answers its `_id`, and holds its row until the transaction ends. */
export const upsertDevice = async (db: Queryable, device: NewDevice): Promise<string> => {
  const { rows } = await db.query<{ _id: string }>(
    `insert into device_manager.device
       (_id, provider, device_id, owner_patient_id, declared_provider, device_type, name, serial_number, features, creator_id, updater_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
     on conflict (provider, device_id, owner_patient_id) do update
       set name = coalesce(excluded.name, device.name), serial_number = coalesce(excluded.serial_number, device.serial_number),
         features = coalesce(excluded.features, device.features), updated_at = now(), updater_id = excluded.updater_id
     returning replace(_id::text, '-', '') as _id`,
    [randomUUID(), device.provider, device.deviceId, device.ownerPatientId, device.declaredProvider, device.deviceType,
      device.name ?? null, device.serialNumber ?? null, device.features ?? null, device.creatorId],
  );
  const [row] = rows;
  if (!row) throw new Error('The device was not stored.');
  return row._id;
};

/** A device by `_id`, or by the identifier at its provider when that names one alone; its row is held until the transaction ends. */
export const lockDevice = async (db: Queryable, id: string, patientId: string | undefined): Promise<{ _id: string; device_id: string } | undefined> => {
  const { rows } = await db.query<{ _id: string; device_id: string }>(
    `select replace(_id::text, '-', '') as _id, device_id from device_manager.device d
     where (_id = $3::uuid or device_id = $1)
       and ($2::text is null or owner_patient_id = $2 or exists (select from device_manager.assignment a where a.device = d._id and a.patient_id = $2))
     order by (_id = $3::uuid) is true desc limit 2 for update`,
    [id, patientId ?? null, uuidIn(id)],
  );
  return rows.length === 2 && rows[0]?.device_id === id ? undefined : rows[0];
};

/** Devices that a name means: the one of that `_id`, and all of that identifier at their providers. */
export const devicesNamed = async (db: Queryable, name: string): Promise<DeviceRow[]> =>
  (await db.query<DeviceRow>(`${selectDevice} where d._id = $2::uuid or d.device_id = $1 order by d.created_at, d._id`, [name, uuidIn(name)])).rows;

export interface DeviceFilter {
  readonly assignedPatientId?: string | undefined;
  readonly provider?: string | undefined;
  readonly deviceId?: string | undefined;
  readonly limit: number;
  readonly skip: number;
}

/** Devices by filter, the last enrolled one last. */
export const findDevices = async (db: Queryable, { assignedPatientId, provider, deviceId, limit, skip }: DeviceFilter): Promise<DeviceRow[]> =>
  (
    await db.query<DeviceRow>(
      `${selectDevice}
       where ($1::text is null or a.patient_id = $1) and ($2::text is null or d.provider = $2) and ($3::text is null or d.device_id = $3)
       order by a.assigned_from nulls first, d.created_at, d._id limit $4 offset $5`,
      [assignedPatientId ?? null, provider ?? null, deviceId ?? null, limit, skip],
    )
  ).rows;

/** What a delivery calls a device: names in the order in which they count, and `Manufacturer:Model` where it tells. */
export interface DeviceNames {
  readonly identifiers: readonly string[];
  readonly deviceModel?: string | undefined;
}

/** Whether a device whose id tells its model is of model $3; any other may be. */
const mayBeOfModel = `($3::text is null or d.device_id !~* '^(?!urn:|https?:)[^:]+:[^:]+:[^:]+$' or lower(substring(d.device_id from '^[^:]+:[^:]+')) = lower($3))`;

/**
 * The hardware device that one of the identifiers names, in their order; a device id goes before a serial number, which anybody can
 * declare, and which means no device of another model. `name` is the identifier it was found by.
 */
export const deviceByIdentifiers = async (db: Queryable, provider: string, { identifiers, deviceModel }: DeviceNames): Promise<{ _id: string; device_id: string; name: string } | undefined> =>
  (
    await db.query<{ _id: string; device_id: string; name: string }>(
      `select replace(d._id::text, '-', '') as _id, d.device_id, identifier as name from unnest($2::text[]) with ordinality as named(identifier, position)
       join device_manager.device d on d.provider = $1 and d.owner_patient_id is null and (d.device_id = identifier or d.serial_number = identifier and ${mayBeOfModel})
       order by position, d.device_id = identifier desc, d.created_at, d._id limit 1`,
      [provider, identifiers, deviceModel ?? null],
    )
  ).rows[0];

/** All that a delivery may call a device. */
export const deviceIdentifiers = async (db: Queryable, device: string): Promise<string[]> =>
  (
    await db.query<{ device_id: string; serial_number: string | null }>('select device_id, serial_number from device_manager.device where _id = $1::uuid', [device])
  ).rows.flatMap((row) => [row.device_id, row.serial_number]).filter((one) => one !== null);
