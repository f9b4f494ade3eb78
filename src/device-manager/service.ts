import type { Logger } from 'pino';
import specification from '../../generated/device-manager.json' with { type: 'json' };
import type { Pool } from '../database/pool.ts';
import { inSnapshot, isUnavailable } from '../database/transaction.ts';
import type { Authenticators } from '../http/authentication.ts';
import { compileItemSchema } from '../http/item-schema.ts';
import type { GaugeSource } from '../http/metrics.ts';
import type { Handlers } from '../http/operation.ts';
import { isServiceToken, patientOf } from '../http/service-credential.ts';
import { createServiceServer } from '../http/service-server.ts';
import type { Service } from '../http/service.ts';
import { bearerOf } from '../http/request-credentials.ts';
import { loadSpec, type Spec } from '../http/spec.ts';
import { startRunner, type Tasks } from '../jobs/runner.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import type { Caller, Operations } from './caller.ts';
import { builtInTypes } from './catalogue/built-in-types.ts';
import { createCharts, type ChartedTypes } from './charts.ts';
import { createRenormalizer, type Renormalizer } from './renormalizing.ts';
import { createRuleBook, type RuleBook } from './rule-book.ts';
import { seriesName } from './domain/chart.ts';
import { prototypesOf } from './domain/prototype.ts';
import type { HealthDataType } from './domain/rule.ts';
import type { Pace } from './domain/submission.ts';
import { createEnrolment } from './enrolment.ts';
import { fhirProblems } from './fhir-outcome.ts';
import { charts } from './handlers/charts.ts';
import { healthDataTypes } from './handlers/health-data-types.ts';
import { renormalizations } from './handlers/renormalizations.ts';
import { detections } from './handlers/detections.ts';
import { devices } from './handlers/devices.ts';
import { fhir, type OpenFhir } from './handlers/fhir.ts';
import { healthDataSearch } from './handlers/health-data-search.ts';
import { healthData } from './handlers/health-data.ts';
import { inboxHandlers } from './handlers/inbox.ts';
import { ingestion } from './handlers/ingestion.ts';
import { senders } from './handlers/senders.ts';
import { createInbox } from './inbox.ts';
import { keepUpload } from './keeping.ts';
import { createNormalizer, type Normalizer } from './normalizing.ts';
import { createObservations } from './observations.ts';
import { createOutbox } from './outbox.ts';
import { openRecords } from './records.ts';
import { releaseQuarantine } from './releasing.ts';
import { senderAuthenticators } from './sender-authentication.ts';
import { createSenderTokens, type TokenIssuer } from './sender-tokens.ts';
import { issueApiKey } from './sender-keys.ts';
import { listApiKeys, revokeApiKey, senderOfKey } from './storage/api-key-table.ts';
import { recordAudit, type AuditEvent } from './storage/audit-table.ts';
import { countInbox } from './storage/inbox-table.ts';
import { searchDevices } from './storage/device-search.ts';
import { findDevices } from './storage/device-table.ts';
import { quarantinedSample } from './storage/quarantine-table.ts';
import { countSamples, findSamples } from './storage/sample-search.ts';
import { sampleById } from './storage/sample-table.ts';
import { countSubmissions } from './storage/submission-list.ts';
import { createSubmissions, submitNow } from './submissions.ts';
import { resumeSubmissions, submitDetections } from './submitting.ts';
import { connectTherapyMonitoring, type TherapyMonitoring } from './upstream/therapy-monitoring.ts';
import { connectOperators, type Operators } from './upstream/user-manager.ts';
import { keepReceived } from './webhook.ts';
import { submissionTasks, tasks } from './workers/tasks.ts';

/** Where a Therapy and Monitoring Manager is, and how patient we are with it. */
export interface TherapyMonitoringSettings {
  readonly url: string;
  readonly token: string | undefined;
  readonly timeoutMs: number;
  readonly pace: Pace;
}

/** What the Device Manager stands on. */
export interface DeviceManagerDependencies {
  readonly pool: Pool;
  /** Connections of the jobs' own, so that requests cannot starve them. */
  readonly jobPool: Pool;
  readonly keyRing: KeyRing;
  readonly log: Logger;
  readonly version: string;
  /** Accepted service credentials: the present one, and the previous one while rotating. */
  readonly serviceTokens: readonly string[];
  readonly userManagerUrl: string;
  /** Whose JWT open the webhook. */
  readonly tokenIssuers: readonly TokenIssuer[];
  /** Addresses and networks of proxies whose word about TLS counts. */
  readonly trustedProxies: readonly string[];
  /** The header, in lower case, in which a service names the patient. */
  readonly userIdHeader: string;
  /** Where detections go; undefined where nothing is submitted. */
  readonly therapyMonitoring: TherapyMonitoringSettings | undefined;
  /** Names of the background jobs that run in this process. */
  readonly jobs: readonly string[];
  readonly validateResponses?: boolean;
}

