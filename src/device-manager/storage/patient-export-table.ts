import type { Queryable } from '../../database/pool.ts';
import type { ScopeKeys } from '../../keys/scope-keys.ts';
import { rowsOf } from './erasing-rows.ts';
import { openBytes, sealBytes } from './payload-table.ts';
import type { SealedColumn } from './sealed-column.ts';

/** An export of all of one patient; its identifier as 32 hexadecimal digits. */
export interface PatientExport {
  readonly _id: string;
  readonly patient_id: string;
  readonly state: 'waiting' | 'running' | 'ready' | 'failed';
  readonly attempts: number;
  readonly files: number;
  readonly size_bytes: number;
  readonly digest: Buffer | null;
  readonly created_at: Date;
  readonly finished_at: Date | null;
  readonly expires_at: Date | null;
}

const select = `
  select replace(_id::text, '-', '') as _id, patient_id, state, attempts, files, size_bytes::float8 as size_bytes, digest, created_at, finished_at, expires_at
  from device_manager.patient_export`;
const isId = (id: string): boolean => /^[0-9a-f]{32}$/.test(id);
const aad = (patientId: string, id: string, position: number | string) => `patient_export_part:${patientId}:${id}:${String(position)}`;

/** The pieces of archives are sealed. */
export const sealedExportPart: SealedColumn = {
  table: 'patient_export_part', column: 'body', key: { _id: 'uuid', position: 'integer' }, placeOf: (patientId, [id = '', position = '']) => aad(patientId, id, position),
};

/** Notes that an export is wanted. */
export const insertExport = async (db: Queryable, { _id, patientId, creator }: { readonly _id: string; readonly patientId: string; readonly creator: string }): Promise<void> => {
  await db.query('insert into device_manager.patient_export (patient_id, _id, creator) values ($1, $2::uuid, $3)', [patientId, _id, creator]);
};

/** An export that has not expired. */
export const findExport = async (db: Queryable, patientId: string, id: string): Promise<PatientExport | undefined> =>
  isId(id) ? (await db.query<PatientExport>(`${select} where patient_id = $1 and _id = $2::uuid and (expires_at is null or expires_at > now())`, [patientId, id])).rows[0] : undefined;

/** The latest exports of a patient that have not expired, or of those the ones under way. */
export const latestExports = async (db: Queryable, patientId: string, which: 'any' | 'under-way', limit: number): Promise<PatientExport[]> =>
  (
    await db.query<PatientExport>(
      `${select} where patient_id = $1 and (expires_at is null or expires_at > now()) and ($2 = 'any' or state in ('waiting', 'running')) order by created_at desc limit $3`,
      [patientId, which, limit],
    )
  ).rows;

/** Begins an attempt: what an earlier one wrote is thrown away. Answers its number, or undefined when there is nothing to make. */
export const beginExport = async (db: Queryable, patientId: string, id: string): Promise<number | undefined> => {
  const { rows } = await db.query<{ attempts: number }>(
    `update device_manager.patient_export set state = 'running', attempts = attempts + 1, files = 0, size_bytes = 0
     where patient_id = $1 and _id = $2::uuid and state in ('waiting', 'running') returning attempts`,
    [patientId, id],
  );
  if (rows[0]) await db.query('delete from device_manager.patient_export_part where patient_id = $1 and _id = $2::uuid', [patientId, id]);
  return rows[0]?.attempts;
};

/** Which attempt at which export. */
export interface Attempt {
  readonly patientId: string;
  readonly id: string;
  readonly attempt: number;
}

/** Keeps a piece of the archive, sealed and bound to its place; false when the attempt counts no more. */
export const writePart = async (db: Queryable, { dataKey }: ScopeKeys, { patientId, id, attempt }: Attempt, part: { readonly position: number; readonly bytes: Buffer; readonly files: number }): Promise<boolean> => {
  const { rowCount } = await db.query(
    `update device_manager.patient_export set files = $4, size_bytes = size_bytes + $5 where patient_id = $1 and _id = $2::uuid and attempts = $3 and state = 'running'`,
    [patientId, id, attempt, part.files, part.bytes.length],
  );
  if (rowCount !== 1) return false;
  await db.query('insert into device_manager.patient_export_part (patient_id, _id, position, body) values ($1, $2::uuid, $3, $4)', [
    patientId, id, part.position, sealBytes(dataKey, part.bytes, aad(patientId, id, part.position)),
  ]);
  return true;
};

/** Ends an attempt: the export is ready until some days from now. */
export const finishExport = async (db: Queryable, { patientId, id, attempt }: Attempt, digest: Buffer, days: number): Promise<void> => {
  await db.query(
    `update device_manager.patient_export set state = 'ready', digest = $4, finished_at = now(), expires_at = now() + make_interval(days => $5)
     where patient_id = $1 and _id = $2::uuid and attempts = $3 and state = 'running'`,
    [patientId, id, attempt, digest, days],
  );
};

/** Gives an export up that is not ready; it stays to be seen for some days, and is in the way of no other. */
export const failExport = async (db: Queryable, { patientId, id }: Omit<Attempt, 'attempt'>, days: number): Promise<void> => {
  await db.query(
    `update device_manager.patient_export set state = 'failed', finished_at = now(), expires_at = now() + make_interval(days => $3) where patient_id = $1 and _id = $2::uuid and state in ('waiting', 'running')`,
    [patientId, id, days],
  );
};

/** One piece of a kept archive, opened; undefined after the last one. Throws SealBrokenError when it was changed. */
export const readPart = async (db: Queryable, { dataKey }: ScopeKeys, patientId: string, id: string, position: number): Promise<Buffer | undefined> => {
  const { rows } = await db.query<{ body: Buffer }>('select body from device_manager.patient_export_part where patient_id = $1 and _id = $2::uuid and position = $3', [patientId, id, position]);
  return rows[0] && openBytes(dataKey, rows[0].body, aad(patientId, id, position));
};

/** Puts an attempt back that was stopped in order, as if it had not begun. */
export const putBackExport = async (db: Queryable, { patientId, id, attempt }: Attempt): Promise<void> => {
  await db.query(`update device_manager.patient_export set state = 'waiting', attempts = attempts - 1 where patient_id = $1 and _id = $2::uuid and attempts = $3 and state = 'running'`, [patientId, id, attempt]);
};

/** Erases the exports of a patient. */
export const eraseExports = rowsOf('patient_export');

/** Erases the pieces of the archives of a patient. */
export const eraseExportParts = rowsOf('patient_export_part');

/** Removes the oldest exports of a patient that are over, but for some, so that archives do not pile up. */
export const keepNewestExports = async (db: Queryable, patientId: string, most: number): Promise<void> => {
  const old = `select _id from device_manager.patient_export where patient_id = $1 and state in ('ready', 'failed') order by created_at desc offset $2`;
  await db.query(`delete from device_manager.patient_export_part where patient_id = $1 and _id in (${old})`, [patientId, most]);
  await db.query(`delete from device_manager.patient_export where patient_id = $1 and _id in (${old})`, [patientId, most]);
};
