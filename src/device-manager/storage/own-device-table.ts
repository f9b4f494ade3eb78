import type { Queryable } from '../../database/pool.ts';
import type { DeviceRow } from './device-table.ts';
import type { EraseRows } from './erasing-rows.ts';

/** In SQL, the name of `d` as far as a patient may see it: their own, that of their present device `a`, or one that no person gave and nobody else has. */
export const nameFor = (patient: string): string => `
  case when d.owner_patient_id = ${patient} or a.patient_id = ${patient} or d.updater_id = 'patient:' || ${patient} then d.name
    when a.patient_id is null and d.updater_id not like 'patient:%' then d.name end`;

/** In SQL, the devices that are a patient's own, and those that the patient ever had: each half by its own index. */
export const idsEverHeldBy = (patient: string): string => `
  select o._id from device_manager.device o where o.owner_patient_id = ${patient} union select h.device from device_manager.assignment h where h.patient_id = ${patient}`;

/** A device that a patient has or had, as that patient may see it. */
export interface OwnDevice extends Omit<DeviceRow, 'patient_id' | 'assigned_from' | 'owner_patient_id'> {
  readonly created_at: Date;
}

/** All devices that a patient ever had, oldest first. */
export const devicesEverOf = async (db: Queryable, patientId: string): Promise<OwnDevice[]> =>
  (
    await db.query<OwnDevice>(
      `select replace(d._id::text, '-', '') as _id, d.provider, d.device_id, d.declared_provider, d.device_type, ${nameFor('$1')} as name, d.serial_number, d.features, d.created_at
       from device_manager.device d left join device_manager.assignment a on a.device = d._id and a.assigned_until is null
       where d._id in (${idsEverHeldBy('$1')}) order by d.created_at, d._id`,
      [patientId],
    )
  ).rows;

/** Hardware that this patient had and, of all who are known, nobody else; `d` is the device. */
const heldByNobodyElse = (patient: string): string => `
  d.owner_patient_id is null and exists (select from device_manager.assignment h where h.device = d._id and h.patient_id = ${patient})
  and not exists (select from device_manager.assignment o where o.device = d._id and o.patient_id not in (${patient}, ''))`;

/** All that a delivery may call the hardware that a patient alone had. Asked before the assignments are erased. */
export const identifiersHeldAlone = async (db: Queryable, patientId: string): Promise<string[]> =>
  (
    await db.query<{ identifier: string }>(
      `select identifier from device_manager.device d, unnest(array[d.device_id, d.serial_number]) as identifier where identifier is not null and ${heldByNobodyElse('$1')}`, [patientId],
    )
  ).rows.map(({ identifier }) => identifier);

/** Hardware that a patient had and that nobody else has now. */
const heldBefore = (patient: string): string => `
  exists (select from device_manager.assignment h where h.device = d._id and h.patient_id = ${patient})
  and not exists (select from device_manager.assignment o where o.device = d._id and o.patient_id not in (${patient}, '') and o.assigned_until is null)`;

/** Takes names that may speak of a patient, and the patient, out of the hardware they had; the name that another one gave stays. Goes before the assignments. */
export const eraseDeviceTexts: EraseRows = async (db, patientId) => {
  const { rowCount } = await db.query(
    `update device_manager.device d set name = null, updated_at = now(), creator_id = case when creator_id = $2 then 'erased' else creator_id end, updater_id = case when updater_id = $2 then 'erased' else updater_id end
     where owner_patient_id is null
       and d._id in (select u._id from device_manager.device u where u.owner_patient_id is null and u.updater_id = $2 union select h.device from device_manager.assignment h where h.patient_id = $1)
       and (updater_id = $2 or (updater_id not like 'patient:%' and ${heldBefore('$1')}))`,
    [patientId, `patient:${patientId}`],
  );
  await db.query(`update device_manager.device set creator_id = 'erased' where creator_id = $1 and owner_patient_id is null`, [`patient:${patientId}`]);
  return rowCount ?? 0;
};

/** Erases the HealthKit devices of a patient, which are theirs alone. Goes after the assignments. */
export const eraseOwnDevices: EraseRows = async (db, patientId) =>
  (await db.query('delete from device_manager.device where owner_patient_id = $1', [patientId])).rowCount ?? 0;
