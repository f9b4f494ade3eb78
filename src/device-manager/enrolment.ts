import type { Pool } from '../database/pool.ts';
import { inTransaction } from '../database/transaction.ts';
import { problem } from '../http/problem.ts';
import { addJob } from '../jobs/runner.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { keysForKeeping } from './admitting.ts';
import { assign, unassign, type Change, type Interval } from './domain/attribution.ts';
import { providerOf } from './provider.ts';
import { intervalsOf, putInterval, removeInterval } from './storage/assignment-table.ts';
import { recordAudit } from './storage/audit-table.ts';
import { lockDevice, upsertDevice } from './storage/device-table.ts';
import type { Queryable } from '../database/pool.ts';

/** A device to make known, and who does it. */
export interface DeviceRequest {
  readonly deviceId: string;
  readonly deviceType: string;
  readonly deviceProvider: string;
  readonly name?: string | undefined;
  readonly serialNumber?: string | undefined;
  readonly features?: readonly string[] | undefined;
  readonly actor: string;
  readonly requestId: string;
}

/** An assignment as asked for; `from` in milliseconds since 1970, now when left out. */
export interface AssignmentRequest extends DeviceRequest {
  readonly patientId: string;
  readonly from: number | undefined;
  /** End of a holding that is over; open when left out. */
  readonly until?: number | undefined;
}

export interface UnassignmentRequest {
  readonly id: string;
  readonly until: number | undefined;
  /** The patient a caller is bound to: devices of others are as unknown. */
  readonly patientId: string | undefined;
  readonly actor: string;
  readonly requestId: string;
}

/** Makes devices known, gives them to patients and takes them back. */
export interface Enrolment {
  /** Answers the `_id` of hardware that nobody need hold yet; a HealthKit device is its patient's own, and refused. */
  readonly add: (request: DeviceRequest) => Promise<string>;
  /** Answers the device's `_id`. Throws device-already-assigned when somebody else holds it then. */
  readonly assign: (request: AssignmentRequest) => Promise<string>;
  /** Throws not-found for an unknown device; one that nobody holds is fine. */
  readonly unassign: (request: UnassignmentRequest) => Promise<void>;
}

const futureToleranceMs = 5 * 60 * 1000;

const invalidInstant = (pointer: string, message: string) => problem('invalid-request', { errors: [{ pointer, code: 'invalid-date', message }] });

const apply = async (db: Queryable, device: string, change: Change): Promise<void> => {
  if (change.kind === 'unchanged') return;
  for (const from of change.replaces) await removeInterval(db, device, from);
  await putInterval(db, device, change.put);
};

/** The default start: now, or the end that a machine whose clock is ahead has just written. */
const startingNow = (intervals: readonly Interval[], now: number): number =>
  Math.max(now, ...intervals.flatMap(({ until }) => (until !== undefined && until <= now + futureToleranceMs ? [until] : [])));

const addDevice = (pool: Pool, request: DeviceRequest): Promise<string> =>
  inTransaction(pool, async (client) => {
    const { deviceProvider, actor, requestId } = request;
    const provider = providerOf(deviceProvider);
    if (provider === 'healthkit') throw problem('invalid-request', { errors: [{ pointer: '/assignedPatientId', code: 'required', message: 'Say whose HealthKit device it is.' }] });
    const device = await upsertDevice(client, { ...request, provider, declaredProvider: deviceProvider, creatorId: actor, ownerPatientId: null });
    // Somebody may hold it already, and what waits may name it by the serial number that is told only now.
    await addJob(client, { task: 'release-quarantine', payload: { device } });
    await recordAudit(client, { actor, action: 'create', resource: `device/${device}`, requestId });
    return device;
  });

/** The row of the device is held while its intervals are read and written, so that of two who want it one wins. */
const assignDevice = (pool: Pool, keyRing: KeyRing | undefined, request: AssignmentRequest): Promise<string> =>
  inTransaction(pool, async (client) => {
    const provider = providerOf(request.deviceProvider);
    const { patientId, actor, requestId } = request;
    const now = Date.now();
    if (request.from !== undefined && request.from > now + futureToleranceMs) throw invalidInstant('/assignedFrom', 'A device is assigned from now or earlier.');
    if (request.until !== undefined && request.until > now + futureToleranceMs) throw invalidInstant('/assignedUntil', 'An assignment ends now or earlier.');
    if (keyRing) await keysForKeeping(client, keyRing, patientId);
    const device = await upsertDevice(client, {
      ...request, provider, declaredProvider: request.deviceProvider, creatorId: actor,
      ownerPatientId: provider === 'healthkit' ? patientId : null,
    });
    const intervals = await intervalsOf(client, device);
    const change = assign(intervals, patientId, request.from === undefined ? startingNow(intervals, now) : Math.min(request.from, now), request.until);
    if (change === 'before-start') throw invalidInstant('/assignedUntil', 'An assignment ends after it began.');
    if (change === 'device-already-assigned') throw problem('device-already-assigned');
    await apply(client, device, change);
    if (provider !== 'healthkit') await addJob(client, { task: 'release-quarantine', payload: { device } });
    await recordAudit(client, { patientId, actor, action: 'assign', resource: `device/${device}`, requestId });
    return device;
  });

const unassignDevice = (pool: Pool, { id, until, patientId, actor, requestId }: UnassignmentRequest): Promise<void> =>
  inTransaction(pool, async (client) => {
    const device = await lockDevice(client, id, patientId);
    if (!device) throw problem('not-found');
    const intervals = await intervalsOf(client, device._id);
    const open = intervals.find((interval) => interval.until === undefined);
    if (patientId !== undefined && open && open.patientId !== patientId) throw problem('not-found');
    const now = Date.now();
    if (until !== undefined && until > now + futureToleranceMs) throw invalidInstant('/assignedUntil', 'An assignment ends now or earlier.');
    // Now may be the very millisecond in which it began.
    const change = unassign(intervals, until === undefined ? Math.max(now, (open?.from ?? 0) + 1) : Math.min(until, now));
    if (change === 'before-start') throw invalidInstant('/assignedUntil', 'An assignment ends after it began.');
    await apply(client, device._id, change);
    await recordAudit(client, { patientId: open?.patientId, actor, action: 'unassign', resource: `device/${device._id}`, requestId });
  });

/** Enrolment on the Device Manager's own tables. Without keys, as for a command that names people who have an account, nobody is refused as erased. */
export const createEnrolment = (pool: Pool, keyRing?: KeyRing): Enrolment => ({
  add: (request) => addDevice(pool, request),
  assign: (request) => assignDevice(pool, keyRing, request),
  unassign: (request) => unassignDevice(pool, request),
});
