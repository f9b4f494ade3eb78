import { constants, inflateRawSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Queryable } from '../../database/pool.ts';
import type { DataKey } from '../../keys/data-key.ts';
import { bytesMac } from '../../keys/identity.ts';
import type { ScopeKeys } from '../../keys/scope-keys.ts';
import { rowsOf } from './erasing-rows.ts';
import type { SealedColumn } from './sealed-column.ts';

/** What the request said about all items of a payload. */
export interface PayloadContext {
  readonly type?: string;
  readonly unit?: string;
  /** IANA zone of dates that name none. */
  readonly timeZone?: string;
}

export interface Payload {
  readonly patientId: string;
  readonly payloadId: string;
  readonly provider: string;
  readonly format: string;
  readonly receivedAt: Date;
  /** The bytes received, after content decoding. */
  readonly bytes: Buffer;
  readonly context: PayloadContext;
  readonly itemCount: number;
}

const largestPayloadBytes = 64 * 1024 * 1024;
const aad = (patientId: string, payloadId: string, part: 'body' | 'context') => `payload:${patientId}:${payloadId}:${part}`;

/** What of a payload is sealed. */
export const sealedPayload = (['body', 'context'] as const).map((column): SealedColumn => ({
  table: 'payload', column, key: { payload_id: 'uuid' }, placeOf: (patientId, [payloadId = '']) => aad(patientId, payloadId, column),
}));

/** How a zstd frame begins (RFC 8878, 3.1.1); no raw deflate does, because there it would be a stored block whose two lengths differ. */
const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const compression = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Compresses and seals bytes; their place is bound by `place`. */
export const sealBytes = (key: DataKey, bytes: Buffer, place: string): Buffer => key.seal(zstdCompressSync(bytes, compression), place);

/** Opens what `sealBytes` sealed, also what it compressed with deflate before. Throws SealBrokenError when it was changed or moved. */
export const openBytes = async (key: DataKey, sealed: Buffer, place: string): Promise<Buffer> => {
  const compressed = await key.open(sealed, place);
  const decompress = compressed.subarray(0, 4).equals(zstdMagic) ? zstdDecompressSync : inflateRawSync;
  return decompress(compressed, { maxOutputLength: largestPayloadBytes });
};

/**
 * Keeps a payload sealed under the patient's data key, with a keyed digest of the bytes received. `body` is what is kept of
 * them where some items were deleted before they came.
 */
