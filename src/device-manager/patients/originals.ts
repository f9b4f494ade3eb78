import { createHash } from 'node:crypto';
import { payloadsAfter, readPayload } from '../storage/payload-table.ts';
import type { ArchiveFile } from '../../zip-archive.ts';
import { waitingReadings, type WaitingSources } from './waiting-readings.ts';

/** An original, and how it is listed. */
interface Original {
  readonly bytes: Buffer;
  readonly receivedAt: Date;
  readonly payloadId: string;
  readonly format: string;
  readonly more: object;
}

const PAGE = 200;
const SMALL_BYTES = 1_024;

async function* kept({ pool, keyRing }: WaitingSources, patientId: string): AsyncGenerator<Original> {
  const keys = await keyRing.knownKeysOf(pool, `patient:${patientId}`);
  let after: string | undefined;
  do {
    const page = keys ? await payloadsAfter(pool, patientId, after, PAGE) : [];
    for (const { payload_id: payloadId, provider, redacted_at: redactedAt } of page) {
      const payload = keys && (await readPayload(pool, keys, patientId, payloadId));
      if (!payload) continue;
      const { bytes, receivedAt, format, context, itemCount } = payload;
      yield { bytes, receivedAt, payloadId, format, more: { provider, items: itemCount, context, ...(redactedAt && { redactedAt }) } };
    }
    after = page.length === PAGE ? page.at(-1)?.payload_id : undefined;
  } while (after !== undefined);
}

/** What waits in quarantine is as received where all of it is of this patient, else an excerpt with the own readings. */
async function* waiting(sources: WaitingSources, patientId: string): AsyncGenerator<Original> {
  for await (const { delivery, bytes, taken, own } of waitingReadings(sources, patientId)) {
    const isWhole = own.length === taken.readings.length;
    yield {
      bytes: isWhole ? bytes : Buffer.from(JSON.stringify(taken.excerpt(own))), receivedAt: delivery.received_at, payloadId: delivery.payload_id,
      format: isWhole ? delivery.format : 'fhir-json', more: { waits: delivery.reason, isExcerpt: !isWhole },
    };
  }
}

const isXml = (format: string): boolean => format.endsWith('xml');
const nameOf = ({ receivedAt, payloadId, format }: Original): string =>
  `originals/${receivedAt.toISOString().replaceAll(':', '-')}_${payloadId}.${isXml(format) ? 'xml' : 'json'}`;

/**
 * The bytes that were received, each payload a file, and an index of them, one a line: format, when it came, SHA-256. What was deleted
 * is not in them, and what waits in quarantine is as far as the devices say that it is this patient's.
 */
export async function* originals(sources: WaitingSources, patientId: string): AsyncGenerator<ArchiveFile> {
  const index: string[] = [];
  for (const source of [kept, waiting]) {
    for await (const original of source(sources, patientId)) {
      const { bytes, receivedAt, payloadId, format, more } = original;
      const name = nameOf(original);
      index.push(`${JSON.stringify({ name, payloadId, format, receivedAt, sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'), ...more })}\n`);
      yield { name, mediaType: isXml(format) ? 'application/xml' : 'application/json', at: receivedAt, isStored: bytes.length < SMALL_BYTES, pieces: [bytes] };
    }
  }
  yield { name: 'originals/index.ndjson', mediaType: 'application/x-ndjson', isLines: true, pieces: index };
}
