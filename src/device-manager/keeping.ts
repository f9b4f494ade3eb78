import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import type { VettedSample } from '../healthkit/vetting.ts';
import { addJob } from '../jobs/runner.ts';
import { contentMac, readingIdentity, sampleId } from '../keys/identity.ts';
import type { KeyRing, ScopeKeys } from '../keys/scope-keys.ts';
import { keysForKeeping } from './admitting.ts';
import { withoutItems } from './redaction.ts';
import { recordAudit } from './storage/audit-table.ts';
import { insertPayload, type PayloadContext } from './storage/payload-table.ts';
import { insertCopies } from './storage/sample-copy-table.ts';
import { insertSamples, keptSamples, markSameReadings, type NewSample } from './storage/sample-table.ts';
import { deletedAmong } from './storage/tombstone-table.ts';

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
  readonly status: 'created' | 'duplicate' | 'conflict' | 'deleted';
  /** An earlier sample of the same source with the same content, under another UUID. */
  readonly sameReadingAs?: string;
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
    ...(sample.id !== undefined && { readingMac: contentMac(identityKey, ['reading', sample.source, ...sample.contentParts]) }),
    ...(sample.sync && {
      identity: `identifier:${readingIdentity(identityKey, [provider, sample.source, sample.type ?? '', sample.sync.identifier])}`, versionNumber: sample.sync.version,
    }),
  }));

/** The first of each identifier inside one request. */
const firstOfEach = (samples: readonly Identified[]): Identified[] => [...new Map(samples.toReversed().map((sample) => [sample._id, sample])).values()];

/** Rows of new samples; the payload, when any is new, without what was deleted before; and its job. Answers what is new. */
const insertUpload = async (db: PoolClient, keys: ScopeKeys, upload: Upload, payloadId: string, samples: readonly Identified[], deleted: ReadonlySet<string>): Promise<Set<string>> => {
  const { patientId, provider, format, bytes, context } = upload;
  const receivedAt = new Date();
  const unique = firstOfEach(samples.filter(({ _id }) => !deleted.has(_id)));
  const created = await insertSamples(db, { patientId, provider, payloadId, receivedAt }, unique);
  if (created.size === 0) return created;
  const rows = new Set(unique.filter(({ _id }) => created.has(_id)).map(({ position }) => position));
  const [gone, others] = [samples.filter(({ _id }) => deleted.has(_id)), samples.filter(({ _id, position }) => !deleted.has(_id) && !rows.has(position))];
  const payload = { patientId, payloadId, provider, format, receivedAt, bytes, context, itemCount: samples.length };
  await insertPayload(db, keys, payload, withoutItems(format, bytes, gone.map(({ itemIndex }) => itemIndex)));
  await insertCopies(db, patientId, payloadId, others);
  await addNormalization(db, patientId, payloadId);
  return created;
};

/**
 * Keeps an upload in one transaction: rows of new samples, the payload when any is new, the audit row and the job. Answers a status
 * per sample in the order given. A sample that was there stays as it is; with another content it is a conflict; one that was deleted
 * stays deleted. `uploadId` is the payload this upload made, or, when nothing was new, the one that keeps the first sample that any
 * keeps; there is none where all samples were deleted before they came. When this resolves, everything is committed.
 */
export const keepUpload = (pool: Pool, keyRing: KeyRing, upload: Upload): Promise<{ uploadId?: string; items: KeptItem[] }> =>
  inTransaction(pool, async (client) => {
    const { patientId, actor, requestId } = upload;
    const keys = await keysForKeeping(client, keyRing, patientId);
    const samples = identify(keys, upload);
    const ids = [...new Set(samples.map(({ _id }) => _id))];
    const payloadId = newPayloadId();
    const deleted = await deletedAmong(client, patientId, ids);
    const created = await insertUpload(client, keys, upload, payloadId, samples, deleted);
    const sameReadings = await markSameReadings(client, patientId, [...created]);
    const kept = await keptSamples(client, patientId, ids.filter((_id) => !created.has(_id)));
    const first = new Map(firstOfEach(samples).map((sample) => [sample._id, sample]));
    const items = samples.map(({ _id, position, contentMac: mac }): KeptItem => {
      if (deleted.has(_id)) return { _id, status: 'deleted' };
      const sameReadingAs = sameReadings.get(_id);
      if (created.has(_id) && first.get(_id)?.position === position) return { _id, status: 'created', ...(sameReadingAs !== undefined && { sameReadingAs }) };
      const before = created.has(_id) ? first.get(_id) : kept.get(_id);
      return { _id, status: before?.contentMac.equals(mac) === true ? 'duplicate' : 'conflict' };
    });
    const uploadId = created.size > 0 ? payloadId : samples.map(({ _id }) => kept.get(_id)?.payloadId).find((one) => one !== undefined);
    await recordAudit(client, { patientId, actor, action: 'create', resource: uploadId === undefined ? 'payload' : `payload/${uploadId}`, requestId });
    return { ...(uploadId !== undefined && { uploadId }), items };
  });