const targetsIn = ({ observations }: HealthDataType) => observations.flatMap((rule) => ('event' in rule ? [] : rule.targets));

/** The types of all versions, for old records stay. */
const typesOf = async (ruleBook: RuleBook) => (await ruleBook.current()).versions.map(({ type }) => type);

/** What charts know of the rules: their types, and the series whose values add up. */
const chartedTypes = async (ruleBook: RuleBook): Promise<ChartedTypes> => {
  const types = await typesOf(ruleBook);
  const cumulative = types.flatMap(targetsIn).filter((target) => target.cumulative === true).map(({ code, unitCode }) => seriesName(code, unitCode));
  return { normalizedTypes: [...new Set(types.map(({ normalizedDataType }) => normalizedDataType))], cumulative: new Set(cumulative) };
};

/** How long a request waits for the background to submit; proxies give up later. */
const SUBMIT_WAIT_MS = 8_000;

const authenticators = ({ pool, serviceTokens, userIdHeader, tokenIssuers, trustedProxies }: DeviceManagerDependencies, operators: Operators): Authenticators<Caller> => ({
  serviceCredential: ({ headers }) => {
    if (!isServiceToken(bearerOf(headers), serviceTokens)) return Promise.resolve(null);
    const patientId = patientOf(headers[userIdHeader]);
    return Promise.resolve({ kind: 'service', ...(patientId !== undefined && { patientId }) });
  },
  operatorCredential: async ({ headers }) => {
    const token = bearerOf(headers);
    const userId = token === undefined ? undefined : await operators.operatorOf(token);
    return userId === undefined ? null : { kind: 'operator', userId };
  },
  ...senderAuthenticators({ senderOfKey: (key) => senderOfKey(pool, key), tokens: createSenderTokens(tokenIssuers), trustedProxies }),
});

const enrolledDevices = async (pool: Pool, patientId: string) => {
  const rows = await findDevices(pool, { assignedPatientId: patientId, provider: 'healthkit', limit: 1000, skip: 0 });
  return rows.map(({ _id, device_id }) => ({ _id, deviceId: device_id }));
};

/** What normalizes, and by which rules. */
interface Normalization {
  readonly ruleBook: RuleBook;
  readonly normalizer: Normalizer;
  readonly renormalizer: Renormalizer;
}

/** What is made of normalized values: charts, resources of FHIR, detections; and the rules themselves. */
const handlersOfNormalized = ({ pool, keyRing, version }: DeviceManagerDependencies, { ruleBook, renormalizer }: Normalization, receiver: TherapyMonitoring | undefined) => {
  const audit = (event: AuditEvent) => recordAudit(pool, event);
  return {
    ...charts(createCharts(pool, keyRing, () => chartedTypes(ruleBook))),
    ...healthDataTypes({ ruleBook, audit }),
    ...renormalizations(renormalizer),
    ...fhir({ version, observations: createObservations(pool, keyRing, () => typesOf(ruleBook)).page, devices: (search) => searchDevices(pool, search), audit }),
    ...detections({
      prototypes: async () => prototypesOf(await typesOf(ruleBook)),
      submissions: createSubmissions(pool),
      byId: (_id) => sampleById(pool, _id),
      submit: receiver && ((sample, act) => submitNow(pool, keyRing, sample, act, SUBMIT_WAIT_MS)),
      findDetections: receiver?.find,
      audit,
    }),
  };
};

const handlersOf = (dependencies: DeviceManagerDependencies, spec: Spec, normalization: Normalization, receiver: TherapyMonitoring | undefined) => {
  const { pool, keyRing, userIdHeader, log } = dependencies;
  const { ruleBook, normalizer } = normalization;
  const audit = (event: AuditEvent) => recordAudit(pool, event);
  return {
    ...devices({ enrolment: createEnrolment(pool), findDevices: (filter) => findDevices(pool, filter) }),
    ...ingestion({
      userIdHeader,
      checkShape: compileItemSchema(spec, 'receiveHealthKit'),
      enrolled: (patientId) => enrolledDevices(pool, patientId),
      keepUpload: (upload) => keepUpload(pool, keyRing, upload),
      keepReceived: (received) => keepReceived(pool, keyRing, received, (reason) => log.warn({ kind: 'quarantined', reason }, 'a delivery entered the inbox')),
    }),
    ...healthData({
      byId: (_id) => sampleById(pool, _id),
      // A release takes row and key away together; reading sees both or neither.
      quarantined: (_id) => inSnapshot(pool, (client) => quarantinedSample(client, _id, (payloadId) => keyRing.knownKeysOf(client, `quarantine:${payloadId}`))),
      open: (samples, withRawData) => openRecords(pool, keyRing, samples, withRawData),
      normalizeAgain: (sample) => normalizer.normalize(sample.patient_id, sample.payload_id, { only: sample._id }),
      audit,
    }),
    ...healthDataSearch({
      knownTypes: async () => (await chartedTypes(ruleBook)).normalizedTypes,
      find: (page) => findSamples(pool, page),
      count: (filter) => countSamples(pool, filter),
      open: (samples, withRawData) => openRecords(pool, keyRing, samples, withRawData),
      audit,
    }),
    ...senders({
      list: () => listApiKeys(pool), issue: (wanted) => issueApiKey(pool, wanted), revoke: (id) => revokeApiKey(pool, id), audit,
    }),
    ...inboxHandlers(createInbox(pool, keyRing)),
    ...handlersOfNormalized(dependencies, normalization, receiver),
  } satisfies Handlers<Operations, Caller, OpenFhir>;
};

