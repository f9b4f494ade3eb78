import type { Device, DeviceAssignment } from '../../../generated/device-manager.d.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { parseInstant } from '../../measurement/instant.ts';
import { actorOf, boundPatient, type Caller, type Operations } from '../caller.ts';
import type { Enrolment } from '../enrolment.ts';
import { providerOf } from '../provider.ts';
import type { DeviceFilter, DeviceRow } from '../storage/device-table.ts';

export interface DeviceDependencies {
  readonly enrolment: Enrolment;
  readonly findDevices: (filter: DeviceFilter) => Promise<DeviceRow[]>;
}

const toWire = (row: DeviceRow): Device => ({
  _id: row._id,
  deviceId: row.device_id,
  deviceProvider: row.declared_provider,
  deviceType: row.device_type,
  status: row.patient_id === null ? 'Not Active' : 'Active',
  ...(row.name !== null && { name: row.name }),
  ...(row.serial_number !== null && { serialNumber: row.serial_number }),
  ...(row.features !== null && { features: row.features }),
  ...(row.patient_id !== null && { assignedPatientId: row.patient_id }),
  ...(row.assigned_from !== null && { assignedFrom: row.assigned_from.toISOString() }),
});

/** Milliseconds since 1970 of an instant in a request. Throws when the calendar has no such instant. */
const instantOf = (text: string, pointer: string): number => {
  const instant = parseInstant(text);
  if (typeof instant === 'object') return instant.epochMs;
  throw problem('invalid-request', { errors: [{ pointer, code: 'invalid-date', message: 'Send an instant that exists, with an offset.' }] });
};

const patientFor = (caller: Caller, body: DeviceAssignment): string => {
  const bound = boundPatient(caller);
  const patientId = body.assignedPatientId ?? bound;
  if (patientId === undefined) {
    throw problem('invalid-request', { errors: [{ pointer: '/assignedPatientId', code: 'required', message: 'Say who gets the device.' }] });
  }
  if (bound !== undefined && bound !== patientId) throw problem('not-your-data');
  return patientId;
};

/** Devices and who holds them. */
export const devices = ({ enrolment, findDevices }: DeviceDependencies): Pick<Handlers<Operations, Caller>, 'findDevices' | 'registerDevice' | 'assignDeviceToPatient' | 'unassignDeviceFromPatient'> => ({
  findDevices: async ({ caller, query }) => {
    const bound = boundPatient(caller);
    if (bound !== undefined && query.assignedPatientId !== undefined && query.assignedPatientId !== bound) throw problem('not-your-data');
    const rows = await findDevices({
      assignedPatientId: bound ?? query.assignedPatientId,
      provider: query.deviceProvider === undefined ? undefined : providerOf(query.deviceProvider),
      deviceId: query.deviceId,
      limit: query._l ?? 25,
      skip: query._sk ?? 0,
    });
    return { status: 200, body: rows.map(toWire) };
  },
  registerDevice: async ({ caller, body, requestId }) => {
    // Who speaks for a patient has no hardware to register: the patient would name what others hold.
    if (boundPatient(caller) !== undefined) throw problem('not-your-data');
    return { status: 200, body: { _id: await enrolment.add({ ...body, actor: actorOf(caller), requestId }) } };
  },
  assignDeviceToPatient: async ({ caller, body, requestId }) => {
    const patientId = patientFor(caller, body);
    const from = body.assignedFrom === undefined ? undefined : instantOf(body.assignedFrom, '/assignedFrom');
    const until = body.assignedUntil === undefined ? undefined : instantOf(body.assignedUntil, '/assignedUntil');
    return { status: 200, body: { _id: await enrolment.assign({ ...body, patientId, from, until, actor: actorOf(caller), requestId }) } };
  },
  unassignDeviceFromPatient: async ({ caller, path, body, requestId }) => {
    const until = body?.assignedUntil === undefined ? undefined : instantOf(body.assignedUntil, '/assignedUntil');
    await enrolment.unassign({ id: path.id, until, patientId: boundPatient(caller), actor: actorOf(caller), requestId });
    return { status: 204 };
  },
});
