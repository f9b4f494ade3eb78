import { inTransaction } from '../database/transaction.ts';
import type { Pool } from '../database/pool.ts';
import { submissionId } from '../keys/identity.ts';
import { deliverPlan } from './delivering.ts';
import { asksFor, type Plan } from './domain/plan.ts';
import { Refusal, Trouble, waitAfter } from './domain/submission.ts';
import { lockPatient } from './normalizing.ts';
import { addSubmission } from './outbox.ts';
import type { Delivering, Receiver } from './parcels.ts';
import { hold } from './storage/submission-holds.ts';
import { park, planSubmissions, refreshSampleStates, type Planned } from './storage/submission-progress.ts';
import { lockKeeping } from './storage/tombstone-table.ts';
import { dropDead, duePlans, nextDue, outagesAfter, stillUnplanned, unplanned, waitingPatients, type WaitingRow } from './storage/submission-table.ts';

/** What submitting stands on. */
export interface Submitting extends Omit<Delivering, 'receiver'> {
  readonly receiver: Receiver & { readonly plansOf: (patientId: string, prototypeId: string) => Promise<Plan[]> };
}

const LOOKED_AT_ONCE = 500;
/** A clock that is ahead by more than this is wrong: no detection may be observed in the future. */
const mostAheadMs = 86_400_000;

const plannedFrom = (identityKey: Buffer, rows: readonly WaitingRow[], plans: readonly Plan[], now: number): Planned[] =>
  rows.flatMap((row) => {
    const measured = { deviceId: row.device_id ?? '', observedAt: row.observed_at.getTime() };
    return plans.filter((plan) => row.live && asksFor(plan, measured)).map(({ planId }): Planned => ({
      _id: submissionId(identityKey, [row.sample_id, planId, row.rule_id, String(row.rule_version), ...(row.left_out === null ? [] : [row.left_out])]), row, planId,
      dueAt: new Date(Math.max(now, measured.observedAt)), ...(measured.observedAt > now + mostAheadMs && { reason: 'observed-in-future' }),
    }));
  });

const plan = async ({ pool, keyRing, receiver, onParked }: Submitting, patientId: string, rows: readonly WaitingRow[]): Promise<void> => {
  const plans = await receiver.plansOf(patientId, rows[0]?.normalized_type ?? '');
  const parked = await inTransaction(pool, async (client) => {
    await lockPatient(client, patientId);
    await lockKeeping(client, patientId, 'upload');
    const keys = await keyRing.knownKeysOf(client, `patient:${patientId}`);
    // What they were made of may have changed while we asked.
    const still = await stillUnplanned(client, patientId, rows.map(({ _id }) => _id));
    const planned = keys ? plannedFrom(keys.identityKey, still, plans, Date.now()) : [];
    await planSubmissions(client, patientId, still, planned);
    await refreshSampleStates(client, patientId, rows.map(({ sample_id }) => sample_id));
    return planned.filter(({ reason }) => reason !== undefined).length;
  });
  if (parked > 0) onParked('observed-in-future', parked);
};

const parkUnplanned = async ({ pool, onParked }: Submitting, patientId: string, rows: readonly WaitingRow[]): Promise<void> => {
  await inTransaction(pool, async (client) => {
    await lockPatient(client, patientId);
    await park(client, patientId, rows.map(({ _id }) => _id), 'plans-refused', 'no');
    await refreshSampleStates(client, patientId, rows.map(({ sample_id }) => sample_id));
  });
  onParked('plans-refused', rows.length);
};

/** Looks up the plans of everything that waits for them, type by type; an outage is noted, and holds them all. */
const planAll = async (submitting: Submitting, patientId: string): Promise<void> => {
  const { pool, pace } = submitting;
  for (let rows = await unplanned(pool, patientId, LOOKED_AT_ONCE); rows.length > 0; rows = await unplanned(pool, patientId, LOOKED_AT_ONCE)) {
    for (const group of Object.values(Object.groupBy(rows, ({ normalized_type }) => normalized_type))) {
      try {
        await plan(submitting, patientId, group ?? []);
      } catch (error) {
        if (error instanceof Refusal) {
          await parkUnplanned(submitting, patientId, group ?? []);
          continue;
        }
        if (!(error instanceof Trouble)) throw error;
        const waitMs = Math.max(error.waitMs, waitAfter(pace, outagesAfter(rows)));
        await hold(pool, patientId, null, error.reason, new Date(Date.now() + waitMs));
        return;
      }
    }
  }
};

/**
 * Submits what waits for a patient, plan by plan, and arranges the next run when something still waits. Runs of one patient must not
 * overlap. What happened is written before and after each request, so that a run that was cut off is taken up by the next one.
 */
export const submitDetections = async (submitting: Submitting, patientId: string): Promise<void> => {
  const { pool } = submitting;
  await dropDead(pool, patientId);
  await planAll(submitting, patientId);
  for (const planId of await duePlans(pool, patientId)) if (!submitting.isStopping()) await deliverPlan(submitting, patientId, planId);
  const next = await nextDue(pool, patientId);
  if (next !== undefined) await addSubmission(pool, patientId, next);
};

/** Takes up what waits since before the program started. */
export const resumeSubmissions = async (pool: Pool): Promise<void> => {
  for (const patientId of await waitingPatients(pool)) await addSubmission(pool, patientId);
};
