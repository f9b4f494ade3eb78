import type { Queryable } from '../../database/pool.ts';
import type { ScopeKeys } from '../../keys/scope-keys.ts';
import type { NormalizedData } from '../../measurement/coding.ts';
import { rowsOf } from './erasing-rows.ts';
import { openBytes, sealBytes } from './payload-table.ts';
import type { SealedColumn } from './sealed-column.ts';

/** Which results: those one version of one rule made of one payload. */
export interface ChunkKey {
  readonly patientId: string;
  readonly payloadId: string;
  readonly ruleId: string;
  readonly ruleVersion: number;
}

/** Normalized records by `recordName`. */
export type NormalizedChunk = Readonly<Record<string, NormalizedData>>;

/** Which item of a payload a record is of, and what of it does not count. */
interface RecordPlace {
  readonly item_index: number;
  readonly left_out: string | null;
}

/** What a record is called in its chunk. That of both halves of a blood pressure stays beside that of one: it may have been submitted. */
export const recordName = ({ item_index: itemIndex, left_out: leftOut }: RecordPlace): string => (leftOut === null ? String(itemIndex) : `${String(itemIndex)}:${leftOut}`);

/** The record of an item; one half was once kept in place of both. */
export const recordIn = (chunk: NormalizedChunk, place: RecordPlace): NormalizedData | undefined => chunk[recordName(place)] ?? chunk[String(place.item_index)];

const aad = ({ patientId, payloadId, ruleId, ruleVersion }: ChunkKey) => `normalized_chunk:${patientId}:${payloadId}:${ruleId}:${String(ruleVersion)}`;

/** What of a chunk is sealed. */
export const sealedChunk: SealedColumn = {
  table: 'normalized_chunk', column: 'body', key: { payload_id: 'uuid', rule_id: 'text', rule_version: 'integer' },
  placeOf: (patientId, [payloadId = '', ruleId = '', ruleVersion = '']) => aad({ patientId, payloadId, ruleId, ruleVersion: Number(ruleVersion) }),
};

/** Reads a chunk; empty when there is none. */
export const readNormalizedChunk = async (db: Queryable, { dataKey }: ScopeKeys, key: ChunkKey): Promise<NormalizedChunk> => {
  const { rows } = await db.query<{ body: Buffer }>(
    'select body from device_manager.normalized_chunk where patient_id = $1 and payload_id = $2::uuid and rule_id = $3 and rule_version = $4',
    [key.patientId, key.payloadId, key.ruleId, key.ruleVersion],
  );
  return rows[0] ? (JSON.parse((await openBytes(dataKey, rows[0].body, aad(key))).toString('utf8')) as NormalizedChunk) : {};
};

/** Removes what any rule made of some items of a payload. The caller holds the patient's lock. */
export const removeRecords = async (db: Queryable, keys: ScopeKeys, patientId: string, payloadId: string, itemIndexes: readonly number[]): Promise<void> => {
  const removed = new Set(itemIndexes.map(String));
  const { rows } = await db.query<{ rule_id: string; rule_version: number }>(
    'select rule_id, rule_version from device_manager.normalized_chunk where patient_id = $1 and payload_id = $2::uuid', [patientId, payloadId],
  );
  for (const row of rows) {
    const key = { patientId, payloadId, ruleId: row.rule_id, ruleVersion: row.rule_version };
    const records = await readNormalizedChunk(db, keys, key);
    const left = Object.fromEntries(Object.entries(records).filter(([name]) => !removed.has(name.split(':', 1)[0] ?? '')));
    if (Object.keys(left).length === Object.keys(records).length) continue;
    await db.query('update device_manager.normalized_chunk set body = $5 where patient_id = $1 and payload_id = $2::uuid and rule_id = $3 and rule_version = $4', [
      patientId, payloadId, key.ruleId, key.ruleVersion, sealBytes(keys.dataKey, Buffer.from(JSON.stringify(left)), aad(key)),
    ]);
  }
};

/** Records that one version of one rule made of one payload. */
export interface NewRecords {
  readonly key: ChunkKey;
  readonly records: NormalizedChunk;
}

/** Adds records to chunks of one patient, in place of older ones of the same items. The caller holds the patient's lock. */
export const mergeNormalizedChunks = async (db: Queryable, keys: ScopeKeys, patientId: string, added: readonly NewRecords[]): Promise<void> => {
  if (added.length === 0) return;
  const places = [added.map(({ key }) => key.payloadId), added.map(({ key }) => key.ruleId), added.map(({ key }) => key.ruleVersion)];
  const { rows } = await db.query<{ position: number }>({
    name: 'normalized-chunks-to-merge',
    text: `select t.position::int from unnest($2::uuid[], $3::text[], $4::int[]) with ordinality as t(payload_id, rule_id, rule_version, position)
     join device_manager.normalized_chunk c on c.patient_id = $1 and c.payload_id = t.payload_id and c.rule_id = t.rule_id and c.rule_version = t.rule_version`,
    values: [patientId, ...places],
  });
  const there = new Set(rows.map(({ position }) => position - 1));
  const bodies: Buffer[] = [];
  for (const [position, { key, records }] of added.entries()) {
    const merged = there.has(position) ? { ...(await readNormalizedChunk(db, keys, key)), ...records } : records;
    bodies.push(sealBytes(keys.dataKey, Buffer.from(JSON.stringify(merged)), aad(key)));
  }
  await db.query({
    name: 'write-normalized-chunks',
    text: `insert into device_manager.normalized_chunk (patient_id, payload_id, rule_id, rule_version, body)
     select $1, t.* from unnest($2::uuid[], $3::text[], $4::int[], $5::bytea[]) as t
     on conflict (patient_id, payload_id, rule_id, rule_version) do update set body = excluded.body`,
    values: [patientId, ...places, bodies],
  });
};

/** Erases the records of a patient. */
export const eraseNormalized = rowsOf('normalized_chunk');
