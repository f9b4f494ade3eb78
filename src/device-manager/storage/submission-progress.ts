import type { Queryable } from '../../database/pool.ts';
import { lastRestored } from './restoration-table.ts';
import { liveStates, type Staged, type WaitingRow } from './submission-table.ts';
import type { Dropped } from './superseded-submissions.ts';

const hex = (column: string) => `replace(${column}::text, '-', '')`;

/** What becomes of a sample under one plan; identifiers as 32 hexadecimal digits. */
export interface Planned {
  readonly _id: string;
  readonly row: WaitingRow;
  readonly planId: string;
  /** Parked at once, for this reason. */
  readonly reason?: string;
  readonly dueAt: Date;
}

/**
 * Replaces what waited for its plans by one submission for each. What was delivered under a plan, or may have been, is not submitted to
 * it again, unless that was requested and another version of a rule made the value; nor what is there under the name that it had before. What was observed before the tables were restored
 * may have been delivered by those that are gone, and is asked about before it is sent.
 */
export const planSubmissions = async (db: Queryable, patientId: string, looked: readonly WaitingRow[], planned: readonly Planned[]): Promise<void> => {
  const restoredAt = await lastRestored(db);
  await db.query(
    `insert into device_manager.submission (patient_id, _id, sample_id, plan_id, normalized_type, rule_id, rule_version, left_out, observed_at, requested, state, reason, next_attempt_at, sent_at)
     select $1, t.*, case when t.observed_at <= $14::timestamptz then $14::timestamptz end from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::int[], $8::text[], $9::timestamptz[], $10::boolean[], $11::text[], $12::text[], $13::timestamptz[])
       as t(_id, sample_id, plan_id, normalized_type, rule_id, rule_version, left_out, observed_at, requested, state, reason, next_attempt_at)
     where not exists (select from device_manager.submission e
       where e.patient_id = $1 and e.sample_id = t.sample_id and e.plan_id = t.plan_id and case when t.requested
         then e._id <> t._id and e.rule_id = t.rule_id and e.rule_version = t.rule_version and e.left_out is not distinct from t.left_out and e.superseded_at is null and e.state <> 'dropped'
         else e.state = 'delivered' or e.sent_at is not null end)
     on conflict (patient_id, _id) do update set superseded_at = null,
       state = case when submission.state = 'dropped' or (excluded.requested and submission.state = 'parked') then excluded.state else submission.state end,
       reason = case when submission.state = 'dropped' or (excluded.requested and submission.state = 'parked') then excluded.reason else submission.reason end,
       failures = case when excluded.requested then 0 else submission.failures end, outages = 0, next_attempt_at = excluded.next_attempt_at,
       sent_at = case when submission.state = 'dropped' then excluded.sent_at else submission.sent_at end`,
    [patientId, planned.map((p) => p._id), planned.map((p) => p.row.sample_id), planned.map((p) => p.planId), planned.map((p) => p.row.normalized_type), planned.map((p) => p.row.rule_id),
      planned.map((p) => p.row.rule_version), planned.map((p) => p.row.left_out), planned.map((p) => p.row.observed_at), planned.map((p) => p.row.requested), planned.map((p) => (p.reason === undefined ? 'waiting' : 'parked')),
      planned.map((p) => p.reason ?? null), planned.map((p) => p.dueAt), restoredAt],
  );
  await db.query('delete from device_manager.submission where patient_id = $1 and plan_id is null and _id = any($2::uuid[])', [patientId, looked.map(({ _id }) => _id)]);
};

/**
 * Notes, before it happens, that submissions are sent: whoever finds them so later must ask what became of them, and may take them for
 * lost only `underWayMs` later. Answers which may be sent: not those that were superseded meanwhile.
 */
export const markSent = async (db: Queryable, patientId: string, ids: readonly string[], underWayMs: number): Promise<Set<string>> => {
  const { rows } = await db.query<{ _id: string }>(
    `update device_manager.submission set sent_at = now(), under_way_until = now() + $3 * interval '1 millisecond', attempts = attempts + 1
     where patient_id = $1 and _id = any($2::uuid[]) and state = 'waiting' and superseded_at is null returning ${hex('_id')} as _id`,
    [patientId, ids, underWayMs],
  );
  return new Set(rows.map(({ _id }) => _id));
};

/** Notes that nothing more comes of the request with which submissions were sent. */
export const markAnswered = async (db: Queryable, patientId: string, ids: readonly string[]): Promise<void> => {
  await db.query('update device_manager.submission set under_way_until = null where patient_id = $1 and _id = any($2::uuid[])', [patientId, ids]);
};

/** Those of some submissions whose request may still be at work. */
export const underWay = async (db: Queryable, patientId: string, ids: readonly string[]): Promise<Set<string>> =>
  new Set(
    (await db.query<{ _id: string }>(`select ${hex('_id')} as _id from device_manager.submission where patient_id = $1 and _id = any($2::uuid[]) and under_way_until > now()`, [patientId, ids])).rows.map(({ _id }) => _id),
  );

