import type { Queryable } from '../../database/pool.ts';
import type { ScopeKeys } from '../../keys/scope-keys.ts';
import type { NormalizedData } from '../../measurement/coding.ts';
import { openBytes, sealBytes } from './payload-table.ts';
import type { SealedColumn } from './sealed-column.ts';

/** Which results: those one version of one rule made of one payload. */
export interface ChunkKey {
  readonly patientId: string;
  readonly payloadId: string;
  readonly ruleId: string;
  readonly ruleVersion: number;
}

/** Normalized records by position of the item in its payload. */
export type NormalizedChunk = Readonly<Record<string, NormalizedData>>;

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
    const left = Object.fromEntries(Object.entries(records).filter(([index]) => !removed.has(index)));
    if (Object.keys(left).length === Object.keys(records).length) continue;
    await db.query('update device_manager.normalized_chunk set body = $5 where patient_id = $1 and payload_id = $2::uuid and rule_id = $3 and rule_version = $4', [
      patientId, payloadId, key.ruleId, key.ruleVersion, sealBytes(keys.dataKey, Buffer.from(JSON.stringify(left)), aad(key)),
    ]);
  }
};

/** Adds records to a chunk, in place of older ones of the same items. The caller holds the patient's lock. */
export const mergeNormalizedChunk = async (db: Queryable, keys: ScopeKeys, key: ChunkKey, records: NormalizedChunk): Promise<void> => {
  const merged = { ...(await readNormalizedChunk(db, keys, key)), ...records };
  await db.query(
    `insert into device_manager.normalized_chunk (patient_id, payload_id, rule_id, rule_version, body) values ($1, $2::uuid, $3, $4, $5)
     on conflict (patient_id, payload_id, rule_id, rule_version) do update set body = excluded.body`,
    [key.patientId, key.payloadId, key.ruleId, key.ruleVersion, sealBytes(keys.dataKey, Buffer.from(JSON.stringify(merged)), aad(key))],
  );
};
