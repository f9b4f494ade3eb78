import { randomUUID } from 'node:crypto';
import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import type { VettedSample } from '../healthkit/vetting.ts';
import { addJob } from '../jobs/runner.ts';
import { contentMac, sampleId } from '../keys/identity.ts';
import type { KeyRing, ScopeKeys } from '../keys/scope-keys.ts';
import type { Queryable } from '../database/pool.ts';
import { recordAudit } from './storage/audit-table.ts';
import { insertPayload, type PayloadContext } from './storage/payload-table.ts';
import { insertSamples, keptSamples, type NewSample } from './storage/sample-table.ts';

/** Vetted samples of one request of one patient. */
export interface Upload {
  readonly patientId: string;
  readonly provider: string;
  readonly format: string;
  readonly bytes: Buffer;
  readonly context: PayloadContext;
  readonly samples: readonly VettedSample[];
  readonly actor: string;
  readonly requestId: string;
}

export interface KeptItem {
  readonly _id: string;
  readonly status: 'created' | 'duplicate' | 'conflict';
}

/** A new identifier of a payload. */
export const newPayloadId = (): string => randomUUID().replaceAll('-', '');

/** Jobs of one patient run one after the other, so that a chunk has one writer. */
export const addNormalization = (db: Queryable, patientId: string, payloadId: string): Promise<void> =>
  addJob(db, { task: 'normalize', payload: { patientId, payloadId }, queue: `patient:${patientId}`, key: `normalize:${patientId}:${payloadId}` });

/** Looks at the versions in a payload again, after those of another one changed what they count for. */
export const addVersionCheck = (db: Queryable, patientId: string, payloadId: string): Promise<void> =>
  addJob(db, { task: 'normalize', payload: { patientId, payloadId, which: 'versions' }, queue: `patient:${patientId}`, key: `versions:${patientId}:${payloadId}` });

interface Identified extends NewSample {
  readonly position: number;
}

const identify = ({ identityKey }: ScopeKeys, { provider, samples }: Upload): Identified[] =>
  samples.map((sample, position) => ({
    position,
    _id: sampleId(identityKey, [provider, ...sample.identityParts]),
    device: sample.device._id,
    deviceId: sample.device.deviceId,
    type: sample.type,
    itemIndex: sample.index,
    recordedAt: new Date(sample.start.epochMs),
    endedAt: new Date(sample.end.epochMs),
    contentMac: contentMac(identityKey, sample.contentParts),
  }));

/** The first of each identifier inside one request. */
const firstOfEach = (samples: readonly Identified[]): Identified[] => [...new Map(samples.toReversed().map((sample) => [sample._id, sample])).values()];

/**
 * Keeps an upload in one transaction: rows of new samples, the payload when any is new, the audit row and the job. Answers a status
 * per sample in the order given. A sample that was there stays as it is; with another content it is a conflict.
 * `uploadId` is the payload this upload made, or, when nothing was new, the one that keeps the first sample. When this resolves,
 * everything is committed.
 */
export const keepUpload = (pool: Pool, keyRing: KeyRing, upload: Upload): Promise<{ uploadId: string; items: KeptItem[] }> =>
  inTransaction(pool, async (client) => {
    const { patientId, provider, format, bytes, context, actor, requestId } = upload;
    const keys = await keyRing.keysOf(client, `patient:${patientId}`);
    const identified = identify(keys, upload);
    const unique = firstOfEach(identified);
    const payloadId = newPayloadId();
    const receivedAt = new Date();
    const created = await insertSamples(client, { patientId, provider, payloadId, receivedAt }, unique);
    if (created.size > 0) {
      await insertPayload(client, keys, { patientId, payloadId, provider, format, receivedAt, bytes, context, itemCount: identified.length });
      await addNormalization(client, patientId, payloadId);
    }
    const kept = await keptSamples(client, patientId, unique.map(({ _id }) => _id));
    const firstPositions = new Map(unique.map(({ _id, position }) => [_id, position]));
    const items = identified.map(({ _id, position, contentMac: mac }): KeptItem => {
      if (created.has(_id) && firstPositions.get(_id) === position) return { _id, status: 'created' };
      return { _id, status: kept.get(_id)?.contentMac.equals(mac) === true ? 'duplicate' : 'conflict' };
    });
    const uploadId = created.size > 0 ? payloadId : (kept.get(identified[0]?._id ?? '')?.payloadId ?? payloadId);
    await recordAudit(client, { patientId, actor, action: 'create', resource: `payload/${uploadId}`, requestId });
    return { uploadId, items };
  });
