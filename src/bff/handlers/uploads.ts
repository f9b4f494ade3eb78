import type { KeptRefusal } from '../../../generated/device-manager.d.ts';
import type { OwnRefusal, UploadLimits } from '../../../generated/bff.d.ts';
import { adviceOn } from '../../healthkit/item-error.ts';
import { FUTURE_TOLERANCE_MS, RECOMMENDED_UPLOAD, UPLOAD_LIMITS } from '../../healthkit/limits.ts';
import { healthKitFormats } from '../../healthkit/shapes/formats.ts';
import type { Handlers } from '../../http/operation.ts';
import type { Caller, Operations } from '../caller.ts';
import type { DeviceManager } from '../upstream/device-manager.ts';

/** What an installation bounds beyond the specification. */
export interface UploadBounds {
  readonly historyDays: number | undefined;
  readonly requestsPerMinute: number;
}

const limitsOf = ({ historyDays, requestsPerMinute }: UploadBounds): UploadLimits => ({
  ...UPLOAD_LIMITS, ...RECOMMENDED_UPLOAD, encodings: ['gzip', 'br'], formats: [...healthKitFormats], ...(historyDays !== undefined && { historyDays }),
  futureToleranceSeconds: FUTURE_TOLERANCE_MS / 1000, requestsPerMinute,
});

/** A refusal in words. */
const ownRefusal = ({ refusedAt, received, reasons }: KeptRefusal): OwnRefusal => ({
  refusedAt, received, rejected: reasons.reduce((sum, { samples }) => sum + samples, 0), reasons: reasons.map((reason) => ({ ...reason, ...adviceOn(reason.code) })),
});

type UploadOperation = 'listUploads' | 'listRefusedSamples' | 'getUpload' | 'getLimits';

/** Uploads and their progress, what was refused of them, and the limits on them. */
export const uploads = (deviceManager: Pick<DeviceManager, 'progress' | 'uploads' | 'refusals'>, bounds: UploadBounds): Pick<Handlers<Operations, Caller, 'getLimits'>, UploadOperation> => ({
  listUploads: async ({ caller: { patientId }, requestId, query }) => ({ status: 200, body: await deviceManager.uploads({ patientId, requestId }, query._l ?? 10) }),
  listRefusedSamples: async ({ caller: { patientId }, requestId, query }) => {
    const refusals = await deviceManager.refusals({ patientId, requestId }, query._l ?? 10);
    return { status: 200, body: refusals.map(ownRefusal) };
  },
  getUpload: async ({ caller: { patientId }, requestId, path }) => ({ status: 200, body: await deviceManager.progress({ patientId, requestId }, path.id) }),
  getLimits: () => ({ status: 200, headers: { 'Cache-Control': 'public, max-age=3600' }, body: limitsOf(bounds) }),
});
