import { randomBytes } from 'node:crypto';
import type { PoolClient } from 'pg';
import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import type { VettedSample } from '../healthkit/vetting.ts';
import { addJob } from '../jobs/runner.ts';
import { hasJob } from '../jobs/taking.ts';
import { contentIdentity, contentKey, sampleId } from '../keys/identity.ts';
import type { KeyRing, ScopeKeys } from '../keys/scope-keys.ts';
import { keysForKeeping } from './admitting.ts';
import { earliestReading, isTotalName, versionOf } from './naming-versions.ts';
import { withoutItems } from './redaction.ts';
import { recordAudit } from './storage/audit-table.ts';
import { insertPayload, type PayloadContext } from './storage/payload-table.ts';
import { insertCopies } from './storage/sample-copy-table.ts';
import { earlierReadings, insertSamples, keptSamples, knownBefore, type NewSample } from './storage/new-sample-table.ts';
import { deletedAmong } from './storage/tombstone-table.ts';
import { raiseVersions } from './storage/version-table.ts';
import { addNormalization } from './waiting-payloads.ts';

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

/** A new identifier of a payload, 32 hexadecimal digits, in order of time (UUID version 7, RFC 9562, 5.7): indexes grow at their end. */
export const newPayloadId = (): string => {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return bytes.toString('hex');
};

const versionsKey = (patientId: string, payloadId: string): string => `versions:${patientId}:${payloadId}`;

/** Looks at the versions in a payload again, after those of another one changed what they count for. */
export const addVersionCheck = (db: Queryable, patientId: string, payloadId: string): Promise<void> =>
  addJob(db, { task: 'normalize', payload: { patientId, payloadId, which: 'versions' }, queue: `patient:${patientId}`, key: versionsKey(patientId, payloadId) });

/** Whether the versions in a payload are yet to be looked at again. */
export const hasVersionCheck = (db: Queryable, patientId: string, payloadId: string): Promise<boolean> => hasJob(db, versionsKey(patientId, payloadId));

interface Identified extends NewSample {
  readonly position: number;
}

/** Names the sources of one request; most of its samples have the same. */
const sourceNames = (identityKey: Buffer) => {
  const names = new Map<string, bigint>();
  return (source: string): bigint => {
    const name = names.get(source) ?? contentKey(identityKey, ['source', source]);
    names.set(source, name);
    return name;
  };
};

/** One computation does where the content is the identity. */
const namesOf = (identityKey: Buffer, provider: string, { id, identityParts, contentParts }: VettedSample): Pick<NewSample, '_id' | 'contentKey'> => {
  const parts = [provider, ...identityParts];
  return id === undefined ? contentIdentity(identityKey, parts) : { _id: sampleId(identityKey, parts), contentKey: contentKey(identityKey, contentParts) };
};

const identify = ({ identityKey }: ScopeKeys, { provider, samples }: Upload): Identified[] => {
  const sourceNameOf = sourceNames(identityKey);
  const readAfter = earliestReading(samples);
  return samples.map((sample, position): Identified => ({
    position,
    ...namesOf(identityKey, provider, sample),
    device: sample.device._id,
    deviceId: sample.device.deviceId,
    type: sample.type,
    itemIndex: sample.index,
    recordedAtMs: sample.start.epochMs,
    endedAtMs: sample.end.epochMs,
    sourceKey: sample.id === undefined ? undefined : sourceNameOf(sample.source),
    ...versionOf(identityKey, provider, sample, readAfter),
  }));
};

/** The first of each identifier inside one request. */
const firstOfEach = (samples: readonly Identified[]): ReadonlyMap<string, Identified> => {
  const firsts = new Map<string, Identified>();
  for (const sample of samples) if (!firsts.has(sample._id)) firsts.set(sample._id, sample);
  return firsts;
};

/** What is there of the samples of a request; `kept` is complete only where it was worth asking before anything is inserted. */
interface Before {
  readonly deleted: ReadonlySet<string>;
  readonly kept: ReadonlyMap<string, { readonly contentKey: bigint | undefined; readonly payloadId: string }>;
  readonly anyThen: boolean;
}

/** Of a repeated request the first sample is known as a rule; then all are looked up before any is inserted. */
const lookBefore = async (db: PoolClient, patientId: string, samples: readonly Identified[], ids: readonly string[]): Promise<Before> => {
  let [fromMs, toMs] = [Infinity, -Infinity];
  for (const { recordedAtMs } of samples) [fromMs, toMs] = [Math.min(fromMs, recordedAtMs), Math.max(toMs, recordedAtMs)];
  const { anyDeleted, isKept, anyThen } = await knownBefore(db, patientId, ids[0] ?? '', fromMs, toMs);
  return {
    deleted: anyDeleted ? await deletedAmong(db, patientId, ids) : new Set(),
    kept: isKept ? await keptSamples(db, patientId, ids) : new Map<string, never>(),
    anyThen,
  };
};

