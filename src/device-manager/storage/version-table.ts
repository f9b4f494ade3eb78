import type { Queryable } from '../../database/pool.ts';
import { namesIn, NEWER_TOTAL } from '../domain/version.ts';

/** A kept version of a reading, or of two; identifiers as 32 hexadecimal digits. */
export interface VersionRow {
  readonly patient_id: string;
  readonly _id: string;
  readonly payload_id: string;
  readonly device: string;
  /** One name or two. */
  readonly identity: string;
  /** Null where its versions are counted. */
  readonly status: string | null;
  readonly version_number: number | null;
  /** Of two names, when the version of the first was issued. */
  readonly issued_at: Date | null;
  readonly other_issued_at: Date | null;
  readonly received_at: Date;
  readonly state: string;
  readonly reason: string | null;
  /** Where it stands in its payload, and what made its record, where it has one. */
  readonly item_index: number;
  readonly rule_id: string | null;
  readonly rule_version: number | null;
  /** Of two, which does not count, and why. */
  readonly left_out: string | null;
}

const hex = (column: string) => `replace(${column}::text, '-', '') as ${column.slice(column.indexOf('.') + 1)}`;

const names = ['identity', ...[1, 2].map((place) => `position(' ' in identity) > 0 and split_part(identity, ' ', ${String(place)})`)];

/** In SQL, a column of what a table keeps under one of some names, or as a pair of which one has it: each by its own index. */
export const selectUnder = (column: string, table: 'sample' | 'quarantined_delivery', list: string): string =>
  names.map((name) => `select ${column} from device_manager.${table} where ${name} = any(${list})`).join(' union ');

/** The identities that are one of some names, or have one among two. */
export const identitiesWith = async (db: Queryable, names: readonly string[]): Promise<string[]> => {
  const { rows } = await db.query<{ identity: string }>(
    `select identity from device_manager.sample where position(' ' in identity) > 0 and split_part(identity, ' ', 1) = any($1::text[])
     union select identity from device_manager.sample where position(' ' in identity) > 0 and split_part(identity, ' ', 2) = any($1::text[])`,
    [names],
  );
  return [...names, ...rows.map(({ identity }) => identity)];
};

/** All versions of some readings, whoever's they are: a correction of the time can move a reading to another patient. */
export const versionsOf = async (db: Queryable, identities: readonly string[]): Promise<VersionRow[]> =>
  (
    await db.query<VersionRow>(
      `select patient_id, ${hex('_id')}, ${hex('payload_id')}, ${hex('device')}, identity, status, version_number, issued_at, other_issued_at, received_at, state, reason, item_index, rule_id, rule_version, left_out from device_manager.whole_sample where identity = any($1::text[])`,
      [identities],
    )
  ).rows;

/** Where the first kept version of a reading, or of one of two, belongs. */
export const placeOf = async (db: Queryable, identity: string): Promise<{ patientId: string; device: { _id: string; device_id: string }; measuredAt: Date; endedAt: Date } | undefined> => {
  const { rows } = await db.query<{ patient_id: string; device: string; device_id: string; recorded_at: Date; ended_at: Date }>(
    `select patient_id, ${hex('device')}, device_id, recorded_at, ended_at from device_manager.whole_sample where identity = any($1::text[]) order by received_at, _id limit 1`,
    [await identitiesWith(db, namesIn(identity))],
  );
  const [row] = rows;
  return row && { patientId: row.patient_id, device: { _id: row.device, device_id: row.device_id }, measuredAt: row.recorded_at, endedAt: row.ended_at };
};

/** Writes which of two readings in one sample does not count, and why, or that both do. */
export const writeLeftOut = async (db: Queryable, patientId: string, samples: readonly { readonly _id: string; readonly left_out: string | null }[]): Promise<void> => {
  if (samples.length === 0) return;
  await db.query(
    `update device_manager.sample s set left_out = r.left_out from unnest($2::uuid[], $3::text[]) as r(_id, left_out)
     where s.patient_id = $1 and s._id = r._id and s.left_out is distinct from r.left_out`,
    [patientId, samples.map(({ _id }) => _id), samples.map(({ left_out: leftOut }) => leftOut)],
  );
};

