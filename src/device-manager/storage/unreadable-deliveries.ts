import type { Queryable } from '../../database/pool.ts';

/** A delivery whose key is gone: nobody can read it any more. */
export interface UnreadableDelivery {
  readonly payloadId: string;
  readonly sender: string;
  readonly correlationId: string;
  readonly receivedAt: Date;
}

const hex = (column: string) => `replace(${column}::text, '-', '')`;

/**
 * Takes the deliveries without a key out of quarantine, and forgets that they came, so that they are taken when they are sent again;
 * answers which, oldest first. What contradicts another was never noted itself, and the other one stays noted.
 */
export const leaveOutUnreadable = async (db: Queryable): Promise<UnreadableDelivery[]> =>
  (
    await db.query<UnreadableDelivery>(
      `with gone as (
         delete from device_manager.quarantined_delivery q
         where not exists (select from device_manager_keys.scope_key k where k.scope = 'quarantine:' || ${hex('q.payload_id')}) returning q.*),
       forgotten as (
         delete from device_manager.delivery d using gone g
         where g.reason <> 'conflicting-delivery' and d.sender = g.sender and d.correlation_id in (g.correlation_id, 'reading:' || ${hex('g.sample_id')}))
       select ${hex('payload_id')} as "payloadId", sender, correlation_id as "correlationId", received_at as "receivedAt" from gone order by received_at, payload_id`,
    )
  ).rows;
