import { foundAmong, Refusal } from './domain/submission.ts';
import { stageInstead } from './outbox.ts';
import { idsOf, parkAll, record, type Parcel, type Place } from './parcels.ts';
import { deliveredAt, markDelivered, markNotArrived, underWay } from './storage/submission-progress.ts';

/** A request that was sent before may still be at work: what is not there yet is not lost, and nothing else is sent to the plan. */
export class StillUnderWay extends Error {
  /** What it may still bring. */
  readonly ids: readonly string[];

  constructor(ids: readonly string[]) {
    super('A request may still be at work.');
    this.name = 'StillUnderWay';
    this.ids = ids;
  }
}

/**
 * Asks what became of parcels that were sent; answers those that did not arrive and are still to be sent. For one whose sample has
 * another value by now, that is submitted. Throws Trouble, and StillUnderWay where something is neither there nor lost.
 */
export const settle = async (place: Place, parcels: readonly Parcel[]): Promise<Parcel[]> => {
  const { receiver, pool, keyRing, patientId, planId } = place;
  if (parcels.length === 0) return [];
  const instants = parcels.map(({ row }) => row.observed_at);
  const rows = parcels.map(({ row }) => row);
  try {
    // Before the question: what ends between the two may be written after the answer.
    const open = await underWay(pool, patientId, idsOf(parcels));
    const known = await deliveredAt(pool, patientId, planId, instants);
    const written = (await receiver.writtenAt(planId, instants)).filter(({ detectionId }) => !known.has(detectionId));
    const found = foundAmong(parcels.map(({ detection }) => detection), written);
    const missing = parcels.filter(({ row }) => !found.has(row._id));
    const mayCome = missing.filter(({ row }) => open.has(row._id));
    const gone = new Set<string>();
    await record(place, rows, async (db) => {
      await markDelivered(db, patientId, found);
      if (mayCome.length > 0) return;
      const dropped = await markNotArrived(db, patientId, idsOf(missing));
      const keys = await keyRing.knownKeysOf(db, `patient:${patientId}`);
      if (keys) await stageInstead(db, keys, patientId, dropped);
      for (const { _id } of dropped) gone.add(_id);
    });
    if (mayCome.length > 0) throw new StillUnderWay(idsOf(mayCome));
    return missing.filter(({ row }) => row.live && !gone.has(row._id));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    await parkAll(place, rows, 'outcome-unknown', 'unknown');
    return [];
  }
};