/** The payload when any sample of it is new, without what was deleted before; where it holds others once more; and its job. */
const insertUpload = async (db: PoolClient, keys: ScopeKeys, upload: Upload, place: { readonly payloadId: string; readonly receivedAt: Date }, samples: readonly Identified[], isNew: (sample: Identified) => boolean, deleted: ReadonlySet<string>): Promise<void> => {
  const { patientId, provider, format, bytes, context } = upload;
  const gone = deleted.size === 0 ? [] : samples.filter(({ _id }) => deleted.has(_id));
  const payload = { ...place, patientId, provider, format, bytes, context, itemCount: samples.length };
  await insertPayload(db, keys, payload, withoutItems(format, bytes, gone.map(({ itemIndex }) => itemIndex)));
  await insertCopies(db, patientId, place.payloadId, samples.filter((sample) => !deleted.has(sample._id) && !isNew(sample)));
  await addNormalization(db, patientId, place.payloadId);
};

/** A total that was kept is as new as its latest reading: one that was replaced may be true again, and one that counts is not replaced by what was read before. */
const renewTotals = async (db: PoolClient, patientId: string, samples: readonly Identified[]): Promise<void> => {
  const totals = samples.filter(({ identity }) => isTotalName(identity));
  const payloads = totals.length === 0 ? [] : await raiseVersions(db, patientId, totals, totals[0]?.versionNumber ?? -Infinity);
  for (const payloadId of payloads) await addVersionCheck(db, patientId, payloadId);
};

/**
 * Keeps an upload in one transaction: rows of new samples, the payload when any is new, the audit row and the job. Answers a status
 * per sample in the order given. A sample that was there stays as it is; with another content it is a conflict; one that was deleted
 * stays deleted. `uploadId` is the payload this upload made, or, when nothing was new, the one that keeps the first sample that any
 * keeps; there is none where all samples were deleted before they came. When this resolves, everything is committed.
 */
export const keepUpload = (pool: Pool, keyRing: KeyRing, upload: Upload): Promise<{ uploadId?: string; items: KeptItem[] }> =>
  inTransaction(pool, async (client) => {
    const { patientId, provider, format, actor, requestId } = upload;
    const keys = await keysForKeeping(client, keyRing, patientId);
    const samples = identify(keys, upload);
    const firsts = firstOfEach(samples);
    const ids = [...firsts.keys()];
    const place = { payloadId: newPayloadId(), receivedAt: new Date() };
    const { deleted, kept: keptBefore, anyThen } = await lookBefore(client, patientId, samples, ids);
    const missing = [...firsts.values()].filter(({ _id }) => !deleted.has(_id) && !keptBefore.has(_id));
    const sameReadings = await earlierReadings(client, patientId, missing, anyThen);
    const created = await insertSamples(client, { patientId, provider, format, ...place }, sameReadings.size === 0 ? missing : missing.map((sample) => ({ ...sample, sameReadingAs: sameReadings.get(sample._id) })));
    const isNew = (sample: Identified): boolean => created.has(sample._id) && firsts.get(sample._id) === sample;
    if (created.size > 0) await insertUpload(client, keys, upload, place, samples, isNew, deleted);
    await renewTotals(client, patientId, samples.filter((sample) => !created.has(sample._id)));
    const kept = new Map([...keptBefore, ...(await keptSamples(client, patientId, missing.filter(({ _id }) => !created.has(_id)).map(({ _id }) => _id)))]);
    const items = samples.map((sample): KeptItem => {
      const { _id } = sample;
      if (deleted.has(_id)) return { _id, status: 'deleted' };
      const sameReadingAs = sameReadings.get(_id);
      if (isNew(sample)) return { _id, status: 'created', ...(sameReadingAs !== undefined && { sameReadingAs }) };
      const before = created.has(_id) ? firsts.get(_id) : kept.get(_id);
      // What is known by its content has the same under the same identifier.
      const isSame = sample.sourceKey === undefined || before?.contentKey === sample.contentKey;
      return { _id, status: isSame ? 'duplicate' : 'conflict' };
    });
    const uploadId = created.size > 0 ? place.payloadId : samples.map(({ _id }) => kept.get(_id)?.payloadId).find((one) => one !== undefined);
    await recordAudit(client, { patientId, actor, action: 'create', resource: uploadId === undefined ? 'payload' : `payload/${uploadId}`, requestId });
    return { ...(uploadId !== undefined && { uploadId }), items };
  });
