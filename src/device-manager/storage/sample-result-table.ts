import type { Queryable } from '../../database/pool.ts';
import type { SampleRow } from './sample-table.ts';

/** Samples of one payload: all, those that wait for normalization, those that are versions of a reading, or one. */
export type Which = 'all' | 'received' | 'versions' | { readonly only: string };

/** A sample of one payload. */
export interface PayloadSample extends SampleRow {
  /** The group whose state it has, if it has none of its own. */
  readonly groupNo: number;
  readonly hasOwnState: boolean;
}

type Group = Omit<PayloadSample, 'hasOwnState' | '_id' | 'item_index' | 'recorded_at' | 'ended_at' | 'identity' | 'same_reading_as'>;

const readGroups = async (db: Queryable, patientId: string, payloadId: string): Promise<Map<number, Group>> => {
  const { rows } = await db.query<Group>({
    name: 'read-sample-groups',
    text: `select patient_id, group_no as "groupNo", provider, device_id, type, replace(payload_id::text, '-', '') as payload_id, received_at, state, reason, normalized_type, rule_id, rule_version, updated_at, format
     from device_manager.sample_group where patient_id = $1 and payload_id = $2::uuid`,
    values: [patientId, payloadId],
  });
  return new Map(rows.map((group) => [group.groupNo, group]));
};

type Row = [
  _id: string, itemIndex: number, groupNo: number, recordedAtMs: number, endedAtMs: number | null, identity: string | null, sameReadingAs: string | null,
  state: SampleRow['state'] | null, reason: string | null, normalizedType: string | null, ruleId: string | null, ruleVersion: number | null, updatedAt: Date | null,
];

const ms = (column: string) => `date_part('epoch', ${column}) * 1000`;

const sampleOf = (row: Row, group: Group): PayloadSample => {
  const [_id, itemIndex, , recordedAtMs, endedAtMs, identity, sameReadingAs, state, reason, normalizedType, ruleId, ruleVersion, updatedAt] = row;
  const recordedAt = new Date(recordedAtMs);
  const own = state === null ? {} : { state, reason, normalized_type: normalizedType, rule_id: ruleId, rule_version: ruleVersion, updated_at: updatedAt ?? group.updated_at };
  return {
    ...group, _id: _id.replaceAll('-', ''), item_index: itemIndex, recorded_at: recordedAt, ended_at: endedAtMs === null ? recordedAt : new Date(endedAtMs), identity,
    same_reading_as: sameReadingAs === null ? null : sameReadingAs.replaceAll('-', ''), hasOwnState: state !== null, ...own,
  };
};

/** Some samples of one payload, in its order, but for deleted ones. */
export const samplesToNormalize = async (db: Queryable, patientId: string, payloadId: string, which: Which): Promise<PayloadSample[]> => {
  const groups = await readGroups(db, patientId, payloadId);
  const { rows } = await db.query<Row>({
    name: 'samples-of-payload', rowMode: 'array',
    text: `select _id, item_index, group_no, ${ms('recorded_at')}, ${ms('ended_at')}, identity, same_reading_as, state, reason, normalized_type, rule_id, rule_version, updated_at
     from device_manager.sample where patient_id = $1 and payload_id = $2::uuid and state is distinct from 'deleted' and ($3::uuid is null or _id = $3) and (not $4::boolean or identity is not null) order by item_index`,
    values: [patientId, payloadId, typeof which === 'string' ? null : which.only, which === 'versions'],
  });
  const samples = rows.flatMap((row) => {
    const group = groups.get(row[2]);
    return group ? [sampleOf(row, group)] : [];
  });
  return which === 'received' ? samples.filter(({ state }) => state === 'received') : samples;
};

/** What normalization made of one sample. */
export interface NormalizationResult extends Pick<PayloadSample, '_id' | 'groupNo' | 'hasOwnState'> {
  readonly state: 'normalized' | 'normalization-failed';
  readonly reason?: string;
  readonly normalizedType?: string;
  readonly ruleId?: string;
  readonly ruleVersion?: number;
}

/** How many samples of each group have no state of their own. */
const followersIn = async (db: Queryable, patientId: string, payloadId: string): Promise<Map<number, number>> => {
  const { rows } = await db.query<{ group_no: number; samples: number }>({
    name: 'samples-without-state',
    text: 'select group_no, count(*)::int as samples from device_manager.sample where patient_id = $1 and payload_id = $2::uuid and state is null group by group_no',
    values: [patientId, payloadId],
  });
  return new Map(rows.map(({ group_no, samples }) => [group_no, samples]));
};

const kindOf = ({ reason, normalizedType, ruleId, ruleVersion }: NormalizationResult): string => JSON.stringify([reason, normalizedType, ruleId, ruleVersion]);

/** What most of a group are; a failure is always a sample's own, so that the inbox finds it by its row. */
const mostOf = (results: readonly NormalizationResult[]): NormalizationResult | undefined => {
  const normalized = Map.groupBy(results.filter(({ state }) => state === 'normalized'), kindOf);
  return [...normalized.values()].sort((a, b) => b.length - a.length)[0]?.[0];
};

const writeGroup = (db: Queryable, patientId: string, payloadId: string, { groupNo, state, reason, normalizedType, ruleId, ruleVersion }: NormalizationResult) =>
  db.query({
    name: 'write-sample-group',
    text: `update device_manager.sample_group set state = $4, reason = $5, normalized_type = $6, rule_id = $7, rule_version = $8, updated_at = now()
     where patient_id = $1 and payload_id = $2::uuid and group_no = $3`,
    values: [patientId, payloadId, groupNo, state, reason ?? null, normalizedType ?? null, ruleId ?? null, ruleVersion ?? null],
  });

const writeOwn = async (db: Queryable, patientId: string, results: readonly NormalizationResult[]): Promise<void> => {
  if (results.length === 0) return;
  await db.query(
    `update device_manager.sample s
     set state = r.state, reason = r.reason, normalized_type = r.normalized_type, rule_id = r.rule_id, rule_version = r.rule_version, updated_at = now()
     from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[]) as r(_id, state, reason, normalized_type, rule_id, rule_version)
     where s.patient_id = $1 and s._id = r._id`,
    [patientId, results.map((r) => r._id), results.map((r) => r.state), results.map((r) => r.reason ?? null),
      results.map((r) => r.normalizedType ?? null), results.map((r) => r.ruleId ?? null), results.map((r) => r.ruleVersion ?? null)],
  );
};

/**
 * Writes what became of samples of one payload. Where that is all of a group it is written once for all of them, and only those of which
 * something else became get a state of their own. The caller holds the patient's lock.
 */
export const writeResults = async (db: Queryable, patientId: string, payloadId: string, results: readonly NormalizationResult[]): Promise<void> => {
  if (results.length === 0) return;
  const followers = await followersIn(db, patientId, payloadId);
  const differing: NormalizationResult[] = [];
  for (const [groupNo, group] of Map.groupBy(results, (result) => result.groupNo)) {
    const following = group.filter(({ hasOwnState }) => !hasOwnState);
    const most = following.length === (followers.get(groupNo) ?? 0) ? mostOf(following) : undefined;
    if (most !== undefined) await writeGroup(db, patientId, payloadId, most);
    const kind = most === undefined ? undefined : kindOf(most);
    differing.push(...group.filter((result) => result.hasOwnState || result.state !== 'normalized' || kindOf(result) !== kind));
  }
  await writeOwn(db, patientId, differing);
};
