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

/** Samples of payloads, also those that were there before these came. */
const samplesOfUploads = `
  select payload_id as upload, _id, state, reason, item_index from device_manager.whole_sample where patient_id = $1 and payload_id = any($2::uuid[])
  union all
  select c.payload_id as upload, s._id, s.state, s.reason, c.item_index
  from (select payload_id, _id, min(item_index) as item_index from device_manager.sample_copy where patient_id = $1 and payload_id = any($2::uuid[]) group by payload_id, _id) c
  join device_manager.whole_sample s on s.patient_id = $1 and s._id = c._id and s.payload_id <> c.payload_id`;

interface Upload {
  readonly _id: string;
  readonly received_at: Date;
}

/** A list of uploads and one of them count alike. */
const progressOf = async (db: Queryable, patientId: string, uploads: readonly Upload[]): Promise<UploadProgress[]> => {
  const ids = uploads.map(({ _id }) => _id);
  const { rows: states } = await db.query<{ upload: string; state: string; samples: number }>(
    `select ${hex('upload')} as upload, state, count(*)::int as samples from (${samplesOfUploads}) samples group by upload, state`, [patientId, ids],
  );
  // Samples of copies are looked at one by one: twice only where there is something to tell.
  const failing = [...new Set(states.filter(({ state }) => state === 'normalization-failed').map(({ upload }) => upload))];
  const { rows: failures } = failing.length === 0 ? { rows: [] } : await db.query<{ upload: string; index: number; _id: string; reason: string | null }>(
    `select ${hex('upload')} as upload, item_index as index, ${hex('_id')} as _id, reason from (
       select *, row_number() over (partition by upload order by item_index) as position from (${samplesOfUploads}) samples where state = 'normalization-failed') failed
     where position <= $3 order by item_index`,
    [patientId, failing, MOST_FAILURES],
  );
  const [statesOf, failuresOf] = [Map.groupBy(states, ({ upload }) => upload), Map.groupBy(failures, ({ upload }) => upload)];
  return uploads.map(({ _id: uploadId, received_at: receivedAt }) => ({
    uploadId, patientId, receivedAt,
    states: (statesOf.get(uploadId) ?? []).map(({ state, samples }) => ({ state, samples })),
    failures: (failuresOf.get(uploadId) ?? []).map(({ index, _id, reason }) => ({ index, _id, reason: reason ?? 'unknown' })),
  }));
};

/** How far the latest uploads of HealthKit samples of a patient are, latest first. */
export const latestUploads = async (db: Queryable, patientId: string, limit: number): Promise<UploadProgress[]> => {
  const { rows } = await db.query<Upload>(
    `select ${hex('payload_id')} as _id, received_at from device_manager.payload where patient_id = $1 and provider = 'healthkit' order by received_at desc, payload_id limit $2`,
    [patientId, limit],
  );
  return progressOf(db, patientId, rows);
};

/** How far an upload of HealthKit samples is, by its identifier alone; undefined when there is none. */
export const uploadProgress = async (db: Queryable, uploadId: string): Promise<UploadProgress | undefined> => {
  if (!/^[0-9a-f]{32}$/.test(uploadId)) return undefined;
  const { rows: [upload] } = await db.query<Upload & { readonly patient_id: string }>(
    `select ${hex('payload_id')} as _id, patient_id, received_at from device_manager.payload where payload_id = $1::uuid and provider = 'healthkit'`, [uploadId],
  );
  return upload && (await progressOf(db, upload.patient_id, [upload]))[0];
};
