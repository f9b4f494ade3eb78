import type { Queryable } from '../../database/pool.ts';

export type SubmissionState = 'waiting' | 'delivered' | 'parked' | 'dropped';

/** A submission as operators see it; identifiers as 32 hexadecimal digits. */
export interface SubmissionRow {
  readonly _id: string;
  readonly patient_id: string;
  readonly sample_id: string;
  readonly plan_id: string | null;
  readonly normalized_type: string;
  readonly state: SubmissionState;
  readonly reason: string | null;
  readonly attempts: number;
  readonly observed_at: Date;
  readonly created_at: Date;
  readonly next_attempt_at: Date;
  readonly delivered_at: Date | null;
  readonly detection_id: string | null;
  readonly superseded_at: Date | null;
}

/** Which submissions; all that is given must hold. */
export interface SubmissionFilter {
  readonly state: SubmissionState;
  readonly reason?: string | undefined;
  readonly patientId?: string | undefined;
  readonly planId?: string | undefined;
  readonly limit: number;
  readonly skip: number;
}

const hex = (column: string) => `replace(${column}::text, '-', '')`;
const members = `${hex('_id')} as _id, patient_id, ${hex('sample_id')} as sample_id, plan_id, normalized_type, state, reason, attempts, observed_at, created_at, next_attempt_at, delivered_at, detection_id, superseded_at`;

/** Submissions by filter, oldest first. */
export const findSubmissions = async (db: Queryable, { state, reason, patientId, planId, limit, skip }: SubmissionFilter): Promise<SubmissionRow[]> =>
  (
    await db.query<SubmissionRow>(
      `select ${members} from device_manager.submission
       where state = $1 and ($2::text is null or reason = $2) and ($3::text is null or patient_id = $3) and ($4::text is null or plan_id = $4)
       order by created_at, _id limit $5 offset $6`,
      [state, reason ?? null, patientId ?? null, planId ?? null, limit, skip],
    )
  ).rows;

/** One submission by identifier alone. */
export const submissionById = async (db: Queryable, id: string): Promise<SubmissionRow | undefined> =>
  /^[0-9a-f]{32}$/.test(id) ? (await db.query<SubmissionRow>(`select ${members} from device_manager.submission where _id = $1::uuid`, [id])).rows[0] : undefined;

/**
 * Has submissions tried again: those that are parked or wait, and are not superseded. What may have arrived is asked about first, but for
 * one of which that cannot be told. Answers patients and samples.
 */
export const tryAgain = async (db: Queryable, ids: readonly string[]): Promise<{ patient_id: string; sample_id: string }[]> =>
  (
    await db.query<{ patient_id: string; sample_id: string }>(
      `update device_manager.submission set state = 'waiting', failures = 0, outages = 0, next_attempt_at = greatest(now(), case when plan_id is not null then observed_at end), sent_at = case when reason = 'outcome-unknown' then null else sent_at end, reason = null
       where _id = any($1::uuid[]) and state in ('parked', 'waiting') and superseded_at is null returning patient_id, ${hex('sample_id')} as sample_id`,
      [ids],
    )
  ).rows;

/** How many submissions have not arrived, by state and reason; what is parked and superseded needs nobody any more. */
export const countSubmissions = async (db: Queryable): Promise<{ state: SubmissionState; reason: string; submissions: number }[]> =>
  (
    await db.query<{ state: SubmissionState; reason: string; submissions: number }>(
      `select state, coalesce(reason, 'none') as reason, count(*)::int as submissions from device_manager.submission where state = 'waiting' or (state = 'parked' and superseded_at is null) group by 1, 2`,
    )
  ).rows;

/** Submissions of a patient in order of their identifiers, from after one of them. */
export const submissionsAfter = async (db: Queryable, patientId: string, after: string | undefined, limit: number): Promise<SubmissionRow[]> =>
  (
    await db.query<SubmissionRow>(
      `select ${members} from device_manager.submission s where patient_id = $1 and ($2::uuid is null or s._id > $2) order by s._id limit $3`,
      [patientId, after ?? null, limit],
    )
  ).rows;
