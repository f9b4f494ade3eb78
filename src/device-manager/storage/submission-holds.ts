import type { Queryable } from '../../database/pool.ts';

/**
 * Nothing can be sent to a plan (null: no plans can be looked up) before an instant, for an outage. It counts as a further one for what
 * was due: what is tried because something else came says nothing about how long it lasts.
 */
export const hold = async (db: Queryable, patientId: string, planId: string | null, reason: string, next: Date): Promise<void> => {
  await db.query(
    `update device_manager.submission set reason = $3, next_attempt_at = greatest(next_attempt_at, $4), outages = outages + (next_attempt_at <= now())::int
     where patient_id = $1 and plan_id is not distinct from $2 and state = 'waiting' and next_attempt_at <= $4`,
    [patientId, planId, reason, next],
  );
};

/** Nothing can be sent to a plan while a request that was to bring some submissions may still be at work; that is no outage. */
export const holdUnderWay = async (db: Queryable, patientId: string, planId: string, ids: readonly string[]): Promise<void> => {
  await db.query(
    `update device_manager.submission d set reason = coalesce(d.reason, 'tmm-unavailable'), next_attempt_at = greatest(d.next_attempt_at, held.until)
     from (select max(under_way_until) as until from device_manager.submission where patient_id = $1 and _id = any($3::uuid[])) held
     where d.patient_id = $1 and d.plan_id = $2 and d.state = 'waiting'`,
    [patientId, planId, ids],
  );
};

/** An outage is over: the next one starts with the shortest wait. */
export const endOutage = async (db: Queryable, patientId: string, planId: string): Promise<void> => {
  await db.query(`update device_manager.submission set outages = 0 where patient_id = $1 and plan_id = $2 and state = 'waiting' and outages > 0`, [patientId, planId]);
};
