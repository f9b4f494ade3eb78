import type { Queryable } from '../../database/pool.ts';
import type { SampleRow } from './sample-table.ts';

/** Samples of payloads: all, those that wait for normalization, those that are versions of a reading, or one. */
export type Which = 'all' | 'received' | 'versions' | { readonly only: string };

/** A sample of one payload. */
export interface PayloadSample extends SampleRow {
  /** The group whose state it has, if it has none of its own. */
  readonly groupNo: number;
  readonly hasOwnState: boolean;
}

type Group = Omit<PayloadSample, 'hasOwnState' | 'left_out' | '_id' | 'item_index' | 'recorded_at' | 'ended_at' | 'identity' | 'same_reading_as'>;

/** By payload and number. */
const readGroups = async (db: Queryable, patientId: string, payloadIds: readonly string[]): Promise<(payloadId: string, groupNo: number) => Group | undefined> => {
  const { rows } = await db.query<Group>({
    name: 'read-sample-groups',
    text: `select patient_id, group_no as "groupNo", provider, device_id, type, replace(payload_id::text, '-', '') as payload_id, received_at, state, reason, normalized_type, rule_id, rule_version, updated_at, format
     from device_manager.sample_group where patient_id = $1 and payload_id = any($2::uuid[])`,
    values: [patientId, payloadIds],
  });
  const groups = new Map([...Map.groupBy(rows, ({ payload_id: payloadId }) => payloadId)].map(([payloadId, own]) => [payloadId, new Map(own.map((group) => [group.groupNo, group]))]));
  return (payloadId, groupNo) => groups.get(payloadId)?.get(groupNo);
};

type Row = [
  payloadId: string, _id: string, itemIndex: number, groupNo: number, recordedAtMs: number, endedAtMs: number | null, identity: string | null, sameReadingAs: string | null,
  state: SampleRow['state'] | null, reason: string | null, normalizedType: string | null, ruleId: string | null, ruleVersion: number | null, updatedAt: Date | null, leftOut: string | null,
];

const ms = (column: string) => `date_part('epoch', ${column}) * 1000`;

const sampleOf = (row: Row, group: Group): PayloadSample => {
  const [, _id, itemIndex, , recordedAtMs, endedAtMs, identity, sameReadingAs, state, reason, normalizedType, ruleId, ruleVersion, updatedAt, leftOut] = row;
  const recordedAt = new Date(recordedAtMs);
  const own = state === null ? {} : { state, reason, normalized_type: normalizedType, rule_id: ruleId, rule_version: ruleVersion, updated_at: updatedAt ?? group.updated_at };
  return {
    ...group, _id: _id.replaceAll('-', ''), item_index: itemIndex, recorded_at: recordedAt, ended_at: endedAtMs === null ? recordedAt : new Date(endedAtMs), identity,
    same_reading_as: sameReadingAs === null ? null : sameReadingAs.replaceAll('-', ''), hasOwnState: state !== null, left_out: leftOut, ...own,
  };
};

/** Some samples of payloads of one patient, each in the order of its payload, but for deleted ones. */
export const samplesToNormalize = async (db: Queryable, patientId: string, payloadIds: readonly string[], which: Which): Promise<PayloadSample[]> => {
  const groupAt = await readGroups(db, patientId, payloadIds);
  const { rows } = await db.query<Row>({
    name: 'samples-of-payloads', rowMode: 'array',
    text: `select replace(payload_id::text, '-', ''), _id, item_index, group_no, ${ms('recorded_at')}, ${ms('ended_at')}, identity, same_reading_as, state, reason, normalized_type, rule_id, rule_version, updated_at, left_out
     from device_manager.sample where patient_id = $1 and payload_id = any($2::uuid[]) and state is distinct from 'deleted' and ($3::uuid is null or _id = $3) and (not $4::boolean or identity is not null) order by payload_id, item_index`,
    values: [patientId, payloadIds, typeof which === 'string' ? null : which.only, which === 'versions'],
  });
  const samples = rows.flatMap((row) => {
    const group = groupAt(row[0], row[3]);
    return group ? [sampleOf(row, group)] : [];
  });
  return which === 'received' ? samples.filter(({ state }) => state === 'received') : samples;
};

/** Where the record of a sample is. */
export interface RecordedSample extends Pick<SampleRow, 'item_index' | 'left_out'> {
  readonly rule_id: string;
  readonly rule_version: number;
}

/** Samples of a payload, but for deleted ones, that some rules made records of. */
export const samplesByRules = async (db: Queryable, patientId: string, payloadId: string, rules: readonly string[]): Promise<RecordedSample[]> =>
  (
    await db.query<RecordedSample>(
      `select item_index, left_out, rule_id, rule_version from device_manager.whole_sample where patient_id = $1 and payload_id = $2::uuid and rule_id = any($3::text[]) and state <> 'deleted'`,
      [patientId, payloadId, rules],
    )
  ).rows;