/** Notes that submissions which were sent did not arrive; what counts no more is dropped, and answered. */
export const markNotArrived = async (db: Queryable, patientId: string, ids: readonly string[]): Promise<(Dropped & { readonly _id: string })[]> => {
  const { rows } = await db.query<Dropped & { readonly _id: string; readonly state: string }>(
    `update device_manager.submission d set sent_at = null, under_way_until = null,
       state = case when superseded_at is null and exists (select from device_manager.whole_sample s where s.patient_id = $1 and s._id = d.sample_id and s.state in ${liveStates}) then state else 'dropped' end
     where patient_id = $1 and _id = any($2::uuid[]) returning ${hex('_id')} as _id, ${hex('sample_id')} as "sampleId", requested, state`,
    [patientId, ids],
  );
  return rows.filter(({ state }) => state === 'dropped');
};

/** Those of some samples that count, as they are normalized now. */
export const countingAmong = async (db: Queryable, patientId: string, sampleIds: readonly string[]): Promise<Omit<Staged, '_id'>[]> =>
  (
    await db.query<Omit<Staged, '_id'>>(
      `select ${hex('_id')} as "sampleId", normalized_type as "normalizedType", rule_id as "ruleId", rule_version as "ruleVersion", left_out as "leftOut", recorded_at as "observedAt"
       from device_manager.whole_sample where patient_id = $1 and _id = any($2::uuid[]) and state in ${liveStates}`,
      [patientId, sampleIds],
    )
  ).rows;

/** Writes what the Therapy and Monitoring Manager calls what it has taken. */
export const markDelivered = async (db: Queryable, patientId: string, found: ReadonlyMap<string, string>): Promise<void> => {
  await db.query(
    `update device_manager.submission d set state = 'delivered', reason = null, delivered_at = now(), detection_id = f.detection_id
     from unnest($2::uuid[], $3::text[]) as f(_id, detection_id) where d.patient_id = $1 and d._id = f._id`,
    [patientId, [...found.keys()], [...found.values()]],
  );
};

/** Sets submissions aside for a person. `arrived` is false where it is known that nothing arrived. */
export const park = async (db: Queryable, patientId: string, ids: readonly string[], reason: string, arrived: 'no' | 'unknown'): Promise<void> => {
  await db.query(
    `update device_manager.submission set state = 'parked', reason = $3, failures = failures + 1, sent_at = case when $4 = 'no' then null else sent_at end where patient_id = $1 and _id = any($2::uuid[])`,
    [patientId, ids, reason, arrived],
  );
};

/** One failed although others are taken: it goes its own way from now on, and is tried again once the request is over. */
export const markSuspect = async (db: Queryable, patientId: string, id: string, reason: string, next: Date): Promise<void> => {
  await db.query('update device_manager.submission set failures = failures + 1, reason = $3, next_attempt_at = greatest($4, under_way_until) where patient_id = $1 and _id = $2::uuid', [patientId, id, reason, next]);
};

/** Identifiers of what was delivered to a plan with some instants of observation. */
export const deliveredAt = async (db: Queryable, patientId: string, planId: string, instants: readonly Date[]): Promise<Set<string>> => {
  const { rows } = await db.query<{ detection_id: string }>(
    `select detection_id from device_manager.submission where patient_id = $1 and plan_id = $2 and state = 'delivered' and observed_at = any($3::timestamptz[])`,
    [patientId, planId, instants],
  );
  return new Set(rows.map(({ detection_id }) => detection_id));
};

/** No other transaction changes what is common to the samples until this one ends: a state of its own takes it over. */
const holdGroups = (db: Queryable, patientId: string, sampleIds: readonly string[]) =>
  db.query(
    `select from device_manager.sample_group where patient_id = $1 and (payload_id, group_no) in (select payload_id, group_no from device_manager.sample where patient_id = $1 and _id = any($2::uuid[]))
     order by payload_id, group_no for share`,
    [patientId, sampleIds],
  );

/** Has the states of samples say how far their submissions are. */
export const refreshSampleStates = async (db: Queryable, patientId: string, sampleIds: readonly string[]): Promise<void> => {
  await holdGroups(db, patientId, sampleIds);
  await db.query(
    `with told as (
       select s._id, s.state, s.reason, s.normalized_type, s.rule_id, s.rule_version,
         min(d.reason) filter (where d.state = 'parked') as parked_for, bool_or(d.state = 'parked') as parked, bool_or(d.state = 'delivered') as delivered, bool_or(d.state = 'waiting') as waiting
       from device_manager.whole_sample s left join device_manager.submission d on d.patient_id = s.patient_id and d.sample_id = s._id and d.superseded_at is null
       where s.patient_id = $1 and s._id = any($2::uuid[]) and s.state in ('normalized', 'submitted', 'submission-failed') group by 1, 2, 3, 4, 5, 6)
     update device_manager.sample s set updated_at = now(), normalized_type = t.normalized_type, rule_id = t.rule_id, rule_version = t.rule_version,
       state = case when t.parked then 'submission-failed' when t.delivered and not t.waiting then 'submitted' else 'normalized' end,
       reason = case when t.parked then t.parked_for when t.state = 'submission-failed' then null else t.reason end
     from told t where s.patient_id = $1 and s._id = t._id
       and t.state <> case when t.parked then 'submission-failed' when t.delivered and not t.waiting then 'submitted' else 'normalized' end`,
    [patientId, sampleIds],
  );
};