export const insertPayload = async (db: Queryable, { dataKey, identityKey }: ScopeKeys, payload: Payload, body = payload.bytes): Promise<void> => {
  const { patientId, payloadId, bytes, receivedAt } = payload;
  await db.query({
    name: 'insert-payload',
    text: `insert into device_manager.payload (patient_id, payload_id, provider, format, received_at, body, context, digest, size_bytes, item_count, redacted_at)
     values ($1, $2::uuid, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    values: [patientId, payloadId, payload.provider, payload.format, receivedAt, sealBytes(dataKey, body, aad(patientId, payloadId, 'body')),
      sealBytes(dataKey, Buffer.from(JSON.stringify(payload.context)), aad(patientId, payloadId, 'context')), bytesMac(identityKey, bytes), bytes.length, payload.itemCount,
      body === bytes ? null : receivedAt],
  });
};

/** Keeps less of a payload from now on; the digest stays that of what was received. A record that referred to it may be gone. */
export const redactPayload = async (db: Queryable, { dataKey }: ScopeKeys, patientId: string, payloadId: string, redacted: (format: string, bytes: Buffer) => Buffer): Promise<void> => {
  const place = aad(patientId, payloadId, 'body');
  const { rows } = await db.query<{ format: string; body: Buffer }>('select format, body from device_manager.payload where patient_id = $1 and payload_id = $2::uuid and body is not null', [patientId, payloadId]);
  for (const { format, body } of rows) {
    await db.query('update device_manager.payload set body = $3, redacted_at = coalesce(redacted_at, now()), referred_to = false where patient_id = $1 and payload_id = $2::uuid', [
      patientId, payloadId, sealBytes(dataKey, redacted(format, await openBytes(dataKey, body, place)), place),
    ]);
  }
};

interface Row {
  readonly payload_id: string;
  readonly provider: string;
  readonly format: string;
  readonly received_at: Date;
  readonly body: Buffer;
  readonly context: Buffer;
  readonly item_count: number;
}

/** Opens kept payloads of one patient; one that is gone, or whose bytes are kept no more, is left out. Throws SealBrokenError when one was changed. */
export const readPayloads = async (db: Queryable, { dataKey }: ScopeKeys, patientId: string, payloadIds: readonly string[]): Promise<Payload[]> => {
  if (payloadIds.length === 0) return [];
  const { rows } = await db.query<Row>({
    name: 'read-payloads',
    text: `select replace(payload_id::text, '-', '') as payload_id, provider, format, received_at, body, context, item_count from device_manager.payload
     where patient_id = $1 and payload_id = any($2::uuid[]) and body is not null order by received_at, payload_id`,
    values: [patientId, payloadIds],
  });
  return Promise.all(rows.map(async ({ payload_id: payloadId, ...row }): Promise<Payload> => {
    const context = await openBytes(dataKey, row.context, aad(patientId, payloadId, 'context'));
    return {
      patientId, payloadId, provider: row.provider, format: row.format, receivedAt: row.received_at, itemCount: row.item_count,
      bytes: await openBytes(dataKey, row.body, aad(patientId, payloadId, 'body')),
      context: JSON.parse(context.toString('utf8')) as PayloadContext,
    };
  }));
};

/** Opens one kept payload; undefined when there is none, or its bytes are kept no more. Throws SealBrokenError when it was changed. */
export const readPayload = async (db: Queryable, keys: ScopeKeys, patientId: string, payloadId: string): Promise<Payload | undefined> =>
  (await readPayloads(db, keys, patientId, [payloadId]))[0];

/** Those of some payloads, each with its patient, whose bytes are kept no more. */
export const emptiedAmong = async (db: Queryable, payloads: readonly (readonly [payloadId: string, patientId: string])[]): Promise<string[]> => {
  if (payloads.length === 0) return [];
  const { rows } = await db.query<{ payload_id: string }>(
    `select replace(p.payload_id::text, '-', '') as payload_id from unnest($1::text[], $2::uuid[]) as given(patient_id, payload_id)
     join device_manager.payload p on p.patient_id = given.patient_id and p.payload_id = given.payload_id where p.body is null`,
    [payloads.map(([, patientId]) => patientId), payloads.map(([payloadId]) => payloadId)],
  );
  return rows.map(({ payload_id: payloadId }) => payloadId);
};

/** Payloads of a patient, but for one, with samples that nothing was made of yet, the oldest first, with at most so many items and bytes together. */
export const payloadsWithReceived = async (db: Queryable, patientId: string, but: string, mostItems: number, mostBytes: number): Promise<string[]> => {
  const { rows } = await db.query<{ payload_id: string }>({
    name: 'payloads-that-wait',
    text: `select replace(payload_id::text, '-', '') as payload_id from (
       select p.payload_id, p.received_at, sum(p.item_count) over (order by p.received_at, p.payload_id) as items,
         sum(p.size_bytes) over (order by p.received_at, p.payload_id) as bytes
       from (select distinct payload_id from device_manager.sample_group where patient_id = $1 and state = 'received' and payload_id <> $2::uuid limit 100) g
       join device_manager.payload p on p.patient_id = $1 and p.payload_id = g.payload_id) as one
     where items <= $3 and bytes <= $4 order by received_at, payload_id`,
    values: [patientId, but, mostItems, mostBytes],
  });
  return rows.map(({ payload_id: payloadId }) => payloadId);
};

/** What is known of a kept payload beside its bytes; identifiers as 32 hexadecimal digits. */
export interface PayloadOutline {
  readonly payload_id: string;
  readonly provider: string;
  readonly format: string;
  readonly received_at: Date;
  readonly size_bytes: number;
  readonly item_count: number;
  readonly redacted_at: Date | null;
}

/** Payloads of a patient in order of their identifiers, from after one of them. */
export const payloadsAfter = async (db: Queryable, patientId: string, after: string | undefined, limit: number): Promise<PayloadOutline[]> =>
  (
    await db.query<PayloadOutline>(
      `select replace(payload_id::text, '-', '') as payload_id, provider, format, received_at, size_bytes, item_count, redacted_at
       from device_manager.payload where patient_id = $1 and ($2::uuid is null or payload_id > $2) order by payload_id limit $3`,
      [patientId, after ?? null, limit],
    )
  ).rows;

/** Erases the payloads of a patient. */
export const erasePayloads = rowsOf('payload');
