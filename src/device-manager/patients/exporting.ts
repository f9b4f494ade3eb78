import { createHash, randomUUID } from 'node:crypto';
import type { Pool } from '../../database/pool.ts';
import { inTransaction } from '../../database/transaction.ts';
import { addJob } from '../../jobs/runner.ts';
import { hasJob } from '../../jobs/taking.ts';
import type { KeyRing } from '../../keys/scope-keys.ts';
import { keysForKeeping } from '../admitting.ts';
import { recordEntry } from '../storage/audit-table.ts';
import {
  beginExport, failExport, findExport, finishExport, insertExport, keepNewestExports, latestExports, putBackExport, readPart, writePart, type Attempt, type PatientExport,
} from '../storage/patient-export-table.ts';

/** Who acts, in which request. */
interface Act {
  readonly actor: string;
  readonly requestId: string;
}

/** A finished archive. */
export interface ExportContent {
  readonly sizeBytes: number;
  readonly pieces: AsyncIterable<Buffer>;
}

/** Archives of all of one patient, sealed under the patient's key until they expire. */
export interface PatientExports {
  /** Has an archive made in the background; one under way is answered instead, and the oldest of three goes. Audited. */
  readonly start: (patientId: string, act: Act) => Promise<PatientExport>;
  readonly show: (patientId: string, id: string) => Promise<PatientExport | undefined>;
  /** The latest first. */
  readonly list: (patientId: string) => Promise<readonly PatientExport[]>;
  /** The archive of an export that is ready; audited. */
  readonly content: (patientId: string, id: string, act: Act) => Promise<ExportContent | 'not-found' | 'not-ready'>;
}

const PART_BYTES = 1024 * 1024;
const MOST_ATTEMPTS = 5;
const MOST_LISTED = 10;
/** A fourth one takes the place of the oldest. */
const MOST_KEPT = 3;

/** Reads page by page, at the pace of who takes it. */
async function* partsOf(pool: Pool, keyRing: KeyRing, patientId: string, id: string): AsyncGenerator<Buffer> {
  const keys = await keyRing.knownKeysOf(pool, `patient:${patientId}`);
  for (let position = 0; keys; position += 1) {
    const part = await readPart(pool, keys, patientId, id, position);
    if (!part) return;
    yield part;
  }
}

const exportKey = (exportId: string): string => `export-patient:${exportId}`;

const addExportJob = (db: Parameters<typeof addJob>[0], patientId: string, exportId: string): Promise<void> =>
  addJob(db, { task: 'export-patient', payload: { patientId, exportId }, key: exportKey(exportId) });

/** Exports on the Device Manager's own tables. */
export const createPatientExports = (pool: Pool, keyRing: KeyRing): PatientExports => ({
  start: (patientId, { actor, requestId }) =>
    inTransaction(pool, async (client) => {
      await keysForKeeping(client, keyRing, patientId);
      // Two who ask at once get the same one.
      await client.query(`select pg_advisory_xact_lock(hashtextextended('exports:' || $1, 0))`, [patientId]);
      const [underWay] = await latestExports(client, patientId, 'under-way', 1);
      if (underWay) {
        // Its job may have been thrown away; one that is there stays the only one, and one that runs is not held up.
        if (!(await hasJob(client, exportKey(underWay._id)))) await addExportJob(client, patientId, underWay._id);
        return underWay;
      }
      await keepNewestExports(client, patientId, MOST_KEPT - 1);
      const _id = randomUUID().replaceAll('-', '');
      await insertExport(client, { _id, patientId, creator: actor });
      await addExportJob(client, patientId, _id);
      await recordEntry(client, { event: 'patient-exported', actor, patientId, resource: `export/${_id}`, requestId });
      const made = await findExport(client, patientId, _id);
      if (!made) throw new Error('The export was not stored.');
      return made;
    }),
  show: (patientId, id) => findExport(pool, patientId, id),
  list: (patientId) => latestExports(pool, patientId, 'any', MOST_LISTED),
  content: async (patientId, id, { actor, requestId }) => {
    const found = await findExport(pool, patientId, id);
    if (!found) return 'not-found';
    if (found.state !== 'ready') return 'not-ready';
    await recordEntry(pool, { event: 'patient-exported', actor, patientId, resource: `export/${id}/content`, requestId });
    return { sizeBytes: found.size_bytes, pieces: partsOf(pool, keyRing, patientId, id) };
  },
});

/** What making an archive stands on. */
export interface Exporting {
  readonly pool: Pool;
  readonly keyRing: KeyRing;
  /** How long an archive can be downloaded. */
  readonly days: number;
  readonly archive: (patientId: string, told: (files: number) => void) => AsyncGenerator<Buffer>;
  /** Told between pieces: the next process begins anew. */
  readonly isStopping: () => boolean;
}

async function* inParts(archive: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let [pending, size]: [Buffer[], number] = [[], 0];
  for await (const chunk of archive) {
    pending.push(chunk);
    size += chunk.length;
    while (size >= PART_BYTES) {
      const bytes = Buffer.concat(pending);
      yield bytes.subarray(0, PART_BYTES);
      [pending, size] = [[bytes.subarray(PART_BYTES)], size - PART_BYTES];
    }
  }
  if (size > 0) yield Buffer.concat(pending);
}

/** Writes the archive piece by piece, each in a transaction of its own; `undefined` when somebody else goes on, or all of it is over. */
const write = async ({ pool, keyRing, archive, isStopping }: Exporting, attempt: Attempt): Promise<Buffer | 'stopping' | undefined> => {
  const { patientId } = attempt;
  const hash = createHash('sha256');
  let [files, position] = [0, 0];
  for await (const bytes of inParts(archive(patientId, (count) => (files = count)))) {
    if (isStopping()) return 'stopping';
    hash.update(bytes);
    const part = { position, bytes, files };
    const goesOn = await inTransaction(pool, async (client) => writePart(client, await keysForKeeping(client, keyRing, patientId), attempt, part));
    if (!goesOn) return undefined;
    position += 1;
  }
  return hash.digest();
};

/** Makes the archive of one export. One that was cut off begins anew, at most five times; one that is finished stays as it is. */
export const runExport = async (exporting: Exporting, patientId: string, id: string): Promise<void> => {
  const { pool, days } = exporting;
  const attempt = await inTransaction(pool, (client) => beginExport(client, patientId, id));
  if (attempt === undefined) return;
  if (attempt > MOST_ATTEMPTS) return failExport(pool, { patientId, id }, days);
  const digest = await write(exporting, { patientId, id, attempt });
  if (digest === 'stopping') {
    await putBackExport(pool, { patientId, id, attempt });
    return addExportJob(pool, patientId, id);
  }
  if (digest !== undefined) await finishExport(pool, { patientId, id, attempt }, digest, days);
};
