import type { Queryable } from '../../database/pool.ts';
import type { EraseRows } from './erasing-rows.ts';
import { selectUnder } from './version-table.ts';

/** What names one delivery, and what it was. */
export interface Delivery {
  readonly sender: string;
  readonly correlationId: string;
  readonly sampleId: string;
  readonly bodyMac: Buffer;
  readonly receivedAt: Date;
}

/**
 * Notes a delivery. `repeated` is the one that came before under the same name, with the digest of its body; the same delivery that
 * another transaction is noting is waited for.
 */
export const noteDelivery = async (db: Queryable, delivery: Delivery): Promise<{ repeated?: { sampleId: string; bodyMac: Buffer } }> => {
  const { rowCount } = await db.query({
    name: 'note-delivery',
    text: `insert into device_manager.delivery (sender, correlation_id, sample_id, body_mac, received_at) values ($1, $2, $3::uuid, $4, $5)
     on conflict do nothing`,
    values: [delivery.sender, delivery.correlationId, delivery.sampleId, delivery.bodyMac, delivery.receivedAt],
  });
  if (rowCount === 1) return {};
  const { rows } = await db.query<{ sample_id: string; body_mac: Buffer }>(
    `select replace(sample_id::text, '-', '') as sample_id, body_mac from device_manager.delivery where sender = $1 and correlation_id = $2`,
    [delivery.sender, delivery.correlationId],
  );
  const [before] = rows;
  if (!before) throw new Error('A delivery vanished while it was noted.');
  return { repeated: { sampleId: before.sample_id, bodyMac: before.body_mac } };
};

/**
 * Notes readings by their samples and answers those that were not noted before. In order of the sample, so that two deliveries of the
 * same readings wait for each other and never deadlock.
 */
export const noteReadings = async (db: Queryable, { sender, receivedAt }: { readonly sender: string; readonly receivedAt: Date }, readings: readonly { readonly sampleId: string; readonly mac: Buffer }[]): Promise<Set<string>> => {
  const ordered = [...new Map(readings.map((reading) => [reading.sampleId, reading])).values()].sort((a, b) => (a.sampleId < b.sampleId ? -1 : 1));
  const { rows } = await db.query<{ sample_id: string }>(
    `insert into device_manager.delivery (sender, correlation_id, sample_id, body_mac, received_at)
     select $1, 'reading:' || sample_id, sample_id::uuid, mac, $2 from unnest($3::text[], $4::bytea[]) as t(sample_id, mac)
     on conflict do nothing returning replace(sample_id::text, '-', '') as sample_id`,
    [sender, receivedAt, ordered.map(({ sampleId }) => sampleId), ordered.map(({ mac }) => mac)],
  );
  return new Set(rows.map((row) => row.sample_id));
};

/** Which of some readings, by their samples, a sender sent before, and the names of the readings that are kept or wait under one of some names: of a pair of which one has it, both. */
export const knownReadings = async (db: Queryable, sender: string, sampleIds: readonly string[], names: readonly string[]): Promise<Set<string>> => {
  const { rows } = await db.query<{ name: string }>(
    `select replace(sample_id::text, '-', '') as name from device_manager.delivery where sender = $1 and correlation_id = any($2::text[])
     union select unnest(string_to_array(identity, ' ')) from (${selectUnder('identity', 'sample', '$3::text[]')}) as kept
     union select unnest(string_to_array(identity, ' ')) from (${selectUnder('identity', 'quarantined_delivery', '$3::text[]')}) as waiting`,
    [sender, sampleIds.map((one) => `reading:${one}`), names],
  );
  return new Set(rows.map(({ name }) => name));
};

/** Forgets the deliveries of a patient's samples, and what an operator threw away of them. Goes before the samples. */
export const eraseDeliveries: EraseRows = async (db, patientId) => {
  // No upload of a phone is a delivery, and of those a patient may have millions.
  const own = `
    select d.sender, d.correlation_id from device_manager.sample_group g join device_manager.sample s on s.patient_id = g.patient_id and s.payload_id = g.payload_id and s.group_no = g.group_no
    join device_manager.delivery d on d.sample_id = s._id where g.patient_id = $1 and g.provider <> 'healthkit'`;
  await db.query(`delete from device_manager.discarded_delivery where (sender, correlation_id) in (${own})`, [patientId]);
  return (await db.query(`delete from device_manager.delivery where (sender, correlation_id) in (${own})`, [patientId])).rowCount ?? 0;
};
