import type { Queryable } from '../../database/pool.ts';
import { rowsOf } from './erasing-rows.ts';

/** A sample about to be kept; identifiers as 32 hexadecimal digits. */
export interface NewSample {
  readonly _id: string;
  readonly device: string;
  readonly deviceId: string;
  readonly type: string | undefined;
  readonly itemIndex: number;
  readonly recordedAt: Date;
  readonly endedAt: Date;
  readonly contentMac: Buffer;
  /** Digest of what makes it a version of one reading; with its status and when it was issued. */
  readonly identity?: string | undefined;
  readonly status?: string | undefined;
  readonly issuedAt?: Date | undefined;
  /** Which version of its reading it is, where the versions are counted. */
  readonly versionNumber?: number | undefined;
  /** Digest of source and content: the same reading under another identifier has the same. */
  readonly readingMac?: Buffer | undefined;
}

/** Where new samples belong. */
export interface SamplePlace {
  readonly patientId: string;
  readonly provider: string;
  readonly payloadId: string;
  readonly receivedAt: Date;
}

/** A kept sample. */
export interface SampleRow {
  readonly patient_id: string;
  readonly _id: string;
  readonly provider: string;
  readonly device_id: string;
  readonly type: string | null;
  readonly payload_id: string;
  readonly item_index: number;
  readonly recorded_at: Date;
  readonly ended_at: Date;
  readonly received_at: Date;
  readonly state: 'received' | 'normalized' | 'normalization-failed' | 'submitted' | 'submission-failed' | 'withdrawn' | 'superseded' | 'deleted';
  readonly reason: string | null;
  readonly identity: string | null;
  /** An earlier sample of the same source with the same content, under another UUID. */
  readonly same_reading_as: string | null;
  readonly normalized_type: string | null;
  readonly rule_id: string | null;
  readonly rule_version: number | null;
  readonly updated_at: Date;
  readonly format: string;
}

const hex = (column: string) => `replace(${column}::text, '-', '')`;

/** Selects samples as `SampleRow`; `s` is the sample, `p` its payload. */
export const selectSample = `
  select s.patient_id, ${hex('s._id')} as _id, s.provider, s.device_id, s.type, ${hex('s.payload_id')} as payload_id, s.item_index, s.recorded_at,
    s.ended_at, s.received_at, s.state, s.reason, s.identity, ${hex('s.same_reading_as')} as same_reading_as, s.normalized_type, s.rule_id, s.rule_version, s.updated_at, p.format
  from device_manager.sample s join device_manager.payload p on p.patient_id = s.patient_id and p.payload_id = s.payload_id`;

/**
 * Inserts those samples that are not there yet and answers their identifiers. Rows go in order of `_id`, so that two uploads of the
 * same samples wait for each other and never deadlock; a sample another transaction is inserting is waited for.
 */
export const insertSamples = async (db: Queryable, { patientId, provider, payloadId, receivedAt }: SamplePlace, samples: readonly NewSample[]): Promise<Set<string>> => {
  const ordered = samples.toSorted((a, b) => (a._id < b._id ? -1 : 1));
  const { rows } = await db.query<{ _id: string }>(
    `insert into device_manager.sample
       (patient_id, provider, payload_id, received_at, _id, device, device_id, type, item_index, recorded_at, ended_at, content_mac, identity, status, issued_at, version_number, reading_mac)
     select $1, $2, $3::uuid, $4, t.* from unnest($5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::int[], $10::timestamptz[], $11::timestamptz[], $12::bytea[],
       $13::text[], $14::text[], $15::timestamptz[], $16::float8[], $17::bytea[]) as t
     on conflict (patient_id, _id) do nothing returning ${hex('_id')} as _id`,
    [patientId, provider, payloadId, receivedAt, ordered.map((s) => s._id), ordered.map((s) => s.device), ordered.map((s) => s.deviceId),
      ordered.map((s) => s.type ?? null), ordered.map((s) => s.itemIndex), ordered.map((s) => s.recordedAt), ordered.map((s) => s.endedAt), ordered.map((s) => s.contentMac),
      ordered.map((s) => s.identity ?? null), ordered.map((s) => s.status ?? null), ordered.map((s) => s.issuedAt ?? null), ordered.map((s) => s.versionNumber ?? null), ordered.map((s) => s.readingMac ?? null)],
  );
  return new Set(rows.map(({ _id }) => _id));
};

