import { arrayText } from '../../database/array-text.ts';
import type { Queryable } from '../../database/pool.ts';
import { groupsOf, insertGroups, type SamplePlace } from './sample-group-table.ts';

/** A sample about to be kept; identifiers as 32 hexadecimal digits, instants in milliseconds since 1970. */
export interface NewSample {
  readonly _id: string;
  readonly device: string;
  readonly deviceId: string;
  readonly type: string | undefined;
  readonly itemIndex: number;
  readonly recordedAtMs: number;
  readonly endedAtMs: number;
  /** Digest of the content: two deliveries of one sample have the same. */
  readonly contentKey: bigint;
  /** Digest of the source, where the same reading may come under another identifier. */
  readonly sourceKey?: bigint | undefined;
  /** Digest of what makes it a version of one reading, or two with a space between them; with its status and when it was issued, or each was. */
  readonly identity?: string | undefined;
  readonly status?: string | undefined;
  readonly issuedAt?: Date | undefined;
  readonly otherIssuedAt?: Date | undefined;
  /** Which version of its reading it is, where the versions are counted. */
  readonly versionNumber?: number | undefined;
  /** An earlier sample of the same source with the same content. */
  readonly sameReadingAs?: string | undefined;
}

const columns = '_id, item_index, group_no, recorded_at, ended_at, content_key';
const versionColumns = 'identity, status, issued_at, version_number, same_reading_as, other_issued_at';

const insertion = (more: string, types: string): string => `
  with made as (
    insert into device_manager.sample (patient_id, payload_id, ${columns}${more})
    select $1, $2::uuid, _id, item_index, group_no, to_timestamp(recorded_at / 1000), to_timestamp(ended_at / 1000), content_key${more}
    from unnest($4::uuid[], $5::int[], $6::smallint[], $7::float8[], $8::float8[], $9::bigint[]${types}) as t(${columns}${more})
    on conflict (_id, patient_id) do nothing returning _id)
  select count(*)::int as made, case when count(*) < $3 then array_agg(replace(_id::text, '-', '')) end as ids from made`;
const insertPlain = insertion('', '');
const insertVersions = insertion(`, ${versionColumns}`, ', $10::text[], $11::text[], $12::timestamptz[], $13::float8[], $14::uuid[], $15::timestamptz[]');

/** What the few have that are versions of a reading, or one again; nothing where none is. */
const versionValues = (samples: readonly NewSample[]): unknown[] =>
  samples.every(({ identity, sameReadingAs }) => identity === undefined && sameReadingAs === undefined) ? [] : [
    samples.map((s) => s.identity ?? null), samples.map((s) => s.status ?? null), samples.map((s) => s.issuedAt ?? null), samples.map((s) => s.versionNumber ?? null),
    samples.map((s) => s.sameReadingAs ?? null), samples.map((s) => s.otherIssuedAt ?? null),
  ];

const inOrder = (a: NewSample, b: NewSample): number => a.recordedAtMs - b.recordedAtMs || (a._id < b._id ? -1 : 1);

/**
 * Inserts those samples that are not there yet and answers their identifiers. Rows go in order of time, so that they lie together in the
 * index by time, and two uploads of the same samples wait for each other and do not deadlock; a sample another transaction is inserting is
 * waited for. (Two that come at once and contradict each other about instants may: PostgreSQL ends one, whose sender tries again.)
 */
export const insertSamples = async (db: Queryable, place: SamplePlace, samples: readonly NewSample[]): Promise<Set<string>> => {
  if (samples.length === 0) return new Set();
  const { groups, groupNoOf } = groupsOf(samples);
  const ordered = samples.toSorted(inOrder);
  const versions = versionValues(ordered);
  const { rows: [answer] } = await db.query<{ made: number; ids: string[] | null }>({
    ...(versions.length === 0 ? { name: 'insert-samples', text: insertPlain } : { name: 'insert-versions', text: insertVersions }),
    values: [place.patientId, place.payloadId, ordered.length, arrayText(ordered, (s) => s._id), arrayText(ordered, (s) => s.itemIndex), arrayText(ordered, groupNoOf), arrayText(ordered, (s) => s.recordedAtMs),
      arrayText(ordered, (s) => (s.endedAtMs === s.recordedAtMs ? null : s.endedAtMs)), arrayText(ordered, (s) => s.contentKey), ...versions],
  });
  if (answer === undefined || answer.made === 0) return new Set();
  await insertGroups(db, place, groups);
  return new Set(answer.ids ?? ordered.map(({ _id }) => _id));
};

