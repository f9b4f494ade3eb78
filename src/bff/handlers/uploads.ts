import type { UploadLimits } from '../../../generated/bff.d.ts';
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

/** Progress of uploads, and the limits on them. */
export const uploads = ({ progress }: Pick<DeviceManager, 'progress'>, bounds: UploadBounds): Pick<Handlers<Operations, Caller, 'getLimits'>, 'getUpload' | 'getLimits'> => ({
  getUpload: async ({ caller: { patientId }, requestId, path }) => ({ status: 200, body: await progress({ patientId, requestId }, path.id) }),
  getLimits: () => ({ status: 200, headers: { 'Cache-Control': 'public, max-age=3600' }, body: limitsOf(bounds) }),
});
