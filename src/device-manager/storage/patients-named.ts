import type { Queryable } from '../../database/pool.ts';
import { erasedTables } from './erased-tables.ts';

/** How a table names patients, where it is not by `patient_id`; null where it names none itself. */
const columnOf: Readonly<Record<string, string | null>> = { device: 'owner_patient_id', delivery: null, renormalization: null };

/** Every patient whom any table names, also one of whom there are keys alone. It reads all of it: for a database that was restored. */
export const patientsNamed = async (db: Queryable): Promise<string[]> => {
  const tables = [...new Set([...erasedTables.map(({ table }) => table), 'audit_event'])];
  const selects = tables.flatMap((table) => {
    const column = columnOf[table] === undefined ? 'patient_id' : columnOf[table];
    return column === null ? [] : [`select distinct ${column} as patient_id from device_manager.${table}`];
  });
  const { rows } = await db.query<{ patient_id: string }>(
    `select distinct patient_id from (${selects.join(' union all ')} union all select substr(scope, 9) from device_manager_keys.scope_key where scope like 'patient:%') named
     where patient_id is not null and patient_id <> '' and patient_id not like 'erased:%'`,
  );
  return rows.map(({ patient_id: patientId }) => patientId);
};
