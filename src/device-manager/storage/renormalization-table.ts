import type { Queryable } from '../../database/pool.ts';
import { namesOfType } from '../../healthkit/type-catalogue.ts';
import type { EraseRows } from './erasing-rows.ts';
import type { SampleRow } from './sample-table.ts';

/** Which kept samples to normalize again; instants in milliseconds since 1970, `from` included, `to` not. */
export interface RenormalizationFilter {
  readonly patientId?: string | undefined;
  readonly provider?: string | undefined;
  /** As a provider names it, or by any name that HealthKit's types have. */
  readonly type?: string | undefined;
  readonly ruleId?: string | undefined;
  readonly ruleVersion?: number | undefined;
  readonly state?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** How many samples differ, and how. */
export interface RenormalizationCounts {
  readonly samples: number;
  readonly unchanged: number;
  readonly changed: number;
  readonly repaired: number;
  readonly broken: number;
  /** Left as they were, because something sealed of theirs does not open. */
  readonly unreadable: number;
}

/** A run over kept samples. */
export interface RenormalizationRow {
  readonly _id: string;
  readonly filter: RenormalizationFilter;
  readonly dry_run: boolean;
  readonly state: 'running' | 'done';
  readonly after_patient: string;
  readonly after_payload: string;
  readonly counts: RenormalizationCounts;
  /** Some samples that differ. */
  readonly differing: readonly string[];
  readonly creator: string;
  readonly created_at: Date;
  readonly finished_at: Date | null;
}

/** Identifiers of differing samples that are kept. */
export const mostDifferences = 20;

/** Keeps a run that is to begin. */
export const insertRenormalization = async (db: Queryable, { _id, filter, dryRun, creator }: { readonly _id: string; readonly filter: RenormalizationFilter; readonly dryRun: boolean; readonly creator: string }): Promise<void> => {
  await db.query('insert into device_manager.renormalization (_id, filter, dry_run, creator) values ($1::uuid, $2, $3, $4)', [_id, JSON.stringify(filter), dryRun, creator]);
};

/** A run; with `forUpdate` nobody else goes on with it until the transaction ends. */
export const readRenormalization = async (db: Queryable, _id: string, forUpdate = false): Promise<RenormalizationRow | undefined> => {
  if (!/^[0-9a-f]{32}$/.test(_id)) return undefined;
  const { rows } = await db.query<RenormalizationRow>(
    `select replace(_id::text, '-', '') as _id, filter, dry_run, state, after_patient, after_payload::text, differing, creator, created_at, finished_at,
       json_build_object('samples', samples, 'unchanged', unchanged, 'changed', changed, 'repaired', repaired, 'broken', broken, 'unreadable', unreadable) as counts
     from device_manager.renormalization where _id = $1::uuid${forUpdate ? ' for update' : ''}`,
    [_id],
  );
  return rows[0];
};

/** Writes how far a run is. */
export const advanceRenormalization = async (
  db: Queryable, _id: string, { patientId, payloadId }: { readonly patientId: string; readonly payloadId: string }, counts: RenormalizationCounts, differing: readonly string[],
): Promise<void> => {
  await db.query(
    `update device_manager.renormalization set after_patient = $2, after_payload = $3::uuid, samples = samples + $4, unchanged = unchanged + $5, changed = changed + $6,
       repaired = repaired + $7, broken = broken + $8, unreadable = unreadable + $9, differing = (differing || $10::text[])[1:${String(mostDifferences)}] where _id = $1::uuid`,
    [_id, patientId, payloadId, counts.samples, counts.unchanged, counts.changed, counts.repaired, counts.broken, counts.unreadable, differing],
  );
};

/** Ends a run. */
export const finishRenormalization = async (db: Queryable, _id: string): Promise<void> => {
  await db.query(`update device_manager.renormalization set state = 'done', finished_at = now(), after_patient = '' where _id = $1::uuid`, [_id]);
};

/** What settled samples a filter means; superseded, withdrawn, deleted and conflicting ones are left alone, and those that wait have their own job. */
const fits = `s.state in ('normalized', 'normalization-failed', 'submitted', 'submission-failed') and s.reason is distinct from 'conflicting-reading' and ($1::text is null or s.patient_id = $1) and ($2::text is null or s.provider = $2) and ($3::text[] is null or s.type = any($3))
  and ($4::text is null or s.rule_id = $4) and ($5::int is null or s.rule_version = $5) and ($6::text is null or s.state = $6)
  and ($7::timestamptz is null or s.recorded_at >= $7) and ($8::timestamptz is null or s.recorded_at < $8)`;

const instant = (epochMs: number | undefined): Date | null => (epochMs === undefined ? null : new Date(epochMs));
const valuesOf = ({ patientId, provider, type, ruleId, ruleVersion, state, from, to }: RenormalizationFilter) =>
  [patientId ?? null, provider ?? null, type === undefined ? null : namesOfType(type), ruleId ?? null, ruleVersion ?? null, state ?? null, instant(from), instant(to)];

/** The next payloads that have samples that fit, in order, with how many. */
export const nextPayloads = async (db: Queryable, { filter, after_patient, after_payload }: RenormalizationRow, limit: number): Promise<{ patientId: string; payloadId: string; samples: number }[]> => {
  const { rows } = await db.query<{ patient_id: string; payload_id: string; samples: string }>(
    `select s.patient_id, replace(s.payload_id::text, '-', '') as payload_id, count(*) as samples from device_manager.whole_sample s
     where ${fits} and (s.patient_id, s.payload_id) > ($9, $10::uuid) group by s.patient_id, s.payload_id order by s.patient_id, s.payload_id limit $11`,
    [...valuesOf(filter), after_patient, after_payload, limit],
  );
  return rows.map((row) => ({ patientId: row.patient_id, payloadId: row.payload_id, samples: Number(row.samples) }));
};

const settled: ReadonlySet<string> = new Set(['normalized', 'normalization-failed', 'submitted', 'submission-failed']);

/** Whether a sample that was read fits; the same as `fits`, for one payload. */
export const fittingSamples = <Sample extends SampleRow>(samples: readonly Sample[], filter: RenormalizationFilter): Sample[] => {
  const { provider, type, ruleId, ruleVersion, state, from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = filter;
  const is = (wanted: string | number | undefined, value: string | number | null): boolean => wanted === undefined || wanted === value;
  const types: readonly (string | null)[] | undefined = type === undefined ? undefined : namesOfType(type);
  return samples.filter((sample) =>
    settled.has(sample.state) && sample.reason !== 'conflicting-reading' && is(provider, sample.provider) && (types === undefined || types.includes(sample.type)) && is(ruleId, sample.rule_id)
    && is(ruleVersion, sample.rule_version) && is(state, sample.state) && sample.recorded_at.getTime() >= from && sample.recorded_at.getTime() < to);
};

/** Takes a patient out of runs: out of the filter, and out of the place that one from before got to; one that goes on leaves that place by itself. A run of the patient alone finds nothing from now on. */
export const eraseFromRenormalizations: EraseRows = async (db, patientId) => {
  await db.query(`update device_manager.renormalization set after_patient = '' where after_patient = $1 and state = 'done'`, [patientId]);
  const { rowCount } = await db.query(
    `update device_manager.renormalization set filter = jsonb_set(filter, '{patientId}', '"erased"') where filter->>'patientId' = $1`, [patientId],
  );
  return rowCount ?? 0;
};
