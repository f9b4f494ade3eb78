import type { Device } from '../../../generated/bff.d.ts';
import type { KnownMembers } from '../../http/known-members.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import type { Caller, Operations } from '../caller.ts';
import { epochMsOf } from '../time-bounds.ts';
import type { DeviceManager } from '../upstream/device-manager.ts';

/** The devices of the signed-in person. */
export const devices = (deviceManager: DeviceManager, known: KnownMembers): Pick<Handlers<Operations, Caller>, 'listDevices' | 'assignDevice' | 'unassignDevice'> => ({
  listDevices: async ({ caller, requestId }) => ({
    status: 200,
    body: ((await deviceManager.devices({ patientId: caller.patientId, requestId })) ?? []).map((device) => known(device) as unknown as Device),
  }),
  assignDevice: async ({ caller, requestId, body }) => {
    if (body.assignedPatientId !== undefined && body.assignedPatientId !== caller.patientId) {
      throw problem('not-your-data', { errors: [{ pointer: '/assignedPatientId', code: 'not-your-data', message: 'Leave this out: the device becomes yours.' }] });
    }
    if (body.assignedFrom !== undefined) epochMsOf(body.assignedFrom, '/assignedFrom');
    if (body.assignedUntil !== undefined) epochMsOf(body.assignedUntil, '/assignedUntil');
    const { _id } = await deviceManager.assign({ patientId: caller.patientId, requestId }, body);
    return { status: 200, body: { _id } };
  },
  unassignDevice: async ({ caller, requestId, path, body }) => {
    if (body?.assignedUntil !== undefined) epochMsOf(body.assignedUntil, '/assignedUntil');
    await deviceManager.unassign({ patientId: caller.patientId, requestId }, path.id, body?.assignedUntil);
    return { status: 204 };
  },
});