/** What normalization made of one sample. */
export interface NormalizationResult extends Pick<PayloadSample, '_id' | 'payload_id' | 'groupNo' | 'hasOwnState'> {
  readonly state: 'normalized' | 'normalization-failed';
  readonly reason?: string;
  readonly normalizedType?: string;
  readonly ruleId?: string;
  readonly ruleVersion?: number;
}

const placeOf = (payloadId: string, groupNo: number): string => `${payloadId}/${String(groupNo)}`;

/** How many samples of each group have no state of their own. */
const followersIn = async (db: Queryable, patientId: string, payloadIds: readonly string[]): Promise<Map<string, number>> => {
  const { rows } = await db.query<{ payload_id: string; group_no: number; samples: number }>({
    name: 'samples-without-state',
    text: `select replace(payload_id::text, '-', '') as payload_id, group_no, count(*)::int as samples from device_manager.sample
     where patient_id = $1 and payload_id = any($2::uuid[]) and state is null group by payload_id, group_no`,
    values: [patientId, payloadIds],
  });
  return new Map(rows.map(({ payload_id, group_no, samples }) => [placeOf(payload_id, group_no), samples]));
};

const kindOf = ({ reason, normalizedType, ruleId, ruleVersion }: NormalizationResult): string => JSON.stringify([reason, normalizedType, ruleId, ruleVersion]);

/** What most of a group are; a failure is always a sample's own, so that the inbox finds it by its row. */
const mostOf = (results: readonly NormalizationResult[]): NormalizationResult | undefined => {
  const normalized = Map.groupBy(results.filter(({ state }) => state === 'normalized'), kindOf);
  return [...normalized.values()].sort((a, b) => b.length - a.length)[0]?.[0];
};

const told = (results: readonly NormalizationResult[]) => [
  results.map(({ state }) => state), results.map(({ reason }) => reason ?? null), results.map(({ normalizedType }) => normalizedType ?? null),
  results.map(({ ruleId }) => ruleId ?? null), results.map(({ ruleVersion }) => ruleVersion ?? null),
];

const writeGroups = async (db: Queryable, patientId: string, groups: readonly NormalizationResult[]): Promise<void> => {
  if (groups.length === 0) return;
  await db.query({
    name: 'write-sample-groups',
    text: `update device_manager.sample_group g
     set state = r.state, reason = r.reason, normalized_type = r.normalized_type, rule_id = r.rule_id, rule_version = r.rule_version, updated_at = now()
     from unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[]) as r(payload_id, group_no, state, reason, normalized_type, rule_id, rule_version)
     where g.patient_id = $1 and g.payload_id = r.payload_id and g.group_no = r.group_no`,
    values: [patientId, groups.map(({ payload_id: payloadId }) => payloadId), groups.map(({ groupNo }) => groupNo), ...told(groups)],
  });
};

const writeOwn = async (db: Queryable, patientId: string, results: readonly NormalizationResult[]): Promise<void> => {
  if (results.length === 0) return;
  await db.query(
    `update device_manager.sample s
     set state = r.state, reason = r.reason, normalized_type = r.normalized_type, rule_id = r.rule_id, rule_version = r.rule_version, updated_at = now()
     from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[]) as r(_id, state, reason, normalized_type, rule_id, rule_version)
     where s.patient_id = $1 and s._id = r._id`,
    [patientId, results.map(({ _id }) => _id), ...told(results)],
  );
};

/**
 * Writes what became of samples of one patient. Where that is all of a group it is written once for all of them, and only those of which
 * something else became get a state of their own. The caller holds the patient's lock.
 */
export const writeResults = async (db: Queryable, patientId: string, results: readonly NormalizationResult[]): Promise<void> => {
  if (results.length === 0) return;
  const byGroup = Map.groupBy(results, ({ payload_id: payloadId, groupNo }) => placeOf(payloadId, groupNo));
  const followers = await followersIn(db, patientId, [...new Set(results.map(({ payload_id: payloadId }) => payloadId))]);
  const [groups, differing]: [NormalizationResult[], NormalizationResult[]] = [[], []];
  for (const [place, group] of byGroup) {
    const following = group.filter(({ hasOwnState }) => !hasOwnState);
    const most = following.length === (followers.get(place) ?? 0) ? mostOf(following) : undefined;
    if (most !== undefined) groups.push(most);
    const kind = most === undefined ? undefined : kindOf(most);
    differing.push(...group.filter((result) => result.hasOwnState || result.state !== 'normalized' || kindOf(result) !== kind));
  }
  await writeGroups(db, patientId, groups);
  await writeOwn(db, patientId, differing);
};
