import { inTransaction } from '../../database/transaction.ts';
import { newPayloadId } from '../keeping.ts';
import { identifiersHeldAlone } from '../storage/own-device-table.ts';
import { addCounts, addDestroyedKeys, type Erasure } from '../storage/erasure-table.ts';
import { eraseWaiting, replaceWaiting, waitingOfAlone } from '../storage/quarantine-table.ts';
import { waitingReadings, type WaitingReadings, type WaitingSources } from './waiting-readings.ts';

const eraseWhole = ({ pool, keyRing }: WaitingSources, { _id }: Erasure, payloadId: string): Promise<void> =>
  inTransaction(pool, async (client) => {
    if (!(await eraseWaiting(client, payloadId))) return;
    await addDestroyedKeys(client, _id, await keyRing.discard(client, `quarantine:${payloadId}`));
    await addCounts(client, _id, { waitingDeliveries: 1 });
  });

/** The readings of the others wait on under a key of their own; the key of the whole is destroyed. */
const eraseOwn = ({ pool, keyRing }: WaitingSources, { _id }: Erasure, { delivery, taken, own }: WaitingReadings): Promise<void> =>
  inTransaction(pool, async (client) => {
    const others = taken.readings.filter((reading) => !own.includes(reading));
    const payloadId = newPayloadId();
    const keys = await keyRing.keysOf(client, `quarantine:${payloadId}`);
    const part = { payloadId, identifiers: others[0]?.identifiers ?? [], bytes: Buffer.from(JSON.stringify(taken.excerpt(others))) };
    if (!(await replaceWaiting(client, keys, delivery.payload_id, part))) return;
    await addDestroyedKeys(client, _id, await keyRing.discard(client, `quarantine:${delivery.payload_id}`));
    await addCounts(client, _id, { waitingReadings: own.length });
  });

/**
 * Erases what waits in quarantine and is a patient's: readings measured while the patient had the device, and whatever names hardware
 * that the patient alone had. Of a delivery of several patients the others' readings stay. Goes before the assignments and samples.
 */
export const eraseWaitingReadings = async (tables: WaitingSources, erasure: Erasure, patientId: string): Promise<void> => {
  for await (const waiting of waitingReadings(tables, patientId)) {
    if (waiting.own.length === waiting.taken.readings.length) await eraseWhole(tables, erasure, waiting.delivery.payload_id);
    else await eraseOwn(tables, erasure, waiting);
  }
  const alone = await identifiersHeldAlone(tables.pool, patientId);
  for (const payloadId of await waitingOfAlone(tables.pool, patientId, alone)) await eraseWhole(tables, erasure, payloadId);
};
