import type { Queryable } from '../../database/pool.ts';
import { rowsOf } from './erasing-rows.ts';

const hex = (column: string) => `replace(${column}::text, '-', '')`;

/**
 * Keeps uploads and deletions of one patient apart until the transaction ends: many uploads may go on at once, a deletion goes alone.
 * Else an upload could look for tombstones before, and a deletion for samples before the other one commits.
 */
export const lockKeeping = async (db: Queryable, patientId: string, act: 'upload' | 'deletion'): Promise<void> => {
  await db.query({
    name: `lock-keeping-${act}`,
    text: `select set_config('lock_timeout', '0', true), ${act === 'upload' ? 'pg_advisory_xact_lock_shared' : 'pg_advisory_xact_lock'}(hashtextextended('keeping:' || $1, 0))`,
    values: [patientId],
  });
};

/** Marks identifiers as deleted for good, also those no sample has; answers those that were not marked before. */
export const insertTombstones = async (db: Queryable, patientId: string, ids: readonly string[]): Promise<Set<string>> => {
  const { rows } = await db.query<{ _id: string }>(
    `insert into device_manager.tombstone (patient_id, _id) select $1, unnest($2::uuid[]) on conflict do nothing returning ${hex('_id')} as _id`,
    [patientId, ids],
  );
  return new Set(rows.map(({ _id }) => _id));
};

/** Which identifiers are marked as deleted. */
export const deletedAmong = async (db: Queryable, patientId: string, ids: readonly string[]): Promise<Set<string>> => {
  const { rows } = await db.query<{ _id: string }>(
    `select ${hex('_id')} as _id from device_manager.tombstone where patient_id = $1 and _id = any($2::uuid[])`,
    [patientId, ids],
  );
  return new Set(rows.map(({ _id }) => _id));
};

/** Leaves nothing of samples but identifiers, device and instants; their digests go too, for small values can be guessed from them. */
export const markDeleted = async (db: Queryable, patientId: string, ids: readonly string[]): Promise<void> => {
  await db.query(
    `update device_manager.sample set state = 'deleted', reason = null, normalized_type = null, rule_id = null, rule_version = null, same_reading_as = null,
       content_key = null, updated_at = now() where patient_id = $1 and _id = any($2::uuid[])`,
    [patientId, ids],
  );
};

/** Identifiers of a patient that are marked as deleted, in their order, from after one of them. */
export const tombstonesAfter = async (db: Queryable, patientId: string, after: string | undefined, limit: number): Promise<{ _id: string; deleted_at: Date }[]> =>
  (
    await db.query<{ _id: string; deleted_at: Date }>(
      `select ${hex('t._id')} as _id, deleted_at from device_manager.tombstone t where patient_id = $1 and ($2::uuid is null or t._id > $2) order by t._id limit $3`,
      [patientId, after ?? null, limit],
    )
  ).rows;

/** Erases the tombstones of a patient. */
export const eraseTombstones = rowsOf('tombstone');
