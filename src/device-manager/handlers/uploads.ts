import type { KeptRefusal as WireRefusal, UploadProgress as WireProgress } from '../../../generated/device-manager.d.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { boundPatient, type Caller, type Operations } from '../caller.ts';
import type { KeptRefusal } from '../storage/sample-refusal-table.ts';
import type { UploadProgress } from '../storage/upload-progress.ts';
import { onePatient } from './named-patient.ts';

const toWire = ({ uploadId, receivedAt, states, failures }: UploadProgress): WireProgress => {
  const countOf = (...wanted: readonly string[]): number => states.reduce((sum, { state, samples }) => sum + (wanted.includes(state) ? samples : 0), 0);
  const received = countOf('received');
  return {
    uploadId, receivedAt: receivedAt.toISOString(), state: received > 0 ? 'processing' : 'done', samples: states.reduce((sum, { samples }) => sum + samples, 0),
    counts: { received, normalized: countOf('normalized', 'submitted', 'submission-failed'), failed: countOf('normalization-failed'), superseded: countOf('superseded', 'withdrawn'), deleted: countOf('deleted') },
    failures: [...failures],
  };
};

/** What the handlers of uploads stand on. */
export interface UploadsDependencies {
  readonly progressOf: (uploadId: string) => Promise<UploadProgress | undefined>;
  /** Latest first. */
  readonly latest: (patientId: string, limit: number) => Promise<readonly UploadProgress[]>;
  readonly refusals: (patientId: string, limit: number) => Promise<readonly KeptRefusal[]>;
}

/** How far uploads are, and what was refused of them. */
export const uploads = ({ progressOf, latest, refusals }: UploadsDependencies): Pick<Handlers<Operations, Caller>, 'getUploadProgress' | 'listPatientUploads' | 'listPatientRefusals'> => ({
  listPatientUploads: async ({ caller, query }) => {
    const found = await latest(onePatient(caller, query.patientId), query._l ?? 10);
    return { status: 200, body: found.map(toWire) };
  },
  listPatientRefusals: async ({ caller, query }) => {
    const found = await refusals(onePatient(caller, query.patientId), query._l ?? 10);
    return { status: 200, body: found.map(({ refusedAt, received, reasons }) => ({ refusedAt: refusedAt.toISOString(), received, reasons: reasons as WireRefusal['reasons'] })) };
  },
  getUploadProgress: async ({ caller, path }) => {
    const bound = boundPatient(caller);
    const progress = await progressOf(path.id.toLowerCase());
    if (!progress || (bound !== undefined && bound !== progress.patientId)) throw problem('not-found');
    return { status: 200, body: toWire(progress) };
  },
});
