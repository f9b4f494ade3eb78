import type { Monitoring, NewDetection, paths } from '../../../generated/therapy-monitoring.d.ts';
import specification from '../../../generated/therapy-monitoring.json' with { type: 'json' };
import { ProblemError } from '../../http/problem.ts';
import { createUpstream, type Upstream } from '../../http/upstream.ts';
import type { DetectionFilter } from '../domain/detection-filter.ts';
import { endOf, startOf, type Plan } from '../domain/plan.ts';
import { Refusal, Trouble, type Detection, type WrittenDetection } from '../domain/submission.ts';

/** What is asked of a Therapy and Monitoring Manager. Every call throws Refusal for what it does not take, and Trouble for anything else. */
export interface TherapyMonitoring {
  /** All plans of a patient for a prototype, active or not. */
  readonly plansOf: (patientId: string, prototypeId: string) => Promise<Plan[]>;
  /** Writes one or many in their order; answers identifiers by key. A refusal of many does not say what became of the others. */
  readonly write: (detections: readonly Detection[]) => Promise<Map<string, string>>;
  /** What it has under a plan at some instants. */
  readonly writtenAt: (planId: string, instants: readonly Date[]) => Promise<WrittenDetection[]>;
  /** What it has by filter, at most 10000, the newest first. */
  readonly find: (filter: DetectionFilter, patientId: string | undefined) => Promise<WrittenDetection[]>;
  /** Asks what it must be able to answer whenever it can take anything. */
  readonly probe: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const PAGE = 200;
const MOST_DETECTIONS = 10_000;

/** Reasons for which there is no use in asking whether it is there. */
const reasonOf: Readonly<Record<number, string>> = { 401: 'credential-refused', 403: 'credential-refused', 408: 'tmm-unavailable', 429: 'too-many-requests' };

interface Refused {
  readonly error?: unknown;
  readonly message?: unknown;
}

/** A refusal has a JSON body of its own; the page of a proxy has none, and says nothing about what was sent. */
const isTold = (error: unknown): error is Refused => typeof error === 'object' && error !== null && ('message' in error || 'error' in error);

const refusalOf = (status: number, { error = '' }: Refused): string | undefined => {
  if (status === 404) return typeof error === 'string' && /prototype/i.test(error) ? 'prototype-unknown' : undefined;
  if (status === 413) return 'too-large';
  if (status === 400 && typeof error === 'string' && /detection not valid/i.test(error)) return 'value-refused';
  return [400, 409, 422].includes(status) ? 'detection-refused' : undefined;
};

/** 4xx turns a request away, but for those that say that it took too long. An answer of 5xx can be a gateway's, or that of one of many that are being written. */
const tooLong = new Set([408, 499]);

const failureOf = ({ status, headers }: Response, error: unknown): Error => {
  const waitMs = 1000 * Number(/^\d{1,6}$/.exec(headers.get('retry-after') ?? '')?.[0] ?? 0);
  const refusal = isTold(error) ? refusalOf(status, error) : undefined;
  const isOver = status >= 400 && status <= 499 && !tooLong.has(status);
  return refusal === undefined ? new Trouble(reasonOf[status] ?? 'tmm-answer-invalid', { waitMs, isOver }) : new Refusal(refusal);
};

/** Of the system and the client: there was no connection over which anything could have been sent. */
const unconnected = new Set<unknown>(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

const isUnconnected = (error: unknown): boolean => typeof error === 'object' && error !== null && (('code' in error && unconnected.has(error.code)) || ('cause' in error && isUnconnected(error.cause)));

const troubleOf = (error: unknown): unknown => {
  if (!(error instanceof ProblemError)) return error;
  return new Trouble(error.code === 'upstream-invalid' ? 'tmm-answer-invalid' : 'tmm-unavailable', { isOver: isUnconnected(error), cause: error });
};

/** The body of a success; throws Refusal or Trouble otherwise. */
const answered = async <Body>(call: Promise<{ data?: unknown; error?: unknown; response: Response }>): Promise<Body> => {
  const { data, error, response } = await call.catch((failure: unknown) => {
    throw troubleOf(failure);
  });
  if (data === undefined) throw failureOf(response, error);
  return data as Body;
};

/** Asks page after page until one is not full. */
const pages = async <Row>(most: number, ask: (page: { _l: number; _sk: number }) => Promise<readonly Row[]>): Promise<Row[]> => {
  const rows: Row[] = [];
  for (let full = true; full && rows.length < most; ) {
    const page = await ask({ _l: PAGE, _sk: rows.length });
    rows.push(...page);
    full = page.length === PAGE;
  }
  return rows;
};

const planOf = ({ _id, startDate, endDate, assignedDevices }: Monitoring): Plan => ({ planId: _id, start: startOf(startDate), end: endOf(endDate), devices: assignedDevices ?? [] });

const wireOf = ({ planId, patientId, deviceId, observedAt, value }: Detection): NewDetection => ({
  planType: 'monitoring', planId, patientId, deviceId, observedAt: observedAt.toISOString(), value: value as unknown as NewDetection['value'],
});

interface Written {
  readonly _id: string;
  readonly deviceId?: string | null;
  readonly observedAt: string;
  readonly value?: unknown;
}
const writtenOf = ({ _id, deviceId, observedAt, value }: Written): WrittenDetection => ({ detectionId: _id, deviceId: deviceId ?? undefined, observedAt: Date.parse(observedAt), value });

const writer = (client: Upstream<paths>, headers: Readonly<Record<string, string>>): TherapyMonitoring['write'] => async (detections) => {
  const [first, ...others] = detections;
  if (first === undefined) return new Map();
  const keyed = { params: { header: { 'Idempotency-Key': detections.map(({ key }) => key).join(',') } }, headers };
  const created = others.length === 0
    ? [await answered<{ _id: string }>(client.POST('/detections/', { ...keyed, body: wireOf(first) }))]
    : await answered<readonly { _id: string }[]>(client.POST('/detections/bulk', { ...keyed, body: detections.map(wireOf) }));
  if (created.length !== detections.length) throw new Trouble('tmm-answer-invalid');
  return new Map(detections.map(({ key }, index) => [key, created[index]?._id ?? '']));
};

const conditionOf = ({ deviceId, observed }: DetectionFilter, patientId: string | undefined): string =>
  JSON.stringify({ $and: [...observed.map(({ operator, at }) => ({ observedAt: { [operator]: new Date(at).toISOString() } })), ...(deviceId === undefined ? [] : [{ deviceId }]), ...(patientId === undefined ? [] : [{ patientId }])] });

/** Connects to a Therapy and Monitoring Manager; nothing is sent twice by itself. */
export const connectTherapyMonitoring = ({ url, token, timeoutMs }: { readonly url: string; readonly token: string | undefined; readonly timeoutMs: number }): TherapyMonitoring => {
  const client = createUpstream<paths>({ baseUrl: url, spec: specification, timeoutMs, maxBytes: 32 * 1_048_576 });
  const headers: Readonly<Record<string, string>> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const detections = (planId: string, _q: string | undefined, _s: string, most: number): Promise<Written[]> =>
    pages(most, (page) => answered(client.GET('/detections/', { params: { query: { planId, ...(_q !== undefined && { _q }), _s, ...page } }, headers })));
  return {
    plansOf: async (patientId, prototypeId) =>
      (await pages<Monitoring>(MOST_DETECTIONS, (page) => answered(client.GET('/monitorings/', { params: { query: { patientId, prototypeId, _s: '_id', ...page } }, headers }))))
        // A service that ignores what it does not know must not give one patient's data to another's plan.
        .filter((plan) => plan.patientId === patientId && plan.prototypeId === prototypeId).map(planOf),
    write: writer(client, headers),
    writtenAt: async (planId, instants) =>
      (await detections(planId, JSON.stringify({ observedAt: { $in: [...new Set(instants.map((at) => at.toISOString()))] } }), '_id', MOST_DETECTIONS)).map(writtenOf),
    find: async (filter, patientId) => {
      const isAll = filter.observed.length === 0 && filter.deviceId === undefined && patientId === undefined;
      return (await detections(filter.planId, isAll ? undefined : conditionOf(filter, patientId), '-observedAt,_id', MOST_DETECTIONS)).map(writtenOf);
    },
    probe: async () => {
      await answered(client.GET('/monitorings/', { params: { query: { _l: 1 } }, headers }));
    },
    close: client.close,
  };
};
