import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { problem } from '../http/problem.ts';
import { bytesMac, contentMac, sampleId } from '../keys/identity.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { createAttributor } from './attributing.ts';
import { keepEach, keepInQuarantine, renewVersions, type Keeping, type Named, type Received } from './keeping-deliveries.ts';
import { nameReadings } from './naming-readings.ts';
import { mostEntries } from './providers/fhir/bundle.ts';
import { takeApart } from './providers/taking-apart.ts';
import { demandOwnDevices } from './sender-limits.ts';
import { recordAudit } from './storage/audit-table.ts';
import { noteDelivery, noteReadings } from './storage/delivery-table.ts';
import type { QuarantineReason } from './storage/quarantine-table.ts';

/** What the sender calls a delivery; a digest where that is longer than an index takes. */
const nameOf = (identityKey: Buffer, correlationId: string | undefined): string | undefined =>
  correlationId === undefined || correlationId.length <= 200 ? correlationId : `digest:${contentMac(identityKey, ['delivery', correlationId]).toString('hex')}`;

/**
 * Keeps one delivery, whatever is in it, and answers the identifier of its first reading once everything is committed. The same
 * delivery of the same sender is kept once; another body under its name is kept aside, and the first stays. Each reading goes to its
 * patient or into quarantine by itself, but for those of somebody erased, which are taken and not kept; `onQuarantine` is told why, once
 * that is committed.
 * Throws too-many-items, and forbidden for a device that the sender may not send for; then nothing is kept or noted.
 */
export const keepReceived = async (pool: Pool, keyRing: KeyRing, received: Received, onQuarantine: (reason: QuarantineReason) => void): Promise<string> => {
  const { sender, bytes, requestId } = received;
  const taken = takeApart(received.format, received.value);
  if (taken.entryCount > mostEntries) throw problem('too-many-items', { limits: { maxItems: mostEntries } });
  const entered: QuarantineReason[] = [];
  const first = await inTransaction(pool, async (db) => {
    const { identityKey } = await keyRing.keysOf(db, 'installation');
    const bodyMac = bytesMac(identityKey, bytes);
    const correlationId = nameOf(identityKey, taken.correlationId) ?? `body:${bodyMac.toString('hex')}`;
    const named = await nameReadings(db, { identityKey, sender, correlationId }, taken);
    const attribute = createAttributor(db, Date.now());
    if (received.deviceIds !== undefined) await demandOwnDevices(db, received.deviceIds, attribute, named);
    const first = named[0] ?? { sampleId: sampleId(identityKey, ['medisante', sender, correlationId]) };
    const keeping: Keeping = { db, keyRing, received, taken, correlationId, receivedAt: new Date(), attribute, entered };
    const aside = (reason: QuarantineReason, sample: string) => keepInQuarantine(keeping, { bytes, format: taken.format }, { ...first, sampleId: sample, identity: undefined }, reason);
    const note = (resource: string) => recordAudit(db, { actor: `sender:${sender}`, action: 'create', resource: `sample/${resource}`, requestId });
    const { repeated } = await noteDelivery(db, { sender, correlationId, sampleId: first.sampleId, bodyMac, receivedAt: keeping.receivedAt });
    if (repeated) {
      if (!repeated.bodyMac.equals(bodyMac)) {
        await aside('conflicting-delivery', repeated.sampleId);
        await note(`${repeated.sampleId}/conflict`);
      }
      return repeated.sampleId;
    }
    if (taken.unfit) {
      await aside(taken.unfit, first.sampleId);
      await note(first.sampleId);
      return first.sampleId;
    }
    const unique = [...new Map(named.toReversed().map((one) => [one.sampleId, one])).values()].reverse();
    const fresh = taken.format.startsWith('fhir-') ? await noteReadings(db, { sender, receivedAt: keeping.receivedAt }, unique) : new Set([first.sampleId]);
    const firsts = new Set(unique);
    const isFresh = (one: Named): boolean => fresh.has(one.sampleId) && firsts.has(one);
    await keepEach(keeping, unique.filter(isFresh), unique.filter((one) => !isFresh(one)));
    await renewVersions(keeping, named.filter((one) => !isFresh(one)));
    return first.sampleId;
  });
  for (const reason of entered) onQuarantine(reason);
  return first;
};
