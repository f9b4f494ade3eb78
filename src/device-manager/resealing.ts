import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, Queryable } from '../database/pool.ts';
import { inTransaction, isUnavailable } from '../database/transaction.ts';
import { addJob } from '../jobs/runner.ts';
import { SealBrokenError } from '../keys/cipher.ts';
import { countResealed, finishRotations, nextRenewed, openRotations, renewDataKeys, retireGenerations, wishRotation, type Renewed } from '../keys/data-key-rotation.ts';
import type { KeyRing, Scope, ScopeKeys } from '../keys/scope-keys.ts';
import { recordAudit } from './storage/audit-table.ts';
import type { SealedColumn } from './storage/sealed-column.ts';
import { countStale, lockStale, nextStale, replaceSealed, sealedColumns, type SealedValue } from './storage/sealed-columns.ts';

/** What sealing anew stands on. */
export interface Resealing {
  readonly pool: Pool;
  readonly keyRing: KeyRing;
  /** Told of values that do not open, by table and column. */
  readonly onUnreadable: (where: string, values: number) => void;
  /** Told between batches: what is left is taken up by the next run. */
  readonly isStopping: () => boolean;
}

/** Values that are looked for at once, and of one transaction: so few that who needs their rows hardly waits. */
const LOOKED_AT_ONCE = 500;
const MOST_VALUES = 50;
const mostBytes = 2 * 1024 * 1024;
/** How long to wait for transactions that hold an old generation or a row. */
const WAIT_MS = 250;

const addRotation = (db: Queryable): Promise<void> => addJob(db, { task: 'rotate-data-keys', payload: {}, queue: 'rotate-data-keys', key: 'rotate-data-keys' });

/** Takes up wishes that are open since before the program started. */
export const resumeRotations = async (pool: Pool): Promise<void> => {
  if ((await openRotations(pool)).length > 0) await addRotation(pool);
};

/** Wishes new data keys for one patient or for all, with the job that makes them, in one transaction; answers the identifier of the wish. */
export const rotateDataKeys = (pool: Pool, patientId: string | undefined, { actor, requestId }: { readonly actor: string; readonly requestId: string }): Promise<string> =>
  inTransaction(pool, async (client) => {
    const scope: Scope | undefined = patientId === undefined ? undefined : `patient:${patientId}`;
    const _id = await wishRotation(client, scope, actor);
    await addRotation(client);
    await recordAudit(client, { patientId, actor, action: 'update', resource: `data-key-rotation/${_id}`, requestId });
    return _id;
  });

const batchesOf = (values: readonly { readonly key: readonly string[]; readonly bytes: number }[]): (readonly string[])[][] => {
  const batches: (readonly string[])[][] = [];
  let bytes = Infinity;
  for (const value of values) {
    if (bytes + value.bytes > mostBytes || (batches.at(-1)?.length ?? 0) >= MOST_VALUES) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)?.push(value.key);
    bytes += value.bytes;
  }
  return batches;
};

const sealedAnew = async ({ dataKey }: ScopeKeys, column: SealedColumn, patientId: string, { key, sealed }: SealedValue): Promise<SealedValue | undefined> => {
  const place = column.placeOf(patientId, key);
  try {
    return { key, sealed: dataKey.seal(await dataKey.open(sealed, place), place) };
  } catch (error) {
    if (error instanceof SealBrokenError) return undefined;
    throw error;
  }
};

/** Seals some values anew in one transaction; answers how many did not open. */
const resealBatch = ({ pool, keyRing }: Resealing, column: SealedColumn, { scope, patientId, generation }: Renewed, keys: readonly (readonly string[])[]): Promise<number> =>
  inTransaction(pool, async (client) => {
    const held = await keyRing.knownKeysOf(client, scope, 'toWrite');
    if (!held) return 0; // the patient was erased
    const values = await lockStale(client, column, patientId, generation, keys);
    const anew: SealedValue[] = [];
    for (const value of values) {
      const one = await sealedAnew(held, column, patientId, value);
      if (one) anew.push(one);
    }
    if (anew.length > 0) await replaceSealed(client, column, patientId, anew);
    await countResealed(client, anew.length);
    return values.length - anew.length;
  });

const resealColumn = async (resealing: Resealing, column: SealedColumn, renewed: Renewed): Promise<number> => {
  let unreadable = 0;
  let after: readonly string[] | undefined;
  for (;;) {
    const values = await nextStale(resealing.pool, column, renewed.patientId, renewed.generation, after, LOOKED_AT_ONCE);
    after = values.at(-1)?.key;
    if (!after || resealing.isStopping()) return unreadable;
    for (const keys of batchesOf(values)) if (!resealing.isStopping()) unreadable += await resealBatch(resealing, column, renewed, keys);
  }
};

const countLeft = (db: Queryable, { patientId, generation }: Renewed): Promise<number> => countStale(db, patientId, generation);

/** Seals anew what a patient has under older generations and destroys those; answers what was left for the next time, and why. */
const resealPatient = async (resealing: Resealing, renewed: Renewed): Promise<{ unreadable: number; busy: boolean }> => {
  const { pool, onUnreadable } = resealing;
  let unreadable = 0;
  for (const column of (await countLeft(pool, renewed)) > 0 ? sealedColumns : []) {
    const values = await resealColumn(resealing, column, renewed);
    if (values > 0) onUnreadable(`${column.table}.${column.column}`, values);
    unreadable += values;
  }
  if (resealing.isStopping()) return { unreadable, busy: true };
  if (unreadable > 0) return { unreadable, busy: (await countLeft(pool, renewed)) > unreadable };
  try {
    return { unreadable, busy: !(await retireGenerations(pool, renewed, async (db) => (await countLeft(db, renewed)) > 0)) };
  } catch (error) {
    if (isUnavailable(error)) return { unreadable, busy: true }; // someone holds an old generation for longer than we wait
    throw error;
  }
};

/**
 * Fulfils all wishes for new data keys: first every patient gets a new generation, then what is sealed under older ones is sealed anew
 * in small batches, and old generations are destroyed once nothing needs them. What does not open stays as it is, with its generation.
 * A run that was killed is taken up by the next one; one that is to stop asks for it.
 */
export const fulfilRotations = async (resealing: Resealing): Promise<void> => {
  const { pool, keyRing } = resealing;
  for (;;) {
    const wishes = await openRotations(pool);
    if (wishes.length === 0) return undefined;
    for (const wish of wishes) await renewDataKeys(pool, keyRing, wish);
    let [unreadable, isBusy] = [0, false];
    for (let next = await nextRenewed(pool, ''); next && !resealing.isStopping(); next = await nextRenewed(pool, next.scope)) {
      const left = await resealPatient(resealing, next);
      unreadable += left.unreadable;
      isBusy ||= left.busy;
    }
    if (resealing.isStopping()) return addRotation(pool);
    if (isBusy) await sleep(WAIT_MS);
    else await finishRotations(pool, wishes.map(({ _id }) => _id), unreadable);
  }
};
