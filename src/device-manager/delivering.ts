import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { SealBrokenError } from '../keys/cipher.ts';
import type { KeyRing, ScopeKeys } from '../keys/scope-keys.ts';
import { foundAmong, Refusal, Trouble, waitAfter, type Detection, type Pace, type WrittenDetection } from './domain/submission.ts';
import { lockPatient } from './normalizing.ts';
import { stageInstead } from './outbox.ts';
import { remember } from './remembering.ts';
import { readNormalizedChunk, recordIn, type NormalizedChunk } from './storage/normalized-chunk-table.ts';
import { deliveredAt, endOutage, hold, markDelivered, markNotArrived, markSent, markSuspect, park, refreshSampleStates } from './storage/submission-progress.ts';
import { nextOfPlan, outagesOf, type WaitingRow } from './storage/submission-table.ts';

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
  readonly onParked: (reason: string, submissions: number) => void;
  /** Told between requests: what is left is taken up by the next run. */
  readonly isStopping: () => boolean;
}

interface Place extends Delivering {
  readonly patientId: string;
  readonly planId: string;
}

/** A submission with its value. */
interface Parcel {
  readonly row: WaitingRow;
  readonly detection: Detection;
}

const BATCH = 50;
/** How much of one plan goes in one run, so that other patients get their turn. */
const MOST_BATCHES = 10;
/** Trouble that is everybody's: there is no use in asking whether it is there. */
const general = new Set(['too-many-requests', 'credential-refused']);

const idsOf = (parcels: readonly Parcel[]): string[] => parcels.map(({ row }) => row._id);

/** Writes in one transaction, and has the samples say so. */
const record = (place: Place, rows: readonly WaitingRow[], write: (db: Parameters<typeof markSent>[0]) => Promise<void>): Promise<void> =>
  inTransaction(place.pool, async (client) => {
    await write(client);
    await refreshSampleStates(client, place.patientId, rows.map(({ sample_id }) => sample_id));
  });

const parkAll = async (place: Place, rows: readonly WaitingRow[], reason: string, arrived: 'no' | 'unknown'): Promise<void> => {
  if (rows.length === 0) return;
  await record(place, rows, (db) => park(db, place.patientId, rows.map(({ _id }) => _id), reason, arrived));
  place.onParked(reason, rows.length);
};

