import type { Queryable } from '../../database/pool.ts';

/** How many samples of one upload are in each state, and the first of those that failed. */
export interface UploadProgress {
  readonly uploadId: string;
  readonly patientId: string;
  readonly receivedAt: Date;
  readonly states: readonly { readonly state: string; readonly samples: number }[];
  readonly failures: readonly { readonly index: number; readonly _id: string; readonly reason: string }[];
}

const hex = (column: string) => `replace(${column}::text, '-', '')`;
const MOST_FAILURES = 100;

/** Samples of a payload, also those that were there before it came. */
const samplesOfUpload = `
  select _id, state, reason, item_index from device_manager.whole_sample where patient_id = $1 and payload_id = $2::uuid
  union all
  select s._id, s.state, s.reason, c.item_index
  from (select _id, min(item_index) as item_index from device_manager.sample_copy where patient_id = $1 and payload_id = $2::uuid group by _id) c
  join device_manager.whole_sample s on s.patient_id = $1 and s._id = c._id and s.payload_id <> $2::uuid`;

/** How far the latest uploads of HealthKit samples of a patient are, latest first. Copies count to the upload that kept the sample. */
export const latestUploads = async (db: Queryable, patientId: string, limit: number): Promise<UploadProgress[]> => {
  const { rows: payloads } = await db.query<{ _id: string; received_at: Date }>(
    `select ${hex('payload_id')} as _id, received_at from device_manager.payload where patient_id = $1 and provider = 'healthkit' order by received_at desc, payload_id limit $2`,
    [patientId, limit],
  );
  const ids = payloads.map(({ _id }) => _id);
  const { rows: states } = await db.query<{ upload: string; state: string; samples: number }>(
    `select ${hex('payload_id')} as upload, state, count(*)::int as samples from device_manager.whole_sample where patient_id = $1 and payload_id = any($2::uuid[]) group by payload_id, state`,
    [patientId, ids],
  );
  const { rows: failures } = await db.query<{ upload: string; index: number; _id: string; reason: string | null }>(
    `select ${hex('payload_id')} as upload, item_index as index, ${hex('_id')} as _id, reason from (
       select payload_id, _id, item_index, reason, row_number() over (partition by payload_id order by item_index) as position
       from device_manager.whole_sample where patient_id = $1 and payload_id = any($2::uuid[]) and state = 'normalization-failed') failed
     where position <= $3 order by item_index`,
    [patientId, ids, MOST_FAILURES],
  );
  const [statesOf, failuresOf] = [Map.groupBy(states, ({ upload }) => upload), Map.groupBy(failures, ({ upload }) => upload)];
  return payloads.map(({ _id: uploadId, received_at: receivedAt }) => ({
    uploadId, patientId, receivedAt,
    states: (statesOf.get(uploadId) ?? []).map(({ state, samples }) => ({ state, samples })),
    failures: (failuresOf.get(uploadId) ?? []).map(({ index, _id, reason }) => ({ index, _id, reason: reason ?? 'unknown' })),
  }));
};

/** How far an upload of HealthKit samples is, by its identifier alone; undefined when there is none. */
export const uploadProgress = async (db: Queryable, uploadId: string): Promise<UploadProgress | undefined> => {
  if (!/^[0-9a-f]{32}$/.test(uploadId)) return undefined;
  const { rows: [payload] } = await db.query<{ patient_id: string; received_at: Date }>(`select patient_id, received_at from device_manager.payload where payload_id = $1::uuid and provider = 'healthkit'`, [uploadId]);
  if (!payload) return undefined;
  const { rows } = await db.query<{ _id: string; state: string; reason: string | null; item_index: number }>(
    `select ${hex('_id')} as _id, state, reason, item_index from (${samplesOfUpload}) samples order by item_index`, [payload.patient_id, uploadId],
  );
  const failed = rows.filter(({ state }) => state === 'normalization-failed').slice(0, MOST_FAILURES);
  return {
    uploadId, patientId: payload.patient_id, receivedAt: payload.received_at,
    states: [...Map.groupBy(rows, ({ state }) => state)].map(([state, samples]) => ({ state, samples: samples.length })),
    failures: failed.map((row) => ({ index: row.item_index, _id: row._id, reason: row.reason ?? 'unknown' })),
  };
};
