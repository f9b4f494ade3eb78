import type { UploadProgress as WireProgress } from '../../../generated/device-manager.d.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { boundPatient, type Caller, type Operations } from '../caller.ts';
import type { UploadProgress } from '../storage/upload-progress.ts';

const toWire = ({ uploadId, receivedAt, states, failures }: UploadProgress): WireProgress => {
  const countOf = (...wanted: readonly string[]): number => states.reduce((sum, { state, samples }) => sum + (wanted.includes(state) ? samples : 0), 0);
  const received = countOf('received');
  return {
    uploadId, receivedAt: receivedAt.toISOString(), state: received > 0 ? 'processing' : 'done', samples: states.reduce((sum, { samples }) => sum + samples, 0),
    counts: { received, normalized: countOf('normalized', 'submitted', 'submission-failed'), failed: countOf('normalization-failed'), superseded: countOf('superseded', 'withdrawn'), deleted: countOf('deleted') },
    failures: [...failures],
  };
};

/** How far uploads are. */
export const uploads = (progressOf: (uploadId: string) => Promise<UploadProgress | undefined>): Pick<Handlers<Operations, Caller>, 'getUploadProgress'> => ({
  getUploadProgress: async ({ caller, path }) => {
    const bound = boundPatient(caller);
    const progress = await progressOf(path.id.toLowerCase());
    if (!progress || (bound !== undefined && bound !== progress.patientId)) throw problem('not-found');
    return { status: 200, body: toWire(progress) };
  },
});
