import type { Queryable } from '../../database/pool.ts';
import { rowsOf, type EraseRows } from './erasing-rows.ts';

/** A sample that is to be submitted; identifiers as 32 hexadecimal digits. */
export interface Staged {
  readonly _id: string;
  readonly sampleId: string;
  readonly normalizedType: string;
  readonly ruleId: string;
  readonly ruleVersion: number;
  /** The half of a blood pressure that does not count, and why. */
  readonly leftOut: string | null;
  readonly observedAt: Date;
}

/** A submission that waits, with where its value is. */
export interface WaitingRow {
  readonly _id: string;
  readonly sample_id: string;
  readonly normalized_type: string;
  readonly rule_id: string;
  readonly rule_version: number;
  readonly left_out: string | null;
  readonly observed_at: Date;
  readonly requested: boolean;
  readonly attempts: number;
  readonly failures: number;
  /** How many tries in a row found the Therapy and Monitoring Manager out. */
  readonly outages: number;
  /** Whether it is tried in its turn, and not because something else is. */
  readonly due: boolean;
  readonly sent_at: Date | null;
  /** Until when the request with which it was sent may be at work; null where it was answered, however. */
  readonly under_way_until: Date | null;
  /** Null where the sample is gone. */
  readonly device_id: string | null;
  readonly payload_id: string | null;
  readonly item_index: number | null;
  /** Whether the sample still counts, as it was normalized then. */
  readonly live: boolean;
}

/** How many outages in a row the longest waiting of some submissions met. */
export const outagesOf = (rows: readonly WaitingRow[]): number => Math.max(0, ...rows.map(({ outages }) => outages));

/** The same once there was another one, which counts for what was due. */
export const outagesAfter = (rows: readonly WaitingRow[]): number => Math.max(1, ...rows.map(({ outages, due }) => outages + Number(due)));

const hex = (column: string) => `replace(${column}::text, '-', '')`;
/** States of samples that count. */
export const liveStates = `('normalized', 'submitted', 'submission-failed')`;

const selectWaiting = `
  select ${hex('d._id')} as _id, ${hex('d.sample_id')} as sample_id, d.normalized_type, d.rule_id, d.rule_version, d.left_out, d.observed_at, d.requested, d.attempts, d.failures, d.outages, d.next_attempt_at <= now() as due, d.sent_at, d.under_way_until,
    s.device_id, ${hex('s.payload_id')} as payload_id, s.item_index, coalesce(s.state in ${liveStates}, false) and d.superseded_at is null as live
  from device_manager.submission d left join device_manager.whole_sample s on s.patient_id = d.patient_id and s._id = d.sample_id
  where d.patient_id = $1 and d.state = 'waiting'`;

/** Has samples wait for their plans to be looked up; one that waits or is parked already waits anew. */
export const stageSubmissions = async (db: Queryable, patientId: string, staged: readonly Staged[], requested: boolean): Promise<void> => {
  await db.query(
    `insert into device_manager.submission (patient_id, requested, _id, sample_id, normalized_type, rule_id, rule_version, left_out, observed_at)
     select $1, $2, t.* from unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::int[], $8::text[], $9::timestamptz[]) as t
     on conflict (patient_id, _id) do update set state = 'waiting', reason = null, next_attempt_at = now(), outages = 0, superseded_at = null, requested = submission.requested or excluded.requested`,
    [patientId, requested, staged.map((s) => s._id), staged.map((s) => s.sampleId), staged.map((s) => s.normalizedType), staged.map((s) => s.ruleId), staged.map((s) => s.ruleVersion), staged.map((s) => s.leftOut), staged.map((s) => s.observedAt)],
  );
};

/** Drops what waits for samples that count no more and was never sent. */
export const dropDead = async (db: Queryable, patientId: string): Promise<void> => {
  await db.query(
    `update device_manager.submission d set state = 'dropped', superseded_at = coalesce(d.superseded_at, now())
     where d.patient_id = $1 and d.state = 'waiting' and d.sent_at is null
       and not exists (select from device_manager.whole_sample s where s.patient_id = d.patient_id and s._id = d.sample_id and s.state in ${liveStates})`,
    [patientId],
  );
};

