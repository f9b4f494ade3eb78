import { randomUUID } from 'node:crypto';
import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { doesNotOpen } from '../keys/wrapping.ts';
import { hasVersionCheck } from './keeping.ts';
import { lockPatient } from './normalizing.ts';
import { isReferredTo, referringRules } from './referring.ts';
import { recordAudit } from './storage/audit-table.ts';
import { emptyPayload, forgetDiscarded, noteReferredTo, payloadsBefore, payloadsToEmpty, removeExpiredExports, removePayload, waitingSince, type OldPayload, type PayloadName } from './storage/expired-rows.ts';
import { discardDelivery } from './storage/inbox-table.ts';
import { samplesToNormalize } from './storage/sample-result-table.ts';
import { forgetRefusals, REFUSALS_KEPT_DAYS } from './storage/sample-refusal-table.ts';
import { removePoints } from './storage/series-chunk-table.ts';
import { renewRollups } from './storage/series-rollup-table.ts';
import { lockKeeping } from './storage/tombstone-table.ts';

/** How many days each class is kept; undefined is for ever. */
export interface RetentionDays {
  readonly payloads: number | undefined;
  readonly healthData: number | undefined;
  readonly quarantine: number | undefined;
  readonly discarded: number | undefined;
}

/** What expiring stands on. */
export interface Expiring {
  readonly pool: Pool;
  readonly keyRing: KeyRing;
  readonly days: RetentionDays;
  /** Told between batches; what is left is for the next run. */
  readonly isStopping: () => boolean;
}

/** How many rows or payloads of each class went. */
export type Expired = Readonly<Record<string, number>>;

const BATCH = 200;
/** An archive can be as large as all of a patient. */
const EXPORT_BATCH = 10;
const DAY_MS = 86_400_000;
const actor = 'program';

/** Does a batch until one was not full; answers how much all of them did. */
const batchwise = async ({ isStopping }: Pick<Expiring, 'isStopping'>, batch: (limit: number) => Promise<number>, limit = BATCH): Promise<number> => {
  let total = 0;
  for (;;) {
    const done = await batch(limit);
    total += done;
    if (done < limit || isStopping()) return total;
  }
};

/** One payload with its samples, records and points, under the locks of a deletion; false when it is gone already. */
const expirePayload = ({ pool, keyRing }: Expiring, name: PayloadName): Promise<boolean> =>
  inTransaction(pool, async (client) => {
    const { patient_id: patientId, payload_id: payloadId } = name;
    await lockPatient(client, patientId);
    await lockKeeping(client, patientId, 'deletion');
    const keys = await keyRing.knownKeysOf(client, `patient:${patientId}`, 'toWrite');
    if (keys) await renewRollups(client, keys, patientId, await removePoints(client, keys, patientId, await samplesToNormalize(client, patientId, [payloadId], 'all')));
    // Whose it was may have been erased meanwhile, and is not named again.
    if (!(await removePayload(client, name))) return false;
    await recordAudit(client, { patientId, actor, action: 'delete', resource: `payload/${payloadId}`, requestId: `retention-${randomUUID()}` });
    return true;
  });

/** How many went; one whose points do not open stays as it is, because they could not be taken out of its chart. */
const expireUnlessBroken = (expiring: Expiring, name: PayloadName): Promise<{ healthData: number; unreadable: number }> =>
  expirePayload(expiring, name).then((went) => ({ healthData: Number(went), unreadable: 0 }), (error: unknown) => {
    if (doesNotOpen(error)) return { healthData: 0, unreadable: 1 };
    throw error;
  });

type ListOld = (pool: Pool, before: Date, after: OldPayload | undefined, limit: number) => Promise<OldPayload[]>;

/** Does something with each old payload, and goes on behind those that stay. */
const eachOld = async (expiring: Expiring, before: Date, list: ListOld, work: (name: PayloadName) => Promise<void>): Promise<void> => {
  let last: OldPayload | undefined;
  await batchwise(expiring, async (limit) => {
    const names = await list(expiring.pool, before, last, limit);
    for (const name of names) await work(name);
    last = names.at(-1) ?? last;
    return names.length;
  });
};

/** Goes on behind what does not open, so that it stops nobody else. */
const expireHealthData = async (expiring: Expiring, before: Date): Promise<{ healthData: number; unreadable: number }> => {
  const told = { healthData: 0, unreadable: 0 };
  await eachOld(expiring, before, payloadsBefore, async (name) => {
    const { healthData, unreadable } = await expireUnlessBroken(expiring, name);
    told.healthData += healthData;
    told.unreadable += unreadable;
  });
  return told;
};

/** Empties a payload; one that a record refers to, or of which nobody can tell, stays as it is, and for now one of which a version may count again. */
const emptyUnlessReferredTo = ({ pool, keyRing }: Expiring, rules: readonly string[], name: PayloadName): Promise<boolean> =>
  inTransaction(pool, async (client) => {
    await lockPatient(client, name.patient_id);
    if (await hasVersionCheck(client, name.patient_id, name.payload_id)) return false;
    if (!(await isReferredTo(client, keyRing, rules, name))) return emptyPayload(client, name);
    await noteReferredTo(client, name);
    return false;
  }).catch((error: unknown) => {
    if (doesNotOpen(error)) return false;
    throw error;
  });

const expirePayloads = async (expiring: Expiring, before: Date): Promise<number> => {
  const rules = await referringRules(expiring.pool);
  let emptied = 0;
  await eachOld(expiring, before, payloadsToEmpty, async (name) => {
    emptied += Number(await emptyUnlessReferredTo(expiring, rules, name));
  });
  return emptied;
};

const expireWaiting = (expiring: Expiring, before: Date): Promise<number> =>
  batchwise(expiring, async (limit) => {
    const { pool, keyRing } = expiring;
    const payloadIds = await waitingSince(pool, before, limit);
    for (const payloadId of payloadIds) {
      await inTransaction(pool, async (client) => {
        await discardDelivery(client, payloadId, 'expired', actor);
        await keyRing.discard(client, `quarantine:${payloadId}`);
      });
    }
    return payloadIds.length;
  });

/**
 * Deletes what is older than its class is kept, in batches, each in a transaction of its own. Answers how much of each class, and how
 * many payloads had to stay because something sealed of their patient does not open (`unreadable`).
 */
export const expire = async (expiring: Expiring, now = Date.now()): Promise<Expired> => {
  const { pool, days } = expiring;
  const instantBefore = (keptDays: number): Date => new Date(now - keptDays * DAY_MS);
  const before = async (kept: number | undefined, work: (instant: Date) => Promise<number>): Promise<number> => (kept === undefined ? 0 : work(instantBefore(kept)));
  return {
    exports: await batchwise(expiring, (limit) => removeExpiredExports(pool, limit), EXPORT_BATCH),
    ...(days.healthData === undefined ? { healthData: 0, unreadable: 0 } : await expireHealthData(expiring, instantBefore(days.healthData))),
    payloads: await before(days.payloads, (instant) => expirePayloads(expiring, instant)),
    quarantine: await before(days.quarantine, (instant) => expireWaiting(expiring, instant)),
    refusals: await before(REFUSALS_KEPT_DAYS, (instant) => batchwise(expiring, (limit) => forgetRefusals(pool, instant, limit))),
    discarded: await before(days.discarded, (instant) => batchwise(expiring, (limit) => forgetDiscarded(pool, instant, limit))),
  };
};
