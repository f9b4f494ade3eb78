import specification from '../../generated/device-manager.json' with { type: 'json' };
import { startChainer } from '../audit/chainer.ts';
import { createRefusalRecorder } from '../audit/refusal-recorder.ts';
import { isUnavailable } from '../database/transaction.ts';
import { createTrust } from '../http/request-source.ts';
import { createServiceServer } from '../http/service-server.ts';
import type { TurnLimits } from '../http/turns.ts';
import type { Service } from '../http/service.ts';
import type { ProblemCode } from '../http/problem.ts';
import { loadSpec } from '../http/spec.ts';
import { SealBrokenError } from '../keys/cipher.ts';
import { MasterKeyMissingError } from '../keys/wrapping.ts';
import { auditGauges } from '../metrics/audit-gauges.ts';
import type { GaugeSource } from '../metrics/gauge.ts';
import { jobGauges } from '../metrics/job-gauges.ts';
import { poolGauges } from '../metrics/pool-gauges.ts';
import { authenticators } from './authentication.ts';
import { actorOf, boundPatient, type Caller } from './caller.ts';
import { builtInTypes } from './catalogue/built-in-types.ts';
import type { DeviceManagerDependencies } from './dependencies.ts';
import { fhirProblems } from './fhir-outcome.ts';
import { inboxGauges, normalizationGauge, submissionGauge } from './gauges.ts';
import { createNormalizer } from './normalizing.ts';
import { handlersOf } from './operation-handlers.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { createRenormalizer, type Renormalizer } from './renormalization-runs.ts';
import { recordEntry } from './storage/audit-table.ts';
import { createRuleBook, type RuleBook } from './rule-book.ts';
import { connectTherapyMonitoring } from './upstream/therapy-monitoring.ts';
import { applyErasures } from './patients/applying-erasures.ts';
import { openErasureJournal, type ErasureJournal } from './patients/erasure-journal.ts';
import { eraseReturnedAccounts } from './patients/returned-accounts.ts';
import { exportSources } from './patients/sources.ts';
import type { WaitingSources } from './patients/waiting-readings.ts';
import { connectAccounts, connectOperators, type Accounts } from './upstream/user-manager.ts';
import { startJobs, type ErasingJobs } from './workers/start.ts';
import { taskNames } from './workers/tasks.ts';

const refusalRules = {
  actorOf, patientOf: boundPatient, special: {},
  uploads: new Set(['receiveHealthKit', 'receiveHealthKitInFormat', 'receiveMedisante', 'receiveMedisanteInFormat']), namesPerson: new Set(['exportPatient', 'erasePatient', 'getErasure', 'startPatientExport', 'listPatientExports', 'getPatientExport', 'downloadPatientExport']),
};
const keyProblemOf = (error: unknown): ProblemCode | undefined =>
  error instanceof SealBrokenError ? 'data-unreadable' : error instanceof MasterKeyMissingError ? 'keys-unavailable' : undefined;

const turns: readonly TurnLimits[] = [
  { operations: ['receiveHealthKit', 'receiveHealthKitInFormat', 'deleteHealthKitSamples', 'receiveMedisante', 'receiveMedisanteInFormat'], atOnce: 16, waiting: 128 },
];

/** A database that is older than the journal was restored: whoever was erased since is erased before anybody can ask. */
const openedJournal = async ({ pool, keyRing, log, erasureJournal }: DeviceManagerDependencies): Promise<ErasureJournal> => {
  const journal = openErasureJournal(erasureJournal, pool, keyRing);
  const { begun } = await applyErasures(pool, keyRing, await journal.read());
  if (begun.length > 0) log.warn({ kind: 'erasures-applied', patients: begun.length }, 'the database is older than the erasure journal: patients are erased again');
  return journal;
};

const renormalizerOf = ({ jobPool: pool, keyRing, log }: DeviceManagerDependencies, ruleBook: RuleBook, outbox: Outbox): Renormalizer =>
  createRenormalizer({ pool, keyRing, ruleBook, outbox, onUnreadable: (payloads) => log.error({ kind: 'unreadable', where: 'renormalization', payloads }, 'a run over kept samples left out payloads of which something sealed does not open') });

