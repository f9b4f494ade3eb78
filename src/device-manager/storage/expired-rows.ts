import type { Queryable } from '../../database/pool.ts';

const hex = (column: string) => `replace(${column}::text, '-', '')`;

/** A payload by its patient; the identifier as 32 hexadecimal digits. */
export interface PayloadName {
  readonly patient_id: string;
  readonly payload_id: string;
}

/** A payload that came too long ago; the instant as PostgreSQL writes it, in full precision. */
export interface OldPayload extends PayloadName {
  readonly received_at: string;
}

/** Payloads that came before an instant, the first first, from after one of them. */
export const payloadsBefore = async (db: Queryable, before: Date, after: OldPayload | undefined, limit: number): Promise<OldPayload[]> =>
  (
    await db.query<OldPayload>(
      `select patient_id, ${hex('payload_id')} as payload_id, received_at::text as received_at from device_manager.payload q
       where received_at < $1 and (q.received_at, q.payload_id) > (coalesce($2::timestamptz, '-infinity'), coalesce($3::uuid, '00000000-0000-0000-0000-000000000000')) order by q.received_at, q.payload_id limit $4`,
      [before, after?.received_at ?? null, after?.payload_id ?? null, limit],
    )
  ).rows;

/**
 * Removes a payload with its samples and all that was made of them but points and rollups; false when it is gone already. Where later
 * payloads hold its samples once more stays noted, so that a deletion finds them.
 */
export const removePayload = async (db: Queryable, { patient_id: patientId, payload_id: payloadId }: PayloadName): Promise<boolean> => {
  const samples = 'select _id from device_manager.sample where patient_id = $1 and payload_id = $2::uuid';
  await db.query(`delete from device_manager.submission where patient_id = $1 and sample_id in (${samples})`, [patientId, payloadId]);
  const removeFrom = (table: string) => db.query(`delete from device_manager.${table} where patient_id = $1 and payload_id = $2::uuid`, [patientId, payloadId]);
  for (const table of ['sample_copy', 'sample', 'sample_group', 'normalized_chunk']) await removeFrom(table);
  return (await removeFrom('payload')).rowCount === 1;
};

/** Of `q`: no sample waits for what the payload says. */
const noneWaits = `not exists (select from device_manager.whole_sample s where s.patient_id = q.patient_id and s.payload_id = q.payload_id and s.state in ('received', 'normalization-failed'))`;

/** Payloads to be emptied: they came before an instant, their samples are all normalized or gone, and no record is known to refer to them; the first first, from after one of them. */
export const payloadsToEmpty = async (db: Queryable, before: Date, after: OldPayload | undefined, limit: number): Promise<OldPayload[]> =>
  (
    await db.query<OldPayload>(
      `select patient_id, ${hex('payload_id')} as payload_id, received_at::text as received_at from device_manager.payload q
       where received_at < $1 and body is not null and not referred_to
         and (q.received_at, q.payload_id) > (coalesce($2::timestamptz, '-infinity'), coalesce($3::uuid, '00000000-0000-0000-0000-000000000000')) and ${noneWaits} order by q.received_at, q.payload_id limit $4`,
      [before, after?.received_at ?? null, after?.payload_id ?? null, limit],
    )
  ).rows;

/**
 * Empties a payload, unless a sample waits for it meanwhile; rows, digests and what was made of it stay. Samples of HealthKit change with
 * it, because their UUID goes. The caller holds the patient's lock.
 */
export const emptyPayload = async (db: Queryable, { patient_id: patientId, payload_id: payloadId }: PayloadName): Promise<boolean> => {
  const { rows: [emptied] } = await db.query<{ provider: string }>(
    `update device_manager.payload q set body = null, redacted_at = coalesce(redacted_at, now()) where patient_id = $1 and payload_id = $2::uuid and body is not null and ${noneWaits} returning provider`,
    [patientId, payloadId],
  );
  if (emptied?.provider === 'healthkit') {
    await db.query('update device_manager.sample_group set updated_at = now() where patient_id = $1 and payload_id = $2::uuid', [patientId, payloadId]);
    await db.query(`update device_manager.sample set updated_at = now() where patient_id = $1 and payload_id = $2::uuid and updated_at is not null and state is distinct from 'deleted'`, [patientId, payloadId]);
  }
  return emptied !== undefined;
};

/** Notes that a record refers to a payload, so that nobody looks again until something of it is deleted. */
export const noteReferredTo = async (db: Queryable, { patient_id: patientId, payload_id: payloadId }: PayloadName): Promise<void> => {
  await db.query('update device_manager.payload set referred_to = true where patient_id = $1 and payload_id = $2::uuid', [patientId, payloadId]);
};

/** Deliveries that have waited since before an instant. */
export const waitingSince = async (db: Queryable, before: Date, limit: number): Promise<string[]> =>
  (
    await db.query<{ payload_id: string }>(`select ${hex('payload_id')} as payload_id from device_manager.quarantined_delivery q where received_at < $1 order by received_at, q.payload_id limit $2`, [before, limit])
  ).rows.map(({ payload_id: payloadId }) => payloadId);

/** Forgets what operators threw away before an instant, the first first; answers how many. */
export const forgetDiscarded = async (db: Queryable, before: Date, limit: number): Promise<number> =>
  (
    await db.query(
      `delete from device_manager.discarded_delivery where payload_id = any(array(select payload_id from device_manager.discarded_delivery where discarded_at < $1 order by discarded_at limit $2))`,
      [before, limit],
    )
  ).rowCount ?? 0;

/** Removes exports that have expired, with their archives, those first that expired first; answers how many. */
export const removeExpiredExports = async (db: Queryable, limit: number): Promise<number> =>
  (
    await db.query(
      `with expired as (select patient_id, _id from device_manager.patient_export where expires_at <= now() order by expires_at limit $1 for update skip locked),
         parts as (delete from device_manager.patient_export_part p using expired e where p.patient_id = e.patient_id and p._id = e._id)
       delete from device_manager.patient_export x using expired e where x.patient_id = e.patient_id and x._id = e._id`,
      [limit],
    )
  ).rowCount ?? 0;