/** Writes that versions count no more; what was normalized of them stays readable. The caller holds the patient's lock, and normalizes the others afterwards. */
export const writeStandings = async (db: Queryable, patientId: string, standings: readonly { _id: string; state: string; reason: string }[]): Promise<void> => {
  if (standings.length === 0) return;
  await db.query(
    `update device_manager.sample s set state = r.state, reason = r.reason, normalized_type = w.normalized_type, rule_id = w.rule_id, rule_version = w.rule_version, updated_at = now()
     from unnest($2::uuid[], $3::text[], $4::text[]) as r(_id, state, reason) join device_manager.whole_sample w on w.patient_id = $1 and w._id = r._id
     where s.patient_id = $1 and s._id = r._id`,
    [patientId, standings.map(({ _id }) => _id), standings.map(({ state }) => state), standings.map(({ reason }) => reason)],
  );
};

/**
 * Raises the number of those of some versions, each of a device, that have a lower one, whether they count or not; answers the payloads of
 * those that were superseded, which are to be compared again.
 */
export const raiseVersions = async (db: Queryable, patientId: string, versions: readonly { readonly _id: string; readonly device: string }[], number: number): Promise<string[]> => {
  const { rows } = await db.query<{ payload_id: string; state: string | null }>(
    `with old as (
       select o._id from unnest($2::uuid[], $3::uuid[]) as again(_id, device) join device_manager.sample o on o.patient_id = $1 and o._id = again._id
         join device_manager.sample_group g on g.patient_id = o.patient_id and g.payload_id = o.payload_id and g.group_no = o.group_no and g.device = again.device
       where o.version_number < $4 order by o._id for update of o)
     update device_manager.sample s set version_number = $4, reason = case when s.state = 'superseded' then $5 else s.reason end from old
     where s.patient_id = $1 and s._id = old._id returning replace(s.payload_id::text, '-', '') as payload_id, s.state`,
    [patientId, versions.map(({ _id }) => _id), versions.map(({ device }) => device), number, NEWER_TOTAL],
  );
  return [...new Set(rows.filter(({ state }) => state === 'superseded').map(({ payload_id: payloadId }) => payloadId))].sort();
};

/** A version that came again; of two each was issued by itself. */
export interface IssuedAgain {
  readonly _id: string;
  readonly issuedAt: Date | undefined;
  readonly otherIssuedAt: Date | undefined;
}

/** The patients who have some samples. */
export const patientsWith = async (db: Queryable, ids: readonly string[]): Promise<string[]> =>
  (await db.query<{ patient_id: string }>('select distinct patient_id from device_manager.sample where _id = any($1::uuid[]) order by patient_id', [ids])).rows.map((row) => row.patient_id);

/**
 * Puts off when some versions were issued to when they came issued again, where that is later; answers those, with the payloads to be compared
 * again. One whose payload was emptied stays as it is: it could take the place of the one that counts, but not be normalized in it.
 */
export const raiseIssued = async (db: Queryable, versions: readonly IssuedAgain[]): Promise<{ _id: string; patient_id: string; payload_id: string }[]> =>
  (
    await db.query<{ _id: string; patient_id: string; payload_id: string }>(
      `with again as (
         select _id, max(issued_at) as issued_at, max(other_issued_at) as other_issued_at from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) as t(_id, issued_at, other_issued_at) group by _id),
       old as (
         select s.patient_id, s._id from device_manager.sample s join again on again._id = s._id
         where (again.issued_at > coalesce(s.issued_at, '-infinity') or again.other_issued_at > coalesce(s.other_issued_at, '-infinity'))
           and exists (select from device_manager.payload p where p.patient_id = s.patient_id and p.payload_id = s.payload_id and p.body is not null) order by s._id, s.patient_id for update of s)
       update device_manager.sample s set issued_at = greatest(s.issued_at, again.issued_at), other_issued_at = greatest(s.other_issued_at, again.other_issued_at)
       from old join again on again._id = old._id where s.patient_id = old.patient_id and s._id = old._id
       returning ${hex('s._id')}, s.patient_id, ${hex('s.payload_id')}`,
      [versions.map(({ _id }) => _id), versions.map(({ issuedAt }) => issuedAt ?? null), versions.map(({ otherIssuedAt }) => otherIssuedAt ?? null)],
    )
  ).rows.toSorted((a, b) => (a._id < b._id ? -1 : 1));
