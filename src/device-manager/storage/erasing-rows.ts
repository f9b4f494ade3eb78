import type { Queryable } from '../../database/pool.ts';

/** Erases the rows of a patient from one table and answers how many there were. Twice is once. */
export type EraseRows = (db: Queryable, patientId: string) => Promise<number>;

/** For a table whose rows are a patient's alone; its name is written into SQL and so never comes from outside. */
export const rowsOf = (table: string): EraseRows => async (db, patientId) =>
  (await db.query(`delete from device_manager.${table} where patient_id = $1`, [patientId])).rowCount ?? 0;
