import { auditRecordOf, type AuditRecord } from '../../audit/audit-record.ts';
import { findAudit } from '../../audit/finding.ts';
import { openRecords, type HealthRecord } from '../records.ts';
import { holdingsOf, type Holding } from '../storage/assignment-table.ts';
import { devicesEverOf, type OwnDevice } from '../storage/own-device-table.ts';
import { refusalsOf } from '../storage/sample-refusal-table.ts';
import { findSamples, type SampleFilter } from '../storage/sample-search.ts';
import { submissionsAfter, type SubmissionRow } from '../storage/submission-list.ts';
import { tombstonesAfter } from '../storage/tombstone-table.ts';
import { archiveOf, type ArchiveFile, type WrittenFile } from '../../zip-archive.ts';
import { originals } from './originals.ts';
import type { WaitingSources } from './waiting-readings.ts';

/** Where an export takes what it holds from. */
export interface ExportSources extends WaitingSources {
  /** Of the program. */
  readonly version: string;
  /** A record as this service answers it. */
  readonly recordOf: (record: HealthRecord) => object;
  /** Resources of FHIR, one a line. */
  readonly fhirLines: (patientId: string) => AsyncIterable<string>;
  /** What the User Manager keeps of the person; undefined where it knows nobody of that id, or does not tell. */
  readonly accountOf: (patientId: string) => Promise<object | undefined>;
  /** A page of the User Manager's audit of the person, newest first, from after one of its events; empty where `accountOf` has nobody. */
  readonly accountAudit: (patientId: string, after: string | undefined, limit: number) => Promise<readonly AuditRecord[]>;
}

const PAGE = 200;
const ndjson = 'application/x-ndjson';
const json = 'application/json';

/** One record a line, page by page. */
async function* linesOf<Row>(page: (after: string | undefined) => Promise<readonly Row[]>, keyOf: (row: Row) => string, recordOf: (row: Row) => object): AsyncGenerator<string> {
  let after: string | undefined;
  do {
    const rows = await page(after);
    yield rows.map((row) => `${JSON.stringify(recordOf(row))}\n`).join('');
    const last = rows.length === PAGE ? rows.at(-1) : undefined;
    after = last && keyOf(last);
  } while (after !== undefined);
}

async function* recordLines({ pool, keyRing, recordOf }: ExportSources, patientId: string): AsyncGenerator<string> {
  let after: SampleFilter['after'];
  do {
    const rows = await findSamples(pool, { patientId, conditions: [], after, sort: [], limit: PAGE, skip: 0 });
    yield (await openRecords(pool, keyRing, rows, false)).map((record) => `${JSON.stringify(recordOf(record))}\n`).join('');
    const last = rows.length === PAGE ? rows.at(-1) : undefined;
    after = last && { recordedAt: last.recorded_at.getTime(), _id: last._id };
  } while (after !== undefined);
}

const deviceOf = (row: OwnDevice) => ({
  _id: row._id, deviceId: row.device_id, deviceProvider: row.declared_provider, deviceType: row.device_type, name: row.name ?? undefined,
  serialNumber: row.serial_number ?? undefined, features: row.features ?? undefined, createdAt: row.created_at,
});

const assignmentOf = (row: Holding) => ({ device: row.device, deviceId: row.device_id, assignedFrom: row.assigned_from, assignedUntil: row.assigned_until ?? undefined });

const submissionOf = (row: SubmissionRow) => ({
  _id: row._id, sampleId: row.sample_id, planId: row.plan_id ?? undefined, normalizedDataType: row.normalized_type, state: row.state, reason: row.reason ?? undefined,
  observedAt: row.observed_at, createdAt: row.created_at, deliveredAt: row.delivered_at ?? undefined, detectionId: row.detection_id ?? undefined, supersededAt: row.superseded_at ?? undefined,
});

const everyLine = async <Row>(rows: Promise<readonly Row[]>, recordOf: (row: Row) => object): Promise<string[]> => (await rows).map((row) => `${JSON.stringify(recordOf(row))}\n`);

/** All files but the manifest, each read when its turn comes. */
async function* filesOf(sources: ExportSources, patientId: string): AsyncGenerator<ArchiveFile> {
  const { pool } = sources;
  const lines = (name: string, pieces: ArchiveFile['pieces']): ArchiveFile => ({ name, mediaType: ndjson, isLines: true, pieces });
  const account = await sources.accountOf(patientId);
  if (account !== undefined) yield { name: 'account.json', mediaType: json, pieces: [`${JSON.stringify(account, null, 2)}\n`] };
  yield lines('devices.ndjson', await everyLine(devicesEverOf(pool, patientId), deviceOf));
  yield lines('assignments.ndjson', await everyLine(holdingsOf(pool, patientId), assignmentOf));
  yield lines('records.ndjson', recordLines(sources, patientId));
  yield { name: 'fhir.ndjson', mediaType: 'application/fhir+ndjson', isLines: true, pieces: sources.fhirLines(patientId) };
  yield lines('submissions.ndjson', linesOf((after) => submissionsAfter(pool, patientId, after, PAGE), ({ _id }) => _id, submissionOf));
  yield lines('deletions.ndjson', linesOf((after) => tombstonesAfter(pool, patientId, after, PAGE), ({ _id }) => _id, (row) => ({ sampleId: row._id, deletedAt: row.deleted_at })));
  yield lines('refusals.ndjson', await everyLine(refusalsOf(pool, patientId), (refusal) => refusal));
  yield lines('audit.ndjson', linesOf((after) => findAudit(pool, 'device_manager', { patientId, after, limit: PAGE }), ({ _id }) => _id, auditRecordOf));
  yield lines('account-audit.ndjson', linesOf((after) => sources.accountAudit(patientId, after, PAGE), ({ _id }) => _id, (event) => event));
  yield* originals(sources, patientId);
}

const isOriginal = ({ name }: WrittenFile): boolean => name.startsWith('originals/') && !name.endsWith('.ndjson');

/**
 * Everything that is kept of a patient, as a zip archive, piece by piece. Last comes `manifest.json`, with size, SHA-256 and number of
 * records of each file; the originals are listed in `originals/index.ndjson`. `told` counts the files as they are written.
 */
export const exportArchive = (sources: ExportSources, patientId: string, told: (files: number) => void = () => undefined): AsyncGenerator<Buffer> => {
  const written: WrittenFile[] = [];
  let count = 0;
  const withManifest = async function* (): AsyncGenerator<ArchiveFile> {
    const createdAt = new Date();
    yield* filesOf(sources, patientId);
    const manifest = { version: 1, program: { name: 'vitalgate', version: sources.version }, fhirVersion: '4.0.1', patientId, createdAt, originals: count - written.length, files: written };
    yield { name: 'manifest.json', mediaType: json, pieces: [`${JSON.stringify(manifest, null, 2)}\n`] };
  };
  return archiveOf(withManifest(), (file) => {
    told((count += 1));
    if (!isOriginal(file)) written.push(file);
  });
};
