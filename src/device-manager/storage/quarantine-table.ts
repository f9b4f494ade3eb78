import type { Queryable } from '../../database/pool.ts';
import { SealBrokenError } from '../../keys/cipher.ts';
import type { ScopeKeys } from '../../keys/scope-keys.ts';
import { openBytes, sealBytes } from './payload-table.ts';
import { selectUnder } from './version-table.ts';

/** Why a delivery waits. */
export type QuarantineReason =
  | 'device-unknown' | 'device-not-assigned' | 'no-device-identity' | 'missing-timestamp' | 'timestamp-in-future' | 'not-a-delivery' | 'conflicting-delivery'
  | 'unsupported-bundle' | 'unknown-modifier' | 'patient-mismatch';

/** A delivery that cannot be attributed yet; identifiers as 32 hexadecimal digits. */
export interface QuarantinedDelivery {
  readonly payloadId: string;
  readonly sender: string;
  readonly correlationId: string;
  readonly sampleId: string;
  readonly format: string;
  readonly identifiers: readonly string[];
  readonly measurementType?: string | undefined;
  readonly measuredAt?: Date | undefined;
  /** Digest of what makes it a version of one reading. */
  readonly identity?: string | undefined;
  readonly reason: QuarantineReason;
  readonly bytes: Buffer;
  readonly receivedAt: Date;
}

interface Row {
  readonly payload_id: string;
  readonly sender: string;
  readonly correlation_id: string;
  readonly sample_id: string;
  readonly format: string;
  readonly device_identifiers: string[];
  readonly measurement_type: string | null;
  readonly measured_at: Date | null;
  readonly reason: QuarantineReason;
  readonly body: Buffer;
  readonly received_at: Date;
  readonly identity: string | null;
}

/** What the sealed bytes of a waiting delivery are bound to. */
export const quarantineAad = (payloadId: string): string => `quarantined_delivery:${payloadId}`;
const hex = (column: string) => `replace(${column}::text, '-', '') as ${column}`;
const columns = `${hex('payload_id')}, sender, correlation_id, ${hex('sample_id')}, format, device_identifiers, measurement_type, measured_at, reason, body, received_at, identity`;