/** What waits for a person, for alarms. */
const inboxGauge = (pool: Pool): GaugeSource => ({
  name: 'vitalgate_inbox_entries', help: 'Deliveries and samples that went no further, by kind and reason.', labelNames: ['kind', 'reason'],
  read: async () => (await countInbox(pool)).map(({ kind, reason, entries }) => ({ labels: { kind, reason }, value: entries })),
});

/** What has not reached the Therapy and Monitoring Manager. */
const submissionGauge = (pool: Pool): GaugeSource => ({
  name: 'vitalgate_submissions', help: 'Submissions to the Therapy and Monitoring Manager that have not arrived, by state and reason.', labelNames: ['state', 'reason'],
  read: async () => (await countSubmissions(pool)).map(({ state, reason, submissions }) => ({ labels: { state, reason }, value: submissions })),
});

interface Jobs {
  readonly stop: () => Promise<void>;
}

const startChosen = ({ jobPool: pool, log, jobs }: DeviceManagerDependencies, all: Tasks, pollMs?: number): Promise<Jobs> | undefined => {
  const chosen = Object.fromEntries(Object.entries(all).filter(([name]) => jobs.includes(name)));
  return Object.keys(chosen).length === 0 ? undefined : startRunner({ pool, tasks: chosen, log, ...(pollMs !== undefined && { pollMs }) });
};

/** Submissions have workers of their own: while another service lets us wait, samples are normalized. */
const startJobs = async (dependencies: DeviceManagerDependencies, { normalizer, renormalizer }: Normalization, receiver: TherapyMonitoring | undefined): Promise<Jobs> => {
  const { jobPool: pool, keyRing, log, therapyMonitoring } = dependencies;
  let isStopping = false;
  const started = [await startChosen(dependencies, tasks(normalizer, renormalizer, (waiting) => releaseQuarantine(pool, keyRing, waiting)))];
  if (receiver && therapyMonitoring) {
    const onParked = (reason: string, submissions: number) => log.warn({ kind: 'submission-parked', reason, submissions }, 'submissions were parked');
    const submitting = { pool, keyRing, receiver, pace: therapyMonitoring.pace, onParked, isStopping: () => isStopping };
    started.push(await startChosen(dependencies, submissionTasks((patientId) => submitDetections(submitting, patientId)), Math.min(therapyMonitoring.pace.firstWaitMs, 2_000)));
    await resumeSubmissions(pool);
  }
  return {
    stop: async () => {
      isStopping = true;
      await Promise.all(started.map(async (runner) => runner?.stop()));
    },
  };
};

/** Puts the Device Manager together and starts its jobs; tables and keys must be ready. Throws when a rule cannot work. */
export const createDeviceManager = async (dependencies: DeviceManagerDependencies): Promise<Service> => {
  const { pool, keyRing, log, version, userManagerUrl, therapyMonitoring, validateResponses = false } = dependencies;
  const spec = loadSpec(specification);
  const operators = connectOperators(userManagerUrl);
  const receiver = therapyMonitoring && connectTherapyMonitoring(therapyMonitoring);
  const [ruleBook, outbox] = [createRuleBook(pool, builtInTypes), createOutbox(receiver !== undefined)];
  const normalizer = createNormalizer(dependencies.jobPool, keyRing, ruleBook, outbox, (reason, samples) => log.warn({ kind: 'failed', reason, samples }, 'samples entered the inbox'));
  const normalization = { ruleBook, normalizer, renormalizer: createRenormalizer(dependencies.jobPool, keyRing, ruleBook) };
  const database = () => pool.query('select 1');
  const server = createServiceServer<Caller>({
    name: 'device-manager', version, spec, log, validateResponses,
    handlers: handlersOf(dependencies, spec, normalization, receiver),
    authenticators: authenticators(dependencies, operators),
    ready: async () => (await database()).rowCount === 1,
    checkUp: { database, ...(receiver && { 'therapy-monitoring': receiver.probe }) },
    isDatabaseUnavailable: isUnavailable,
    problemForms: [fhirProblems],
    gauges: [inboxGauge(pool), submissionGauge(pool)],
  });
  const runner = await startJobs(dependencies, normalization, receiver);
  return {
    name: 'device-manager',
    listen: server.listen,
    stop: async () => {
      await server.close();
      await runner.stop();
      await receiver?.close();
      await operators.close();
    },
  };
};