/** Samples whose plans are to be looked up, when any of them is due: the earliest first. */
export const unplanned = async (db: Queryable, patientId: string, limit: number): Promise<WaitingRow[]> =>
  (
    await db.query<WaitingRow>(
      `${selectWaiting} and d.plan_id is null and exists (select from device_manager.submission e where e.patient_id = $1 and e.state = 'waiting' and e.plan_id is null and e.next_attempt_at <= now())
       order by d.observed_at, d._id limit $2`,
      [patientId, limit],
    )
  ).rows;

/** Those of some samples that still wait for their plans and count, as they are now; nobody changes them until the transaction ends. */
export const stillUnplanned = async (db: Queryable, patientId: string, ids: readonly string[]): Promise<WaitingRow[]> =>
  (await db.query<WaitingRow>(`${selectWaiting} and d.plan_id is null and d._id = any($2::uuid[]) order by d.observed_at, d._id for update of d`, [patientId, ids])).rows;

/** Plans under which something is due. */
export const duePlans = async (db: Queryable, patientId: string): Promise<string[]> =>
  (
    await db.query<{ plan_id: string }>(
      `select distinct plan_id from device_manager.submission where patient_id = $1 and state = 'waiting' and plan_id is not null and next_attempt_at <= now() order by plan_id`,
      [patientId],
    )
  ).rows.map(({ plan_id }) => plan_id);

/**
 * What goes to a plan next, in order of observation: of those that never failed alone, also what is not due, so that nothing overtakes;
 * or of those that did (`suspect`), what is due.
 */
export const nextOfPlan = async (db: Queryable, patientId: string, planId: string, which: 'sound' | 'suspect', limit: number): Promise<WaitingRow[]> =>
  (
    await db.query<WaitingRow>(
      `${selectWaiting} and d.plan_id = $2 and ${which === 'sound' ? 'd.failures = 0 and d.observed_at <= now()' : 'd.failures > 0 and d.next_attempt_at <= now()'} order by d.observed_at, d._id limit $3`,
      [patientId, planId, limit],
    )
  ).rows;

/** When the next one of a patient is due; undefined when none waits. */
export const nextDue = async (db: Queryable, patientId: string): Promise<Date | undefined> =>
  (await db.query<{ at: Date | null }>(`select min(next_attempt_at) as at from device_manager.submission where patient_id = $1 and state = 'waiting'`, [patientId])).rows[0]?.at ?? undefined;

/** Patients for whom something waits. */
export const waitingPatients = async (db: Queryable): Promise<string[]> =>
  (await db.query<{ patient_id: string }>(`select distinct patient_id from device_manager.submission where state = 'waiting'`)).rows.map(({ patient_id }) => patient_id);

/** How many samples of one patient still wait, and what became of the others. */
export const submissionsOfSample = async (db: Queryable, patientId: string, sampleId: string): Promise<{ state: string; detection_id: string | null; superseded_at: Date | null }[]> =>
  (
    await db.query<{ state: string; detection_id: string | null; superseded_at: Date | null }>(
      'select state, detection_id, superseded_at from device_manager.submission where patient_id = $1 and sample_id = $2::uuid order by delivered_at, _id', [patientId, sampleId],
    )
  ).rows;

/** Erases the submissions of a patient. */
export const eraseSubmissions = rowsOf('submission');

/** Erases what of a patient was delivered, or may have been: it is now at the Therapy and Monitoring Manager alone, if at all. */
export const eraseDelivered: EraseRows = async (db, patientId) =>
  (await db.query(`delete from device_manager.submission where patient_id = $1 and (state = 'delivered' or sent_at is not null)`, [patientId])).rowCount ?? 0;
