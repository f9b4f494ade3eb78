import type { PoolClient } from 'pg';
import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { uuidParts } from '../healthkit/item-identity.ts';
import { sampleId } from '../keys/identity.ts';
import type { KeyRing, ScopeKeys } from '../keys/scope-keys.ts';
import { keysOfPatient } from './admitting.ts';
import { lockPatient } from './normalizing.ts';
import { supersede } from './outbox.ts';
import { withoutItems } from './redaction.ts';
import { recordAudit } from './storage/audit-table.ts';
import { removeRecords } from './storage/normalized-chunk-table.ts';
import { redactPayload } from './storage/payload-table.ts';
import { placesOf } from './storage/sample-copy-table.ts';
import { samplesNamed } from './storage/sample-table.ts';
import { removePoints } from './storage/series-chunk-table.ts';
import { renewRollups } from './storage/series-rollup-table.ts';
import { insertTombstones, lockKeeping, markDeleted } from './storage/tombstone-table.ts';

/** HealthKit samples that a patient's Health app has no longer; UUIDs in lower case. */
export interface Deletion {
  readonly patientId: string;
  readonly uuids: readonly string[];
  readonly actor: string;
  readonly requestId: string;
}

export type DeletionStatus = 'deleted' | 'already-deleted' | 'unknown';

/** Takes the items out of every payload that has them, and what was normalized of them; answers the samples that some payload had. */
const redact = async (db: PoolClient, keys: ScopeKeys, patientId: string, ids: readonly string[]): Promise<Set<string>> => {
  const places = await placesOf(db, patientId, ids);
  for (const [payloadId, items] of Map.groupBy(places, (place) => place.payloadId)) {
    const indexes = items.map(({ itemIndex }) => itemIndex);
    await redactPayload(db, keys, patientId, payloadId, (format, bytes) => withoutItems(format, bytes, indexes));
    await removeRecords(db, keys, patientId, payloadId, indexes);
  }
  return new Set(places.map(({ _id }) => _id));
};

/**
 * Deletes samples in one transaction: their values go from payloads, records, points and rollups, their rows stay as `deleted`, what was
 * submitted of them is superseded, and a tombstone keeps each identifier from being kept again, whether a sample has it or not. Answers
 * a status per UUID in the order given. When this resolves, everything is committed.
 */
export const deleteSamples = (pool: Pool, keyRing: KeyRing, { patientId, uuids, actor, requestId }: Deletion): Promise<DeletionStatus[]> =>
  inTransaction(pool, async (client) => {
    await lockPatient(client, patientId);
    await lockKeeping(client, patientId, 'deletion');
    const keys = await keysOfPatient(client, keyRing, patientId);
    const ids = uuids.map((uuid) => sampleId(keys.identityKey, ['healthkit', ...uuidParts(uuid)]));
    const unique = [...new Set(ids)].sort();
    const marked = await insertTombstones(client, patientId, unique);
    const found = (await samplesNamed(client, patientId, unique)).filter(({ state }) => state !== 'deleted');
    const known = found.map(({ _id }) => _id);
    // A payload may hold a sample whose row expired with an earlier one.
    const deleted = await redact(client, keys, patientId, [...new Set([...marked, ...known])]);
    if (known.length > 0) {
      await renewRollups(client, keys, patientId, await removePoints(client, keys, patientId, found));
      await supersede(client, patientId, known);
      await markDeleted(client, patientId, known);
    }
    await recordAudit(client, { patientId, actor, action: 'delete', resource: unique.length === 1 ? `sample/${unique[0] ?? ''}` : `samples/${String(unique.length)}`, requestId });
    const firstAt = new Map(ids.map((_id, index) => [_id, index] as const).reverse());
    return ids.map((_id, index): DeletionStatus => {
      if (!marked.has(_id) || firstAt.get(_id) !== index) return 'already-deleted';
      return deleted.has(_id) ? 'deleted' : 'unknown';
    });
  });
