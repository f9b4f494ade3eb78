import type { Queryable } from '../../database/pool.ts';

/**
 * Notes that the tables were filled from a backup: what had not been delivered then, or was measured or received since, may have been.
 * Of what waits or is parked it is asked before it is sent, and the instant is kept for what comes again.
 */
export const noteRestoration = async (db: Queryable): Promise<void> => {
  await db.query('insert into device_manager.restoration (restored_at) values (now())');
  await db.query(`update device_manager.submission set sent_at = now(), under_way_until = null where state in ('waiting', 'parked') and plan_id is not null and sent_at is null`);
};

/** When the tables were last filled from a backup; null when they never were. */
export const lastRestored = async (db: Queryable): Promise<Date | null> =>
  (await db.query<{ at: Date | null }>('select max(restored_at) as at from device_manager.restoration')).rows[0]?.at ?? null;
