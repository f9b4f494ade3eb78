import type { Handlers } from '../../http/operation.ts';
import { partOf, sentenceOf } from '../audit-words.ts';
import type { Caller, Operations } from '../caller.ts';
import { epochMsOf } from '../time-bounds.ts';
import type { DeviceManager } from '../upstream/device-manager.ts';

/** What was done to the data of the signed-in person, without anybody else's name or identifier. */
export const audit = (deviceManager: Pick<DeviceManager, 'audit'>): Pick<Handlers<Operations, Caller>, 'listOwnAudit'> => ({
  listOwnAudit: async ({ caller: { patientId }, requestId, query, origin }) => {
    for (const name of ['from', 'to'] as const) if (query[name] !== undefined) epochMsOf(query[name], `/query/${name}`);
    const { events, next } = await deviceManager.audit({ patientId, requestId }, query);
    const kept = Object.entries(query).filter(([name]) => name !== '_cursor').map(([name, value]) => [name, String(value)] as [string, string]);
    const link = next === undefined ? {} : { Link: `<${origin}/audit?${new URLSearchParams([...kept, ['_cursor', next]]).toString()}>; rel="next"` };
    return { status: 200, headers: link, body: events.map((event) => ({ at: event.at, event: event.event, what: sentenceOf(event), by: partOf(event), outcome: event.outcome })) };
  },
});