/** Opens values, as the version of the rule made them that was noted: whenever it is sent, it is the same. */
const parcelsOf = async ({ pool, keyRing, patientId, planId }: Place, rows: readonly WaitingRow[]): Promise<Parcel[]> => {
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

/**
 * Asks what became of parcels that were sent; answers those that did not arrive and are still to be sent. For one whose sample has
 * another value by now, that is submitted. Throws Trouble.
 */
const settle = async (place: Place, parcels: readonly Parcel[]): Promise<Parcel[]> => {
  const { receiver, pool, keyRing, patientId, planId } = place;
  if (parcels.length === 0) return [];
  const instants = parcels.map(({ row }) => row.observed_at);
  const rows = parcels.map(({ row }) => row);
  try {
    const known = await deliveredAt(pool, patientId, planId, instants);
    const written = (await receiver.writtenAt(planId, instants)).filter(({ detectionId }) => !known.has(detectionId));
    const found = foundAmong(parcels.map(({ detection }) => detection), written);
    const lost = parcels.filter(({ row }) => !found.has(row._id));
    const gone = new Set<string>();
    await record(place, rows, async (db) => {
      await lockPatient(db, patientId);
      await markDelivered(db, patientId, found);
      const dropped = await markNotArrived(db, patientId, idsOf(lost));
      const keys = await keyRing.knownKeysOf(db, `patient:${patientId}`);
      if (keys) await stageInstead(db, keys, patientId, dropped);
      for (const { _id } of dropped) gone.add(_id);
    });
    return lost.filter(({ row }) => row.live && !gone.has(row._id));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    await parkAll(place, rows, 'outcome-unknown', 'unknown');
    return [];
  }
};

/** Whether trouble is with the Therapy and Monitoring Manager, and not with what was sent. */
const isOutage = async ({ receiver }: Place, { reason }: Trouble): Promise<boolean> =>
  general.has(reason) || receiver.probe().then(() => false, (error: unknown) => {
    if (error instanceof Refusal || error instanceof Trouble) return true;
    throw error;
  });

const send = async (place: Place, parcels: readonly Parcel[]): Promise<void> => {
  const marked = await markSent(place.pool, place.patientId, idsOf(parcels));
  const still = parcels.filter(({ row }) => marked.has(row._id));
  if (still.length === 0) return;
  const written = await place.receiver.write(still.map(({ detection }) => detection));
  await record(place, still.map(({ row }) => row), (db) => markDelivered(db, place.patientId, written));
};

/** One by one: what is refused is parked, what fails while others are taken goes its own way. Throws Trouble when there is an outage. */
const sendSingly = async (place: Place, parcels: readonly Parcel[]): Promise<void> => {
  const { pace, patientId, pool } = place;
  for (const parcel of parcels) {
    if (place.isStopping()) return;
    const { row } = parcel;
    try {
      await send(place, [parcel]);
    } catch (error) {
      if (error instanceof Refusal) await parkAll(place, [row], error.reason, 'no');
      else if (!(error instanceof Trouble) || (await isOutage(place, error))) throw error;
      else if (row.failures + 1 >= pace.mostFailures) await parkAll(place, [row], error.reason, 'unknown');
      else await markSuspect(pool, patientId, row._id, error.reason, new Date(Date.now() + waitAfter(pace, row.failures + 1)));
    }
  }
};

/** Many at once; when that fails, what did not arrive goes one by one. Throws Trouble when there is an outage. */
const sendTogether = async (place: Place, parcels: readonly Parcel[]): Promise<void> => {
  try {
    await send(place, parcels);
  } catch (error) {
    if (!(error instanceof Refusal) && (!(error instanceof Trouble) || (await isOutage(place, error)))) throw error;
    await sendSingly(place, await settle(place, parcels));
  }
};

const deliver = async (place: Place, rows: readonly WaitingRow[], together: boolean): Promise<void> => {
  const parcels = await parcelsOf(place, rows);
  const withValue = new Set(idsOf(parcels));
  const without = rows.filter(({ _id }) => !withValue.has(_id));
  await parkAll(place, without.filter(({ sent_at }) => sent_at !== null), 'outcome-unknown', 'unknown');
  const lost = await settle(place, parcels.filter(({ row }) => row.sent_at !== null));
  const again = new Set(idsOf(lost));
  // What counts no more and was never sent is dropped, as what was sent and did not arrive is.
  const dead = rows.filter(({ _id, live, sent_at }) => sent_at === null && (!live || !withValue.has(_id)));
  await markNotArrived(place.pool, place.patientId, dead.filter(({ live }) => !live).map(({ _id }) => _id));
  await parkAll(place, dead.filter(({ live }) => live), 'value-missing', 'no');
  const ready = parcels.filter(({ row }) => row.live && (row.sent_at === null || again.has(row._id)));
  if (ready.length > 1 && together) await sendTogether(place, ready);
  else await sendSingly(place, ready);
  if (outagesOf(rows) > 0) await endOutage(place.pool, place.patientId, place.planId);
};

/** Delivers what waits for one plan, in order of observation; an outage is noted, and holds the plan. */
export const deliverPlan = async (delivering: Delivering, patientId: string, planId: string): Promise<void> => {
  const place = { ...delivering, patientId, planId };
  const { pool, pace } = delivering;
  let rows = await nextOfPlan(pool, patientId, planId, 'sound', BATCH);
  try {
    for (let batch = 0; batch < MOST_BATCHES && rows.length > 0 && !delivering.isStopping(); batch += 1) {
      await deliver(place, rows, true);
      rows = await nextOfPlan(pool, patientId, planId, 'sound', BATCH);
    }
    rows = await nextOfPlan(pool, patientId, planId, 'suspect', BATCH);
    await deliver(place, rows, false);
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    const waitMs = Math.max(error.waitMs, waitAfter(pace, outagesOf(rows) + 1));
    await hold(pool, patientId, planId, error.reason, new Date(Date.now() + waitMs));
  }
};
