import type { Pool, Queryable } from '../database/pool.ts';
import { inSnapshot, inTransaction } from '../database/transaction.ts';
import { addJob } from '../jobs/runner.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { outlineOf } from './domain/outline.ts';
import { addNormalization } from './waiting-payloads.ts';
import { itemsOf } from './payload-items.ts';
import { documentOf } from './providers/medisante/document.ts';
import { recordAudit } from './storage/audit-table.ts';
import { awaitNormalization, discardDelivery, findInbox, waitingBody, type InboxEntry, type InboxFilter } from './storage/inbox-table.ts';
import { openBytes, readPayload } from './storage/payload-table.ts';
import { quarantineAad } from './storage/quarantine-table.ts';

/** Who acts, in which request. */
export interface Act {
  readonly actor: string;
  readonly requestId: string;
}

/** What became of a wish about one entry. */
export type InboxOutcome = 'done' | 'not-found' | 'cannot-go-on';

/** What came in and needs a person. */
export interface Inbox {
  readonly list: (filter: InboxFilter) => Promise<readonly InboxEntry[]>;
  /** An entry with the outline of its payload, null when that is not readable; audited. */
  readonly read: (id: string, act: Act) => Promise<{ readonly entry: InboxEntry; readonly outline: unknown } | undefined>;
  /** Has an entry tried again; not one that contradicts another. */
  readonly replay: (id: string, act: Act) => Promise<InboxOutcome>;
  /** Has all entries that a filter means tried again, but those that contradict another; answers how many. */
  readonly replayAll: (filter: Omit<InboxFilter, 'limit' | 'skip'>, act: Act) => Promise<number>;
  /** Throws a delivery away for good, with its key; not a sample, which is a patient's. */
  readonly discard: (id: string, reason: string, act: Act) => Promise<InboxOutcome>;
}

const MOST_AT_ONCE = 10_000;

const one = async (db: Queryable, id: string): Promise<InboxEntry | undefined> => (await findInbox(db, { id, limit: 1, skip: 0 }))[0];

const parsed = (format: string, bytes: Buffer): unknown => {
  try {
    return outlineOf(documentOf(format, bytes));
  } catch {
    return null; // not readable: there is nothing to outline
  }
};

const outlineIn = async (db: Queryable, keyRing: KeyRing, { _id, kind, patient_id: patientId, payload_id: payloadId, item_index: index }: InboxEntry): Promise<unknown> => {
  if (kind !== 'failed') {
    const [keys, waiting] = [await keyRing.knownKeysOf(db, `quarantine:${_id}`), await waitingBody(db, _id)];
    return keys && waiting ? parsed(waiting.format, await openBytes(keys.dataKey, waiting.body, quarantineAad(_id))) : null;
  }
  const keys = patientId === null ? undefined : await keyRing.knownKeysOf(db, `patient:${patientId}`);
  const payload = keys && payloadId !== null && patientId !== null ? await readPayload(db, keys, patientId, payloadId) : undefined;
  return payload ? outlineOf(itemsOf(payload)[index ?? 0]?.received) : null;
};

/** In the transaction of the caller: what is started is started for all of them or none. */
const startAgain = async (db: Queryable, entries: readonly InboxEntry[]): Promise<void> => {
  for (const { _id, kind } of entries) if (kind === 'quarantined') await addJob(db, { task: 'release-quarantine', payload: { payloadId: _id } });
  const failed = entries.flatMap(({ kind, _id, patient_id: patientId }) => (kind === 'failed' && patientId !== null ? [{ patientId, _id }] : []));
  for (const { patient_id, payload_id } of await awaitNormalization(db, failed)) await addNormalization(db, patient_id, payload_id);
};

const auditOf = ({ _id, patient_id: patientId }: InboxEntry, { actor, requestId }: Act) => ({ ...(patientId !== null && { patientId }), actor, requestId, resource: `inbox/${_id}` });

/** The inbox on the Device Manager's own tables. */
export const createInbox = (pool: Pool, keyRing: KeyRing): Inbox => ({
  list: (filter) => findInbox(pool, filter),
  read: async (id, act) => {
    const found = await inSnapshot(pool, async (client) => {
      const entry = await one(client, id);
      return entry && { entry, outline: await outlineIn(client, keyRing, entry) };
    });
    if (found) await recordAudit(pool, { ...auditOf(found.entry, act), action: 'read' });
    return found;
  },
  replay: (id, act) =>
    inTransaction(pool, async (client): Promise<InboxOutcome> => {
      const entry = await one(client, id);
      if (entry === undefined) return 'not-found';
      if (entry.kind === 'conflicting') return 'cannot-go-on';
      await startAgain(client, [entry]);
      await recordAudit(client, { ...auditOf(entry, act), action: 'update' });
      return 'done';
    }),
  replayAll: (filter, { actor, requestId }) =>
    inTransaction(pool, async (client) => {
      const found = await findInbox(client, { ...filter, limit: MOST_AT_ONCE, skip: 0 });
      const entries = found.filter(({ kind }) => kind !== 'conflicting');
      await startAgain(client, entries);
      await recordAudit(client, { actor, requestId, action: 'update', resource: 'inbox' });
      return entries.length;
    }),
  discard: (id, reason, act) =>
    inTransaction(pool, async (client): Promise<InboxOutcome> => {
      const entry = await one(client, id);
      if (entry === undefined) return 'not-found';
      if (entry.kind === 'failed') return 'cannot-go-on';
      if (!(await discardDelivery(client, id, reason, act.actor))) return 'not-found';
      await keyRing.discard(client, `quarantine:${id}`);
      await recordAudit(client, { ...auditOf(entry, act), action: 'delete' });
      return 'done';
    }),
});