const waitingSources = ({ jobPool: pool, keyRing, log }: DeviceManagerDependencies): WaitingSources =>
  ({ pool, keyRing, onUnreadable: (delivery) => log.error({ kind: 'unreadable', where: 'quarantine', delivery }, 'a delivery that waits does not open and was passed over') });

const erasingOf = (dependencies: DeviceManagerDependencies, journal: ErasureJournal, accounts: Accounts): ErasingJobs => {
  const { jobPool: pool, keyRing, backupDays, customUserIdKey = '_id' } = dependencies;
  const returning = { pool, keyRing, accounts, isIdentifierForGood: customUserIdKey === '_id' };
  return { ...waitingSources(dependencies), journal, eraseAccount: accounts.erase, backupDays, eraseReturned: () => eraseReturnedAccounts(returning) };
};

const ruleBookOf = ({ pool, log }: DeviceManagerDependencies): RuleBook =>
  createRuleBook(pool, builtInTypes, (displaced) => log.warn({ kind: 'rule-displaced', ...displaced }, 'a built-in rule leaves a data type to a rule of this installation'));

const gaugesOf = ({ pool, jobPool, gauges = [] }: DeviceManagerDependencies): readonly GaugeSource[] => [
  ...gauges, ...poolGauges({ requests: pool, jobs: jobPool }), ...jobGauges(pool, taskNames), normalizationGauge(pool), ...inboxGauges(pool), submissionGauge(pool),
  ...auditGauges(pool, 'device_manager'),
];

/** Puts the Device Manager together and starts its jobs; tables and keys must be ready. Throws when a rule cannot work. */
export const createDeviceManager = async (dependencies: DeviceManagerDependencies): Promise<Service> => {
  const { pool, keyRing, masterKeyFault, log, version, userManagerUrl, therapyMonitoring, validateResponses = false, warmUp = true } = dependencies;
  const spec = loadSpec(specification);
  const operators = connectOperators(userManagerUrl, dependencies.serviceTokens[0] ?? '');
  const accounts = connectAccounts(userManagerUrl, dependencies.serviceTokens[0] ?? '', dependencies.customUserIdKey);
  const receiver = therapyMonitoring && connectTherapyMonitoring(therapyMonitoring);
  const [ruleBook, outbox] = [ruleBookOf(dependencies), createOutbox(receiver !== undefined)];
  const normalizer = createNormalizer(dependencies.jobPool, keyRing, ruleBook, outbox, (reason, samples) => log.warn({ kind: 'failed', reason, samples }, 'samples entered the inbox'));
  const normalization = { ruleBook, normalizer, renormalizer: renormalizerOf(dependencies, ruleBook, outbox) };
  const database = () => pool.query('select 1');
  const server = createServiceServer<Caller>({
    name: 'device-manager', version, spec, log, validateResponses, warmUp,
    handlers: handlersOf(dependencies, spec, normalization, receiver),
    authenticators: authenticators(dependencies, operators), turns,
    ready: async () => (await masterKeyFault()) ?? (await database()).rowCount === 1,
    checkUp: { database, ...(receiver && { 'therapy-monitoring': receiver.probe }) },
    isDatabaseUnavailable: isUnavailable,
    isPublicHttps: dependencies.isPublicHttps === true, isOurs: createTrust(dependencies),
    codeOf: keyProblemOf,
    problemForms: [fhirProblems],
    auditRefusal: createRefusalRecorder(refusalRules, (entry) => recordEntry(pool, entry), log),
    gauges: gaugesOf(dependencies),
  });
  const erasing = erasingOf(dependencies, await openedJournal(dependencies), accounts);
  const sources = exportSources({ ...erasing, version }, ruleBook, { accountOf: accounts.exportOf, accountAudit: accounts.auditOf });
  const runner = await startJobs(dependencies, normalization, receiver, sources, erasing);
  const chainer = dependencies.jobs.includes('chain-audit') ? startChainer(dependencies.jobPool, 'device_manager', log) : undefined;
  return {
    name: 'device-manager',
    listen: server.listen,
    stop: async () => {
      await server.close();
      await chainer?.stop();
      await runner.stop();
      await receiver?.close();
      await operators.close();
      await accounts.close();
    },
  };
};
