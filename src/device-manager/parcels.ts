import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { SealBrokenError } from '../keys/cipher.ts';
import type { KeyRing, ScopeKeys } from '../keys/scope-keys.ts';
import type { Detection, Pace, WrittenDetection } from './domain/submission.ts';
import { lockPatient } from './normalizing.ts';
import { remember } from './remembering.ts';
import { readNormalizedChunk, recordIn, type NormalizedChunk } from './storage/normalized-chunk-table.ts';
import { park, refreshSampleStates, type markSent } from './storage/submission-progress.ts';
import type { WaitingRow } from './storage/submission-table.ts';

/** What delivering needs of a Therapy and Monitoring Manager. */
export interface Receiver {
  readonly write: (detections: readonly Detection[]) => Promise<Map<string, string>>;
  readonly writtenAt: (planId: string, instants: readonly Date[]) => Promise<WrittenDetection[]>;
  readonly probe: () => Promise<void>;
}

/** What delivering stands on. */
export interface Delivering {
  readonly pool: Pool;
  readonly keyRing: KeyRing;
  readonly receiver: Receiver;
  readonly pace: Pace;
  /** How long after it was sent a request without a clear answer may still be at work. */
  readonly underWayMs: number;
  readonly onParked: (reason: string, submissions: number) => void;
  /** Told between requests: what is left is taken up by the next run. */
  readonly isStopping: () => boolean;
}

/** One plan of one patient, to which is delivered. */
export interface Place extends Delivering {
  readonly patientId: string;
  readonly planId: string;
}

/** A submission with its value. */
export interface Parcel {
  readonly row: WaitingRow;
  readonly detection: Detection;
}

/** Identifiers of the submissions of parcels. */
export const idsOf = (parcels: readonly Parcel[]): string[] => parcels.map(({ row }) => row._id);

/** Writes in one transaction, as the one writer of the patient, and has the samples say so. */
export const record = (place: Place, rows: readonly WaitingRow[], write: (db: Parameters<typeof markSent>[0]) => Promise<void>): Promise<void> =>
  inTransaction(place.pool, async (client) => {
    // Normalization writes samples before submissions: whoever writes both does so alone.
    await lockPatient(client, place.patientId);
    await write(client);
    await refreshSampleStates(client, place.patientId, rows.map(({ sample_id }) => sample_id));
  });

/** Sets submissions aside for a person, and tells of it; `arrived` is `no` where it is known that nothing did. */
export const parkAll = async (place: Place, rows: readonly WaitingRow[], reason: string, arrived: 'no' | 'unknown'): Promise<void> => {
  if (rows.length === 0) return;
  await record(place, rows, (db) => park(db, place.patientId, rows.map(({ _id }) => _id), reason, arrived));
  place.onParked(reason, rows.length);
};

/** Opens values of submissions, as the version of the rule made them that was noted: whenever it is sent, it is the same. */
export const parcelsOf = async ({ pool, keyRing, patientId, planId }: Place, rows: readonly WaitingRow[]): Promise<Parcel[]> => {
  const keys: ScopeKeys | undefined = await keyRing.knownKeysOf(pool, `patient:${patientId}`);
  if (!keys) return [];
  const chunkOf = remember<NormalizedChunk>((name) => {
    const [payloadId = '', ruleId = '', ruleVersion = ''] = JSON.parse(name) as string[];
    return readNormalizedChunk(pool, keys, { patientId, payloadId, ruleId, ruleVersion: Number(ruleVersion) }).catch((error: unknown) => {
      // What does not open has no value here, and holds up nothing else.
      if (error instanceof SealBrokenError) return {};
      throw error;
    });
  });
  const parcels = await Promise.all(rows.map(async (row): Promise<Parcel[]> => {
    const value = row.payload_id === null || row.item_index === null ? undefined : recordIn(await chunkOf(JSON.stringify([row.payload_id, row.rule_id, String(row.rule_version)])), { item_index: row.item_index, left_out: row.left_out });
    return value === undefined || row.device_id === null ? [] : [{ row, detection: { key: row._id, planId, patientId, deviceId: row.device_id, observedAt: row.observed_at, value } }];
  }));
  return parcels.flat();
};
