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
import { startRunner } from '../jobs/runner.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import type { Caller, Operations } from './caller.ts';
import { builtInTypes } from './catalogue/built-in-types.ts';
import { createCharts, type ChartedTypes } from './charts.ts';
import { createRenormalizer, type Renormalizer } from './renormalizing.ts';
import { createRuleBook, type RuleBook } from './rule-book.ts';
import { seriesName } from './domain/chart.ts';
import type { HealthDataType } from './domain/rule.ts';
import { createEnrolment } from './enrolment.ts';
import { fhirProblems } from './fhir-outcome.ts';
import { charts } from './handlers/charts.ts';
import { healthDataTypes } from './handlers/health-data-types.ts';
import { renormalizations } from './handlers/renormalizations.ts';
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
import { connectOperators, type Operators } from './upstream/user-manager.ts';
import { keepReceived } from './webhook.ts';
import { tasks } from './workers/tasks.ts';

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

const handlersOf = ({ pool, keyRing, userIdHeader, log, version }: DeviceManagerDependencies, spec: Spec, { ruleBook, normalizer, renormalizer }: Normalization) => {
  const charted = () => chartedTypes(ruleBook);
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
      knownTypes: async () => (await charted()).normalizedTypes,
      find: (page) => findSamples(pool, page),
      count: (filter) => countSamples(pool, filter),
      open: (samples, withRawData) => openRecords(pool, keyRing, samples, withRawData),
      audit,
    }),
    ...senders({
      list: () => listApiKeys(pool), issue: (wanted) => issueApiKey(pool, wanted), revoke: (id) => revokeApiKey(pool, id), audit,
    }),
    ...inboxHandlers(createInbox(pool, keyRing)),
    ...charts(createCharts(pool, keyRing, charted)),
    ...healthDataTypes({ ruleBook, audit }),
    ...renormalizations(renormalizer),
    ...fhir({ version, observations: createObservations(pool, keyRing, () => typesOf(ruleBook)).page, devices: (search) => searchDevices(pool, search), audit }),
  } satisfies Handlers<Operations, Caller, OpenFhir>;
};

/** What waits for a person, for alarms. */
const inboxGauge = (pool: Pool): GaugeSource => ({
  name: 'vitalgate_inbox_entries', help: 'Deliveries and samples that went no further, by kind and reason.', labelNames: ['kind', 'reason'],
  read: async () => (await countInbox(pool)).map(({ kind, reason, entries }) => ({ labels: { kind, reason }, value: entries })),
});

const startJobs = ({ jobPool: pool, keyRing, log, jobs }: DeviceManagerDependencies, { normalizer, renormalizer }: Normalization) => {
  const all = tasks(normalizer, renormalizer, (waiting) => releaseQuarantine(pool, keyRing, waiting));
  const chosen = Object.fromEntries(Object.entries(all).filter(([name]) => jobs.includes(name)));
  return Object.keys(chosen).length === 0 ? undefined : startRunner({ pool, tasks: chosen, log });
};

/** Puts the Device Manager together and starts its jobs; tables and keys must be ready. Throws when a rule cannot work. */
export const createDeviceManager = async (dependencies: DeviceManagerDependencies): Promise<Service> => {
  const { pool, keyRing, log, version, userManagerUrl, validateResponses = false } = dependencies;
  const spec = loadSpec(specification);
  const operators = connectOperators(userManagerUrl);
  const ruleBook = createRuleBook(pool, builtInTypes);
  const normalizer = createNormalizer(dependencies.jobPool, keyRing, ruleBook, (reason, samples) => log.warn({ kind: 'failed', reason, samples }, 'samples entered the inbox'));
  const normalization = { ruleBook, normalizer, renormalizer: createRenormalizer(dependencies.jobPool, keyRing, ruleBook) };
  const database = () => pool.query('select 1');
  const server = createServiceServer<Caller>({
    name: 'device-manager', version, spec, log, validateResponses,
    handlers: handlersOf(dependencies, spec, normalization),
    authenticators: authenticators(dependencies, operators),
    ready: async () => (await database()).rowCount === 1,
    checkUp: { database },
    isDatabaseUnavailable: isUnavailable,
    problemForms: [fhirProblems],
    gauges: [inboxGauge(pool)],
  });
  const runner = await startJobs(dependencies, normalization);
  return {
    name: 'device-manager',
    listen: server.listen,
    stop: async () => {
      await server.close();
      await runner?.stop();
      await operators.close();
    },
  };
};