/** What an upload must know of what is there before it is kept. */
export interface Known {
  /** The patient has deleted samples. */
  readonly anyDeleted: boolean;
  /** The sample asked for is kept. */
  readonly isKept: boolean;
  /** The patient has samples of the time asked for. */
  readonly anyThen: boolean;
}

/** Looks whether the questions about each sample of an upload need to be asked at all. */
export const knownBefore = async (db: Queryable, patientId: string, _id: string, fromMs: number, toMs: number): Promise<Known> => {
  const { rows: [row] } = await db.query<Known>({
    name: 'known-before',
    text: `select exists (select from device_manager.tombstone where patient_id = $1) as "anyDeleted", exists (select from device_manager.sample where patient_id = $1 and _id = $2::uuid) as "isKept",
       exists (select from device_manager.sample where patient_id = $1 and recorded_at between to_timestamp($3::float8 / 1000) and to_timestamp($4::float8 / 1000)) as "anyThen"`,
    values: [patientId, _id, fromMs, toMs],
  });
  return row ?? { anyDeleted: true, isKept: true, anyThen: true };
};

/** What is kept under some identifiers: the digest of the content, and the payload. */
export const keptSamples = async (db: Queryable, patientId: string, ids: readonly string[]): Promise<Map<string, { contentKey: bigint | undefined; payloadId: string }>> => {
  if (ids.length === 0) return new Map();
  const { rows } = await db.query<[string, string | null, string]>({
    name: 'kept-samples', rowMode: 'array',
    text: `select _id, content_key, payload_id from device_manager.sample where patient_id = $1 and _id = any($2::uuid[])`,
    values: [patientId, arrayText(ids, (_id) => _id)],
  });
  const payloadIds = new Map<string, string>();
  const plain = (uuid: string): string => {
    const known = payloadIds.get(uuid) ?? uuid.replaceAll('-', '');
    payloadIds.set(uuid, known);
    return known;
  };
  return new Map(rows.map(([_id, contentKey, payloadId]) => [_id.replaceAll('-', ''), { contentKey: contentKey === null ? undefined : BigInt(contentKey), payloadId: plain(payloadId) }]));
};

/** A sample of which an earlier delivery is looked for. */
export type Reading = Pick<NewSample, '_id' | 'recordedAtMs' | 'contentKey' | 'sourceKey'>;

const readingOf = (contentKey: bigint | string, sourceKey: bigint | string): string => `${String(contentKey)} ${String(sourceKey)}`;

/**
 * Finds samples that are an earlier one again, of the same source with the same content, under another UUID; `samples` in the order of
 * their request, and `anyThen` tells whether any of that time is kept. Answers the earlier sample by the identifier of the new one.
 */
export const earlierReadings = async (db: Queryable, patientId: string, samples: readonly Reading[], anyThen: boolean): Promise<Map<string, string>> => {
  const asked = samples.filter(({ sourceKey }) => sourceKey !== undefined);
  const { rows } = asked.length === 0 || !anyThen ? { rows: [] } : await db.query<[string, string, string]>({
    name: 'earlier-readings', rowMode: 'array',
    text: `select replace(s._id::text, '-', ''), s.content_key, g.source_key
     from device_manager.sample s join device_manager.sample_group g on g.patient_id = s.patient_id and g.payload_id = s.payload_id and g.group_no = s.group_no
     where s.patient_id = $1 and s.recorded_at = any($2::timestamptz[]) and s.content_key = any($3::bigint[]) and g.source_key is not null order by g.received_at, s.item_index, s._id`,
    values: [patientId, arrayText([...new Set(asked.map(({ recordedAtMs }) => recordedAtMs))], (ms) => `"${new Date(ms).toISOString()}"`), arrayText(asked, ({ contentKey }) => contentKey)],
  });
  const firsts = new Map<string, string>();
  for (const [_id, contentKey, sourceKey] of rows) if (!firsts.has(readingOf(contentKey, sourceKey))) firsts.set(readingOf(contentKey, sourceKey), _id);
  const found = new Map<string, string>();
  for (const { _id, contentKey, sourceKey = 0n } of asked) {
    const reading = readingOf(contentKey, sourceKey);
    const first = firsts.get(reading);
    if (first === undefined) firsts.set(reading, _id);
    else if (first !== _id) found.set(_id, first);
  }
  return found;
};
