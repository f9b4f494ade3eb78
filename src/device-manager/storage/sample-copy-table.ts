import type { Queryable } from '../../database/pool.ts';
import { rowsOf } from './erasing-rows.ts';

/** Where a payload holds a sample once more: its row points elsewhere. */
export interface SampleCopy {
  readonly _id: string;
  readonly itemIndex: number;
}

/** The place of an item in a kept payload, and the sample that it is. */
export interface ItemPlace {
  readonly _id: string;
  readonly payloadId: string;
  readonly itemIndex: number;
}

/** Remembers which items of a payload are samples that were there already: a deletion must find them all. */
export const insertCopies = async (db: Queryable, patientId: string, payloadId: string, copies: readonly SampleCopy[]): Promise<void> => {
  if (copies.length === 0) return;
  await db.query(
    `insert into device_manager.sample_copy (patient_id, payload_id, _id, item_index)
     select $1, $2::uuid, t.* from unnest($3::uuid[], $4::int[]) as t`,
    [patientId, payloadId, copies.map(({ _id }) => _id), copies.map(({ itemIndex }) => itemIndex)],
  );
};

/** All places of samples: where their rows point, and the copies. */
export const placesOf = async (db: Queryable, patientId: string, ids: readonly string[]): Promise<ItemPlace[]> => {
  const { rows } = await db.query<{ _id: string; payload_id: string; item_index: number }>(
    `select replace(_id::text, '-', '') as _id, replace(payload_id::text, '-', '') as payload_id, item_index from (
       select _id, payload_id, item_index from device_manager.sample where patient_id = $1 and _id = any($2::uuid[])
       union select _id, payload_id, item_index from device_manager.sample_copy where patient_id = $1 and _id = any($2::uuid[])) places
     order by payload_id, item_index`,
    [patientId, ids],
  );
  return rows.map((row) => ({ _id: row._id, payloadId: row.payload_id, itemIndex: row.item_index }));
};

/** Erases the copies of a patient. */
export const eraseCopies = rowsOf('sample_copy');
