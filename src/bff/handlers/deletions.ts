import { UPLOAD_LIMITS } from '../../healthkit/limits.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import type { Caller, Operations } from '../caller.ts';
import type { UploadRate } from '../upload-rate.ts';
import type { DeviceManager } from '../upstream/device-manager.ts';

/** Deletions of the signed-in person. */
export const deletions = ({ remove }: Pick<DeviceManager, 'remove'>, rate: UploadRate): Pick<Handlers<Operations, Caller>, 'deleteHealthData'> => ({
  deleteHealthData: async ({ caller: { patientId }, requestId, body }) => {
    const headers = await rate(patientId);
    if (body.deletions.length > UPLOAD_LIMITS.maxItems) throw problem('too-many-items', { limits: UPLOAD_LIMITS });
    return { status: 200, headers, body: await remove({ patientId, requestId }, body) };
  },
});