/** Keeps a delivery sealed under a key of its own. */
export const quarantine = async (db: Queryable, { dataKey }: ScopeKeys, delivery: QuarantinedDelivery): Promise<void> => {
  await db.query(
    `insert into device_manager.quarantined_delivery
       (payload_id, sender, correlation_id, sample_id, format, device_identifiers, measurement_type, measured_at, reason, body, received_at, identity)
     values ($1::uuid, $2, $3, $4::uuid, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [delivery.payloadId, delivery.sender, delivery.correlationId, delivery.sampleId, delivery.format, delivery.identifiers, delivery.measurementType ?? null,
      delivery.measuredAt ?? null, delivery.reason, sealBytes(dataKey, delivery.bytes, quarantineAad(delivery.payloadId)), delivery.receivedAt, delivery.identity ?? null],
  );
};

/** Identifiers of the deliveries that wait for one of some devices to be assigned. */
export const waitingFor = async (db: Queryable, identifiers: readonly string[]): Promise<string[]> =>
  (
    await db.query<{ payload_id: string }>(
      `select ${hex('payload_id')} from device_manager.quarantined_delivery
       where device_identifiers && $1::text[] and reason in ('device-unknown', 'device-not-assigned') order by measured_at`,
      [identifiers],
    )
  ).rows.map((row) => row.payload_id);

/** In SQL, the deliveries that wait under one of some names, or as a pair of which one has it. */
const idsUnder = (list: string): string => selectUnder('payload_id', 'quarantined_delivery', list);

/** Identifiers of the deliveries in quarantine that are versions of readings with some names, or of a pair with one of them. */
export const waitingUnder = async (db: Queryable, readings: readonly string[]): Promise<string[]> =>
  (
    await db.query<{ payload_id: string }>(
      `select ${hex('payload_id')} from device_manager.quarantined_delivery
       where payload_id in (${idsUnder('$1::text[]')}) and reason in ('no-device-identity', 'missing-timestamp', 'device-unknown', 'device-not-assigned')`,
      [readings],
    )
  ).rows.map((row) => row.payload_id);

/** Those of samples that wait. */
export const waitingAmong = async (db: Queryable, sampleIds: readonly string[]): Promise<Set<string>> => {
  if (sampleIds.length === 0) return new Set();
  const { rows } = await db.query<{ sample_id: string }>(
    `select ${hex('sample_id')} from device_manager.quarantined_delivery where sample_id = any($1::uuid[]) and reason <> 'conflicting-delivery'`, [sampleIds],
  );
  return new Set(rows.map((row) => row.sample_id));
};

/** Writes why a delivery still waits, if it does. */
export const noteReason = async (db: Queryable, payloadId: string, reason: QuarantineReason): Promise<void> => {
  await db.query('update device_manager.quarantined_delivery set reason = $2 where payload_id = $1::uuid and reason <> $2', [payloadId, reason]);
};

const deliveryOf = (row: Row, bytes: Buffer): QuarantinedDelivery => ({
  payloadId: row.payload_id, sender: row.sender, correlationId: row.correlation_id, sampleId: row.sample_id, format: row.format,
  identifiers: row.device_identifiers, measurementType: row.measurement_type ?? undefined, measuredAt: row.measured_at ?? undefined,
  reason: row.reason, bytes, receivedAt: row.received_at, identity: row.identity ?? undefined,
});

/** Takes a delivery out of quarantine, if it is still there: its row is gone when the transaction commits. Throws SealBrokenError where its key is gone. */
export const takeFromQuarantine = async (db: Queryable, payloadId: string, keysOf: () => Promise<ScopeKeys | undefined>): Promise<QuarantinedDelivery | undefined> => {
  const { rows } = await db.query<Row>(`delete from device_manager.quarantined_delivery where payload_id = $1::uuid returning ${columns}`, [payloadId]);
  const [row] = rows;
  if (!row) return undefined;
  const keys = await keysOf();
  if (!keys) throw new SealBrokenError(quarantineAad(payloadId));
  return deliveryOf(row, await openBytes(keys.dataKey, row.body, quarantineAad(payloadId)));
};

/** A quarantined delivery by the identifier of its sample; one whose key was destroyed can no longer be read, and counts as none. */
export const quarantinedSample = async (db: Queryable, sampleId: string, keysOf: (payloadId: string) => Promise<ScopeKeys | undefined>): Promise<QuarantinedDelivery | undefined> => {
  if (!/^[0-9a-f]{32}$/.test(sampleId)) return undefined;
  const { rows } = await db.query<Row>(`select ${columns} from device_manager.quarantined_delivery where sample_id = $1::uuid and reason <> 'conflicting-delivery'`, [sampleId]);
  const [row] = rows;
  const keys = row && (await keysOf(row.payload_id));
  return row && keys ? deliveryOf(row, await openBytes(keys.dataKey, row.body, quarantineAad(row.payload_id))) : undefined;
};

/** Deliveries that wait and may hold readings of some devices, in order of their identifiers, from after one: those that name them, and whole ones. */
export const waitingOfDevices = async (db: Queryable, identifiers: readonly string[], after: string | undefined, limit: number): Promise<SealedDelivery[]> =>
  (
    await db.query<SealedDelivery>(
      `select ${hex('payload_id')}, format, body, received_at, reason from device_manager.quarantined_delivery q
       where (device_identifiers && $1::text[] or reason in ('conflicting-delivery', 'unsupported-bundle')) and ($2::uuid is null or q.payload_id > $2) order by q.payload_id limit $3`,
      [identifiers, after ?? null, limit],
    )
  ).rows;

/** A delivery that waits, with what it says still sealed. */
export interface SealedDelivery {
  readonly payload_id: string;
  readonly format: string;
  readonly body: Buffer;
  readonly received_at: Date;
  readonly reason: QuarantineReason;
}

/** Deliveries that wait and can only be a patient's: those that name hardware that the patient alone had, and versions of readings that are kept of the patient. */
export const waitingOfAlone = async (db: Queryable, patientId: string, identifiers: readonly string[]): Promise<string[]> =>
  (
    await db.query<{ payload_id: string }>(
      `with kept as (select unnest(string_to_array(identity, ' ')) as name from device_manager.sample where patient_id = $1 and identity is not null)
       select ${hex('payload_id')} from device_manager.quarantined_delivery
       where device_identifiers && $2::text[] and reason not in ('conflicting-delivery', 'unsupported-bundle')
       union
       select ${hex('payload_id')} from (${idsUnder('array(select name from kept)')}) as named`,
      [patientId, identifiers],
    )
  ).rows.map((row) => row.payload_id);

/** Takes a delivery out of quarantine, whatever is in it; false when it is gone. */
export const eraseWaiting = async (db: Queryable, payloadId: string): Promise<boolean> =>
  (await db.query('delete from device_manager.quarantined_delivery where payload_id = $1::uuid', [payloadId])).rowCount === 1;

/** Puts a part of a waiting delivery in place of all of it, under another identifier and so another key; false when it is gone. */
export const replaceWaiting = async (db: Queryable, { dataKey }: ScopeKeys, before: string, part: { readonly payloadId: string; readonly identifiers: readonly string[]; readonly bytes: Buffer }): Promise<boolean> =>
  (
    await db.query(
      `update device_manager.quarantined_delivery set payload_id = $2::uuid, format = 'fhir-json', device_identifiers = $3, body = $4 where payload_id = $1::uuid`,
      [before, part.payloadId, part.identifiers, sealBytes(dataKey, part.bytes, quarantineAad(part.payloadId))],
    )
  ).rowCount === 1;
