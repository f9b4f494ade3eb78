import { isUnfit, type RefusedRequest } from '../audit/refusal.ts';
import type { Caller } from './caller.ts';
import type { Auditing, SampleRefusal } from './upstream/audit.ts';

/** What was refused of a person's request. */
export interface ReportedRefusal {
  readonly event: 'access-refused' | 'upload-refused';
  readonly operation: string;
  readonly reason: string;
  /** Of an upload: its samples, and which of them were refused for what. */
  readonly samples?: SampleRefusal | undefined;
}

interface ReportLog {
  readonly warn: (fields: object, message: string) => void;
  readonly info: (fields: object, message: string) => void;
}

/** Has refusals written into the audit of the Device Manager; one that cannot be written stands all the same, and is told. */
export interface RefusalReport {
  readonly report: (patientId: string, requestId: string, refusal: ReportedRefusal) => Promise<void>;
  /** Told every problem of ours. What the Device Manager refused, it has written itself. */
  readonly onProblem: (request: RefusedRequest<Caller>) => Promise<void>;
}

const uploads = new Set(['uploadHealthData', 'uploadHealthDataInFormat']);

/** For so long nobody asks again a Device Manager that has no audit: the answer may have come from a proxy in front of one that has. */
const SILENT_MS = 60_000;

/** Reports what this service refuses by itself to people who are signed in; where nothing takes it, again after `silentMs`. */
export const createRefusalReport = ({ reportRefusal }: Auditing, log: ReportLog, silentMs = SILENT_MS): RefusalReport => {
  let silentUntil = 0;
  const report: RefusalReport['report'] = async (patientId, requestId, refusal) => {
    if (performance.now() < silentUntil) return;
    try {
      const { samples, ...rest } = refusal;
      if (await reportRefusal({ patientId, requestId }, { ...rest, ...(samples && { samples }) })) return;
      silentUntil = performance.now() + silentMs;
      log.info({ requestId }, 'the upstream has no audit: refusals are in the access log alone');
    } catch (error) {
      log.warn({ requestId, error: error instanceof Error ? error.name : 'unknown' }, 'a refusal is not in the audit');
    }
  };
  return {
    report,
    onProblem: async ({ caller, status, code, operationId, requestId }) => {
      if (caller === undefined) return;
      if (code === 'samples-refused') return; // written down with its reasons
      if (status === 403) await report(caller.patientId, requestId, { event: 'access-refused', operation: operationId, reason: code });
      else if (uploads.has(operationId) && isUnfit(status)) await report(caller.patientId, requestId, { event: 'upload-refused', operation: operationId, reason: code });
    },
  };
};
