import type { InboxEntry } from '../../../generated/device-manager.d.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { actorOf, type Caller, type Operations } from '../caller.ts';
import { masked } from '../domain/outline.ts';
import type { Inbox, InboxOutcome } from '../inbox.ts';
import type { InboxEntry as EntryRow } from '../storage/inbox-table.ts';

const wireEntryOf = (row: EntryRow): InboxEntry => ({
  _id: row._id,
  kind: row.kind,
  reason: row.reason,
  ...(row.sample_id !== null && { sampleId: row.sample_id }),
  ...(row.sender !== null && { sender: row.sender }),
  ...(row.correlation_id !== null && { correlationId: row.correlation_id }),
  ...(row.device_identifiers.length > 0 && { deviceIdentifiers: row.device_identifiers.slice(0, 20).map(masked) }),
  ...(row.measurement_type !== null && { measurementType: row.measurement_type }),
  ...(row.patient_id !== null && { patientId: row.patient_id }),
  ...(row.measured_at && { measuredAt: row.measured_at.toISOString() }),
  receivedAt: row.received_at.toISOString(),
});

const demandDone = (outcome: InboxOutcome): void => {
  if (outcome !== 'done') throw problem(outcome);
};

type InboxOperations = 'listInbox' | 'readInbox' | 'replayInbox' | 'replayInboxEntry' | 'discardInboxEntry';

/** What came in and needs a person; for operators. */
export const inboxHandlers = (inbox: Inbox): Pick<Handlers<Operations, Caller>, InboxOperations> => ({
  listInbox: async ({ query: { kind, reason, sender, deviceId, _l = 25, _sk = 0 } }) => ({
    status: 200,
    body: (await inbox.list({ kind, reason, sender, deviceId, limit: _l, skip: _sk })).map(wireEntryOf),
  }),
  readInbox: async ({ path, caller, requestId }) => {
    const found = await inbox.read(path.id, { actor: actorOf(caller), requestId });
    if (found === undefined) throw problem('not-found');
    return { status: 200, body: { entry: wireEntryOf(found.entry), outline: found.outline } };
  },
  replayInbox: async ({ body, caller, requestId }) => ({ status: 202, body: { entries: await inbox.replayAll(body, { actor: actorOf(caller), requestId }) } }),
  replayInboxEntry: async ({ path, caller, requestId }) => {
    demandDone(await inbox.replay(path.id, { actor: actorOf(caller), requestId }));
    return { status: 204 };
  },
  discardInboxEntry: async ({ path, body, caller, requestId }) => {
    demandDone(await inbox.discard(path.id, body.reason, { actor: actorOf(caller), requestId }));
    return { status: 204 };
  },
});
