import { settle, StillUnderWay } from './arrivals.ts';
import { Refusal, Trouble, waitAfter } from './domain/submission.ts';
import { idsOf, parcelsOf, parkAll, record, type Delivering, type Parcel, type Place } from './parcels.ts';
import { endOutage, hold, holdUnderWay } from './storage/submission-holds.ts';
import { markAnswered, markDelivered, markNotArrived, markSent, markSuspect } from './storage/submission-progress.ts';
import { nextOfPlan, outagesAfter, outagesOf, type WaitingRow } from './storage/submission-table.ts';

const BATCH = 50;
/** How much of one plan goes in one run, so that other patients get their turn. */
const MOST_BATCHES = 10;
/** Trouble that is everybody's: there is no use in asking whether it is there. */
const general = new Set(['too-many-requests', 'credential-refused']);

/** Whether trouble is with the Therapy and Monitoring Manager, and not with what was sent. */
const isOutage = async ({ receiver }: Place, { reason }: Trouble): Promise<boolean> =>
  general.has(reason) || receiver.probe().then(() => false, (error: unknown) => {
    if (error instanceof Refusal || error instanceof Trouble) return true;
    throw error;
  });

const send = async (place: Place, parcels: readonly Parcel[]): Promise<void> => {
  const { pool, patientId, underWayMs } = place;
  const marked = await markSent(pool, patientId, idsOf(parcels), underWayMs);
  const still = parcels.filter(({ row }) => marked.has(row._id));
  if (still.length === 0) return;
  const written = await place.receiver.write(still.map(({ detection }) => detection)).catch(async (error: unknown) => {
    if (error instanceof Refusal || (error instanceof Trouble && error.isOver)) await markAnswered(pool, patientId, idsOf(still));
    throw error;
  });
  await record(place, still.map(({ row }) => row), (db) => markDelivered(db, patientId, written));
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

/** Many at once; when that fails, what did not arrive goes one by one. Throws Trouble when there is an outage, and StillUnderWay. */
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
  // What was without an answer together may be so again, and would hold the plan each time.
  const isDoubtful = lost.some(({ row }) => row.under_way_until !== null);
  if (ready.length > 1 && together && !isDoubtful) await sendTogether(place, ready);
  else await sendSingly(place, ready);
  if (outagesOf(rows) > 0) await endOutage(place.pool, place.patientId, place.planId);
};

/** Delivers what waits for one plan, in order of observation; an outage is noted, and holds the plan, as does a request that may still be at work. */
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
    if (error instanceof StillUnderWay) return holdUnderWay(pool, patientId, planId, error.ids);
    if (!(error instanceof Trouble)) throw error;
    const waitMs = Math.max(error.waitMs, waitAfter(pace, outagesAfter(rows)));
    await hold(pool, patientId, planId, error.reason, new Date(Date.now() + waitMs));
  }
};
