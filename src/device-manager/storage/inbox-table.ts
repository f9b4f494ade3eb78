import type { Queryable } from '../../database/pool.ts';

export type InboxKind = 'quarantined' | 'conflicting' | 'failed';

/** What came in and went no further; identifiers as 32 hexadecimal digits. */
export interface InboxEntry {
  readonly _id: string;
  readonly kind: InboxKind;
  readonly reason: string;
  readonly sample_id: string | null;
  readonly sender: string | null;
  readonly correlation_id: string | null;
  readonly device_identifiers: readonly string[];
  readonly measurement_type: string | null;
  readonly patient_id: string | null;
  /** The payload that a failed sample is in. */
  readonly payload_id: string | null;
  readonly item_index: number | null;
  readonly measured_at: Date | null;
  readonly received_at: Date;
}

/** Which entries; all that is given must hold. */
export interface InboxFilter {
  readonly id?: string | undefined;
  readonly kind?: InboxKind | undefined;
  readonly reason?: string | undefined;
  readonly sender?: string | undefined;
  readonly deviceId?: string | undefined;
  readonly limit: number;
  readonly skip: number;
}

const hex = (column: string) => `replace(${column}::text, '-', '')`;

/** Each half has the filter in it, so that each can use its own index. */
const entries = `
  (select ${hex('q.payload_id')} as _id, case when q.reason = 'conflicting-delivery' then 'conflicting' else 'quarantined' end as kind, q.reason,
     ${hex('q.sample_id')} as sample_id, q.sender, q.correlation_id, q.device_identifiers, q.measurement_type, null::text as patient_id,
     null::text as payload_id, null::int as item_index, q.measured_at, q.received_at
   from device_manager.quarantined_delivery q
   where ($1::uuid is null or q.payload_id = $1) and ($2::text is null or (q.reason = 'conflicting-delivery') = ($2 = 'conflicting')) and $2 is distinct from 'failed'
     and ($3::text is null or q.reason = $3) and ($4::text is null or q.sender = $4) and ($5::text is null or $5 = any(q.device_identifiers)))
  union all
  (select ${hex('s._id')}, 'failed', coalesce(s.reason, 'unknown'), ${hex('s._id')}, null, null, array[g.device_id], g.type, s.patient_id,
     ${hex('s.payload_id')}, s.item_index, s.recorded_at, g.received_at
   from device_manager.sample s join device_manager.sample_group g on g.patient_id = s.patient_id and g.payload_id = s.payload_id and g.group_no = s.group_no
   where s.state = 'normalization-failed' and ($1::uuid is null or s._id = $1) and ($2::text is null or $2 = 'failed')
     and ($3::text is null or s.reason = $3) and $4::text is null and ($5::text is null or g.device_id = $5))`;

const isId = (id: string): boolean => /^[0-9a-f]{32}$/.test(id);

/** Entries by filter, oldest first. */
export const findInbox = async (db: Queryable, { id, kind, reason, sender, deviceId, limit, skip }: InboxFilter): Promise<InboxEntry[]> => {
  if (id !== undefined && !isId(id)) return [];
  const { rows } = await db.query<InboxEntry>(`${entries} order by received_at, _id limit $6 offset $7`, [id ?? null, kind ?? null, reason ?? null, sender ?? null, deviceId ?? null, limit, skip]);
  return rows;
};

/** The sealed bytes of a waiting delivery, and what they are bound to. */
export const waitingBody = async (db: Queryable, payloadId: string): Promise<{ readonly body: Buffer; readonly format: string } | undefined> =>
  (await db.query<{ body: Buffer; format: string }>('select body, format from device_manager.quarantined_delivery where payload_id = $1::uuid', [payloadId])).rows[0];

/** Has failed samples wait for normalization again; answers the payloads they are in. */
export const awaitNormalization = async (db: Queryable, samples: readonly { readonly patientId: string; readonly _id: string }[]): Promise<{ patient_id: string; payload_id: string }[]> => {
  const { rows } = await db.query<{ patient_id: string; payload_id: string }>(
    `with again as (
       update device_manager.sample s set state = 'received', reason = null, updated_at = now()
       from unnest($1::text[], $2::uuid[]) as wanted(patient_id, _id)
       where s.patient_id = wanted.patient_id and s._id = wanted._id and s.state = 'normalization-failed' returning s.patient_id, s.payload_id)
     select distinct patient_id, ${hex('payload_id')} as payload_id from again`,
    [samples.map(({ patientId }) => patientId), samples.map(({ _id }) => _id)],
  );
  return rows;
};

/** Throws a waiting delivery away and keeps who did it and why; false when it is gone. */
export const discardDelivery = async (db: Queryable, payloadId: string, reason: string, actor: string): Promise<boolean> => {
  const { rowCount } = await db.query(
    `with gone as (delete from device_manager.quarantined_delivery where payload_id = $1::uuid returning payload_id, sender, correlation_id, reason)
     insert into device_manager.discarded_delivery (payload_id, sender, correlation_id, quarantine_reason, reason, actor)
     select payload_id, sender, correlation_id, reason, $2, $3 from gone`,
    [payloadId, reason, actor],
  );
  return rowCount === 1;
};

/** Entries of one kind for one reason. */
export interface InboxCount {
  readonly kind: InboxKind;
  readonly reason: string;
  readonly entries: number;
  /** Since the oldest of them was received; null for failed samples, whose times are in other tables. */
  readonly oldestSeconds: number | null;
}

/** How many entries there are by kind and reason, and how old deliveries among them are. */
export const countInbox = async (db: Queryable): Promise<InboxCount[]> => {
  const { rows } = await db.query<InboxCount>(
    `select case when reason = 'conflicting-delivery' then 'conflicting' else 'quarantined' end as kind, reason, count(*)::int as entries,
       greatest(0, extract(epoch from now() - min(received_at)))::float8 as "oldestSeconds"
     from device_manager.quarantined_delivery group by reason
     union all
     select 'failed', coalesce(reason, 'unknown'), count(*)::int, null from device_manager.sample where state = 'normalization-failed' group by reason`,
  );
  return rows;
};
