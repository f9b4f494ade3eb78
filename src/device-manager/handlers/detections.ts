import type { Submission } from '../../../generated/device-manager.d.ts';
import type { Handlers } from '../../http/operation.ts';
import { problem } from '../../http/problem.ts';
import { parseInstant } from '../../measurement/instant.ts';
import { actorOf, boundPatient, type Caller, type Operations } from '../caller.ts';
import { detectionFilterOf, FilterError, type DetectionFilter } from '../domain/detection-filter.ts';
import type { Prototype } from '../domain/prototype.ts';
import { chartOfDetections, Refusal, Trouble, type WrittenDetection } from '../domain/submission.ts';
import type { AuditEvent } from '../storage/audit-table.ts';
import type { SampleRow } from '../storage/sample-table.ts';
import type { SubmissionRow } from '../storage/submission-list.ts';
import type { Act, SubmitOutcome, Submissions } from '../submissions.ts';

export interface DetectionDependencies {
  readonly prototypes: () => Promise<readonly Prototype[]>;
  readonly submissions: Submissions;
  readonly byId: (_id: string) => Promise<SampleRow | undefined>;
  /** Undefined where no Therapy and Monitoring Manager is set. */
  readonly submit: ((sample: SampleRow, act: Act) => Promise<SubmitOutcome>) | undefined;
  readonly findDetections: ((filter: DetectionFilter, patientId: string | undefined) => Promise<readonly WrittenDetection[]>) | undefined;
  readonly audit: (event: AuditEvent) => Promise<void>;
}

const RETRY_AFTER_SECONDS = 5;

const toWire = (row: SubmissionRow): Submission => ({
  _id: row._id,
  patientId: row.patient_id,
  sampleId: row.sample_id,
  normalizedDataType: row.normalized_type,
  state: row.state,
  attempts: row.attempts,
  observedAt: row.observed_at.toISOString(),
  createdAt: row.created_at.toISOString(),
  ...(row.plan_id !== null && { planId: row.plan_id }),
  ...(row.reason !== null && { reason: row.reason }),
  ...(row.state === 'waiting' && { nextAttemptAt: row.next_attempt_at.toISOString() }),
  ...(row.delivered_at && { deliveredAt: row.delivered_at.toISOString() }),
  ...(row.detection_id !== null && { detectionId: row.detection_id }),
  ...(row.superseded_at && { supersededAt: row.superseded_at.toISOString() }),
});

const instantIn = (text: string): number | undefined => {
  const instant = parseInstant(text);
  return typeof instant === 'object' ? instant.epochMs : undefined;
};

const filterIn = (text: string): DetectionFilter => {
  try {
    return detectionFilterOf(text, instantIn);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw problem('invalid-request', { errors: [{ pointer: '/query/filters', code: 'invalid-filters', message: error.message }] });
  }
};

const notSupported = () => problem('not-supported');

const chartProblem = (error: unknown): unknown => {
  if (error instanceof Trouble) return problem('upstream-unavailable', { retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error });
  return error instanceof Refusal ? problem('upstream-invalid', { cause: error }) : error;
};

/** The patient whose detections are meant; throws for a service that asks for those of another one than it speaks for. */
const chartedPatient = (caller: Caller, query: { readonly _id?: string; readonly patientId?: string }): string | undefined => {
  const bound = boundPatient(caller);
  const foreign = (['_id', 'patientId'] as const).find((name) => query[name] !== undefined && bound !== undefined && query[name] !== bound);
  if (foreign !== undefined) throw problem('not-your-data', { errors: [{ pointer: `/query/${foreign}`, code: 'not-your-data', message: 'Ask for the patient you speak for.' }] });
  return bound ?? query._id ?? query.patientId;
};

type DetectionOperations = 'listPrototypes' | 'submitDetections' | 'getDetectionChartData' | 'listSubmissions' | 'replaySubmission' | 'replaySubmissions';

/** What goes to the Therapy and Monitoring Manager, and what it may be sent. */
export const detections = ({ prototypes, submissions, byId, submit, findDetections, audit }: DetectionDependencies): Pick<Handlers<Operations, Caller>, DetectionOperations> => ({
  listPrototypes: async () => ({ status: 200, body: await prototypes() }),
  submitDetections: async ({ caller, path, requestId }) => {
    const bound = boundPatient(caller);
    const sample = await byId(path._id.toLowerCase());
    const isThere = sample !== undefined && (bound === undefined || bound === sample.patient_id);
    if (!isThere || !['normalized', 'submitted', 'submission-failed'].includes(sample.state)) throw problem('not-found');
    if (submit === undefined) throw notSupported();
    const outcome = await submit(sample, { actor: actorOf(caller), requestId });
    if (outcome === 'waiting') throw problem('upstream-unavailable', { retryAfterSeconds: RETRY_AFTER_SECONDS });
    if (outcome === 'parked') throw problem('detection-refused');
    return { status: 200, body: outcome.detectionIds.map((_id) => ({ _id })) };
  },
  getDetectionChartData: async ({ caller, query, requestId }) => {
    const filter = filterIn(query.filters);
    const patientId = chartedPatient(caller, query);
    if (findDetections === undefined) throw notSupported();
    await audit({ patientId, actor: actorOf(caller), action: 'read', resource: 'detections', requestId });
    const found = await findDetections(filter, patientId).catch((error: unknown) => {
      throw chartProblem(error);
    });
    return { status: 200, body: chartOfDetections(found) };
  },
  listSubmissions: async ({ query: { state = 'parked', reason, patientId, planId, _l = 25, _sk = 0 } }) => ({
    status: 200,
    body: (await submissions.list({ state, reason, patientId, planId, limit: _l, skip: _sk })).map(toWire),
  }),
  replaySubmission: async ({ path, caller, requestId }) => {
    const outcome = await submissions.replay(path._id.toLowerCase(), { actor: actorOf(caller), requestId });
    if (outcome !== 'done') throw problem(outcome);
    return { status: 204 };
  },
  replaySubmissions: async ({ body, caller, requestId }) => ({ status: 202, body: { entries: await submissions.replayAll(body, { actor: actorOf(caller), requestId }) } }),
});
