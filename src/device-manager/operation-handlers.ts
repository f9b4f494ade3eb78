import { findAudit } from '../audit/finding.ts';
import type { Pool } from '../database/pool.ts';
import { inSnapshot } from '../database/transaction.ts';
import { compileItemSchema } from '../http/item-schema.ts';
import type { Handlers } from '../http/operation.ts';
import type { Spec } from '../http/spec.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { demandAdmitted } from './admitting.ts';
import type { Caller, Operations } from './caller.ts';
import { backgroundJobs } from './background-jobs.ts';
import { chartedTypes, typesOf } from './charted-types.ts';
import { createCharts } from './charts.ts';
import type { DeviceManagerDependencies, Normalization } from './dependencies.ts';
import { hasRule } from './domain/normalization.ts';
import { prototypesOf } from './domain/prototype.ts';
import { deleteSamples } from './deleting.ts';
import { createEnrolment } from './enrolment.ts';
import { audit as auditHandlers } from './handlers/audit.ts';
import { backgroundJobHandlers } from './handlers/background-jobs.ts';
import { charts } from './handlers/charts.ts';
import { deletions } from './handlers/deletions.ts';
import { detections } from './handlers/detections.ts';
import { devices } from './handlers/devices.ts';
import { erasures } from './handlers/erasures.ts';
import { fhir, type OpenFhir } from './handlers/fhir.ts';
import { healthDataSearch } from './handlers/health-data-search.ts';
import { healthDataTypes } from './handlers/health-data-types.ts';
import { healthData } from './handlers/health-data.ts';
import { inboxHandlers } from './handlers/inbox.ts';
import { patientExports } from './handlers/patient-exports.ts';
import { ingestion } from './handlers/ingestion.ts';
import { renormalizations } from './handlers/renormalizations.ts';
import { senders } from './handlers/senders.ts';
import { uploads } from './handlers/uploads.ts';
import { createInbox } from './inbox.ts';
import { keepUpload } from './keeping.ts';
import { createClinicalRecords } from './clinical-records.ts';
import { createObservations } from './observations.ts';
import { findErasure, startErasure } from './patients/erasing.ts';
import { createPatientExports } from './patients/exporting.ts';
import { openRecords } from './records.ts';
import { recordRefusal } from './refusing.ts';
import type { RuleBook } from './rule-book.ts';
import { endApiKey, issueApiKey } from './sender-keys.ts';
import { listApiKeys } from './storage/api-key-table.ts';
import { recordAudit, recordEntry, recordReading, type AuditEvent } from './storage/audit-table.ts';
import { searchDevices } from './storage/device-search.ts';
import { findDevices } from './storage/device-table.ts';
import { quarantinedSample } from './storage/quarantine-table.ts';
import { countSamples, findSamples } from './storage/sample-search.ts';
import { latestRefusals } from './storage/sample-refusal-table.ts';
import { sampleById } from './storage/sample-table.ts';
import { latestUploads, uploadProgress } from './storage/upload-progress.ts';
import { createSubmissions, submitNow } from './submissions.ts';
import type { TherapyMonitoring } from './upstream/therapy-monitoring.ts';
import { keepReceived } from './webhook.ts';

/** How long a request waits for the background to submit; proxies give up later. */
const SUBMIT_WAIT_MS = 8_000;

const enrolledDevices = async (pool: Pool, keyRing: KeyRing, patientId: string) => {
  const rows = await findDevices(pool, { assignedPatientId: patientId, provider: 'healthkit', limit: 1000, skip: 0 });
  if (rows.length === 0) await demandAdmitted(pool, keyRing, patientId);
  return rows.map(({ _id, device_id }) => ({ _id, deviceId: device_id }));
};

/** What is made of normalized values: charts, resources of FHIR, detections; and the rules themselves. */
const handlersOfNormalized = ({ pool, keyRing, version }: DeviceManagerDependencies, { ruleBook, renormalizer }: Normalization, receiver: TherapyMonitoring | undefined) => {
  const audit = (event: AuditEvent) => recordAudit(pool, event);
  return {
    ...charts(createCharts(pool, keyRing, () => chartedTypes(ruleBook))),
    ...healthDataTypes({ ruleBook }),
    ...renormalizations(renormalizer),
    ...fhir({
      version, observations: createObservations(pool, keyRing, () => typesOf(ruleBook)).page, devices: (search) => searchDevices(pool, search),
      clinicalRecords: createClinicalRecords(pool, keyRing), audit, auditReading: (reading, patientIds) => recordReading(pool, reading, patientIds),
    }),
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

/** What comes in, and is kept before it is answered. */
const handlersOfIngestion = ({ pool, keyRing, userIdHeader, log }: DeviceManagerDependencies, spec: Spec, ruleBook: RuleBook) =>
  ingestion({
    userIdHeader,
    checkShape: compileItemSchema(spec, 'receiveHealthKit'),
    enrolled: (patientId) => enrolledDevices(pool, keyRing, patientId),
    supported: async () => {
      const { rules } = await ruleBook.current();
      return (dataType) => hasRule(rules, 'healthkit', dataType);
    },
    deleteSamples: (deletion) => deleteSamples(pool, keyRing, deletion),
    keepUpload: (upload) => keepUpload(pool, keyRing, upload),
    keepReceived: (received) => keepReceived(pool, keyRing, received, (reason) => log.warn({ kind: 'quarantined', reason }, 'a delivery entered the inbox')),
  });

/** A handler for each operation of the contract. */
export const handlersOf = (dependencies: DeviceManagerDependencies, spec: Spec, normalization: Normalization, receiver: TherapyMonitoring | undefined) => {
  const { pool, keyRing, userIdHeader } = dependencies;
  const { ruleBook, normalizer } = normalization;
  const audit = (event: AuditEvent) => recordAudit(pool, event);
  return {
    ...devices({ enrolment: createEnrolment(pool, keyRing), findDevices: (filter) => findDevices(pool, filter) }),
    ...handlersOfIngestion(dependencies, spec, ruleBook),
    ...deletions({ userIdHeader, deleteSamples: (deletion) => deleteSamples(pool, keyRing, deletion) }),
    ...uploads({
      progressOf: (uploadId) => uploadProgress(pool, uploadId), latest: (patientId, limit) => latestUploads(pool, patientId, limit),
      refusals: (patientId, limit) => latestRefusals(pool, patientId, limit),
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
      audit: (reading, patientIds) => recordReading(pool, reading, patientIds),
    }),
    ...senders({
      list: () => listApiKeys(pool), issue: (wanted, act) => issueApiKey(pool, wanted, act), revoke: (id, act) => endApiKey(pool, id, act),
    }),
    ...inboxHandlers(createInbox(pool, keyRing)),
    ...backgroundJobHandlers(backgroundJobs(pool, dependencies.exportDays)),
    ...erasures({ start: (request) => startErasure({ pool, keyRing }, request), find: (patientId) => findErasure({ pool, keyRing }, patientId) }),
    ...patientExports(createPatientExports(pool, keyRing)),
    ...auditHandlers({ find: (page) => findAudit(pool, 'device_manager', page), record: (entry) => recordEntry(pool, entry), recordRefusal: (entry, samples) => recordRefusal(pool, keyRing, entry, samples) }),
    ...handlersOfNormalized(dependencies, normalization, receiver),
  } satisfies Handlers<Operations, Caller, OpenFhir>;
};
