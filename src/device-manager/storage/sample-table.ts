import type { Queryable } from '../../database/pool.ts';
import { rowsOf } from './erasing-rows.ts';

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
  /** The half of a blood pressure that does not count, and why: `systolicBloodPressure:corrected`. */
  readonly left_out: string | null;
  /** An earlier sample of the same source with the same content, under another UUID. */
  readonly same_reading_as: string | null;
  readonly normalized_type: string | null;
  readonly rule_id: string | null;
  readonly rule_version: number | null;
  readonly updated_at: Date;
  readonly format: string;
}

const hex = (column: string) => `replace(${column}::text, '-', '')`;

/** The members of `SampleRow`; `s` is the sample with what its group says of it. */
export const sampleColumns = `
  s.patient_id, ${hex('s._id')} as _id, s.provider, s.device_id, s.type, ${hex('s.payload_id')} as payload_id, s.item_index, s.recorded_at, s.ended_at, s.received_at,
  s.state, s.reason, s.identity, s.left_out, ${hex('s.same_reading_as')} as same_reading_as, s.normalized_type, s.rule_id, s.rule_version, s.updated_at, s.format`;

/** Selects samples as `SampleRow`. */
export const selectSample = `select ${sampleColumns} from device_manager.whole_sample s`;

/** Samples of a patient by identifier; those that are not there are left out. */
export const samplesNamed = async (db: Queryable, patientId: string, ids: readonly string[]): Promise<SampleRow[]> =>
  (await db.query<SampleRow>(`${selectSample} where s.patient_id = $1 and s._id = any($2::uuid[])`, [patientId, ids])).rows;

/** One sample by identifier alone; the patient is found through an index of its own. */
export const sampleById = async (db: Queryable, _id: string): Promise<SampleRow | undefined> =>
  /^[0-9a-f]{32}$/.test(_id) ? (await db.query<SampleRow>(`${selectSample} where s._id = $1::uuid`, [_id])).rows[0] : undefined;

/** Erases the samples of a patient. */
export const eraseSamples = rowsOf('sample');