/**
 * Tells new samples that are an earlier one again, of the same source with the same content, under another UUID. Both count: two
 * equal portions of a meal are two. Answers the earlier sample by the identifier of the new one.
 */
export const markSameReadings = async (db: Queryable, patientId: string, created: readonly string[]): Promise<Map<string, string>> => {
  const { rows } = await db.query<{ _id: string; same_reading_as: string }>(
    `update device_manager.sample s set same_reading_as = o._id
     from device_manager.sample n, lateral (
       select e._id from device_manager.sample e
       where e.patient_id = $1 and e.reading_mac = n.reading_mac and (e.received_at, e.item_index, e._id) < (n.received_at, n.item_index, n._id)
       order by e.received_at, e.item_index, e._id limit 1) o
     where n.patient_id = $1 and n._id = any($2::uuid[]) and s.patient_id = n.patient_id and s._id = n._id
     returning ${hex('s._id')} as _id, ${hex('s.same_reading_as')} as same_reading_as`,
    [patientId, created],
  );
  return new Map(rows.map((row) => [row._id, row.same_reading_as]));
};

/** What is kept under some identifiers: the digest of the content, and the payload. */
export const keptSamples = async (db: Queryable, patientId: string, ids: readonly string[]): Promise<Map<string, { contentMac: Buffer; payloadId: string }>> => {
  const { rows } = await db.query<{ _id: string; content_mac: Buffer; payload_id: string }>(
    `select ${hex('_id')} as _id, content_mac, ${hex('payload_id')} as payload_id from device_manager.sample where patient_id = $1 and _id = any($2::uuid[])`,
    [patientId, ids],
  );
  return new Map(rows.map((row) => [row._id, { contentMac: row.content_mac, payloadId: row.payload_id }]));
};

/** Samples of one payload: all, those that wait for normalization, those that are versions of a reading, or one. */
export type Which = 'all' | 'received' | 'versions' | { readonly only: string };

/** Some samples of one payload, in its order. */
export const samplesToNormalize = async (db: Queryable, patientId: string, payloadId: string, which: Which): Promise<SampleRow[]> =>
  (
    await db.query<SampleRow>(
      `${selectSample} where s.patient_id = $1 and s.payload_id = $2::uuid and s.state <> 'deleted' and (s._id = $3::uuid or $4 = 'all' or ($4 = 'received' and s.state = 'received') or ($4 = 'versions' and s.identity is not null)) order by s.item_index`,
      [patientId, payloadId, typeof which === 'string' ? null : which.only, typeof which === 'string' ? which : 'only'],
    )
  ).rows;

/** What normalization made of one sample. */
export interface NormalizationResult {
  readonly _id: string;
  readonly state: 'normalized' | 'normalization-failed';
  readonly reason?: string;
  readonly normalizedType?: string;
  readonly ruleId?: string;
  readonly ruleVersion?: number;
}

/** Writes the states of normalized samples. */
export const writeResults = async (db: Queryable, patientId: string, results: readonly NormalizationResult[]): Promise<void> => {
  await db.query(
    `update device_manager.sample s
     set state = r.state, reason = r.reason, normalized_type = r.normalized_type, rule_id = r.rule_id, rule_version = r.rule_version, updated_at = now()
     from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[]) as r(_id, state, reason, normalized_type, rule_id, rule_version)
     where s.patient_id = $1 and s._id = r._id`,
    [patientId, results.map((r) => r._id), results.map((r) => r.state), results.map((r) => r.reason ?? null),
      results.map((r) => r.normalizedType ?? null), results.map((r) => r.ruleId ?? null), results.map((r) => r.ruleVersion ?? null)],
  );
};

/** Samples of a patient by identifier; those that are not there are left out. */
export const samplesNamed = async (db: Queryable, patientId: string, ids: readonly string[]): Promise<SampleRow[]> =>
  (await db.query<SampleRow>(`${selectSample} where s.patient_id = $1 and s._id = any($2::uuid[])`, [patientId, ids])).rows;

/** One sample by identifier alone; the patient is found through an index of its own. */
export const sampleById = async (db: Queryable, _id: string): Promise<SampleRow | undefined> =>
  /^[0-9a-f]{32}$/.test(_id) ? (await db.query<SampleRow>(`${selectSample} where s._id = $1::uuid`, [_id])).rows[0] : undefined;

/** Erases the samples of a patient. */
export const eraseSamples = rowsOf('sample');
