import { createHash, randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { newPseudonym, pseudonymizeAudit } from '../../audit/pseudonym.ts';
import { withoutDeadline, type Pool, type Queryable } from '../../database/pool.ts';
import { scrub } from '../../database/scrubbing.ts';
import { inTransaction } from '../../database/transaction.ts';
import { forgetJobsInTime } from '../../jobs/forgetting.ts';
import { addJob } from '../../jobs/runner.ts';
import type { KeyRing } from '../../keys/scope-keys.ts';
import { canonicalJson, certificateOf } from '../domain/certificate.ts';
import { lockPatient } from '../normalizing.ts';
import { recordEntry } from '../storage/audit-table.ts';
import { erasedTables } from '../storage/erased-tables.ts';
import { addCounts, addDestroyedKeys, erasureOf, finishErasure, insertErasure, readErasure, type Erasure } from '../storage/erasure-table.ts';
import { lockKeeping } from '../storage/tombstone-table.ts';
import { taskNames } from '../workers/tasks.ts';
import type { ErasureJournal } from './erasure-journal.ts';
import { eraseWaitingReadings } from './erasing-waiting.ts';
import type { WaitingSources } from './waiting-readings.ts';

/** Who wants a patient erased, and what of the account is erased already. */
export interface ErasureRequest {
  readonly patientId: string;
  readonly actor: string;
  readonly requestId: string;
  /** When it was asked for first, where that was in another life of the database. */
  readonly requestedAt?: Date;
  readonly account?: Readonly<Record<string, number>> | undefined;
  /** What stands for the patient in the audit, where another service has chosen it already. */
  readonly auditPseudonym?: string | undefined;
}

interface Tables {
  readonly pool: Pool;
  readonly keyRing: KeyRing;
}

const addErasureJob = (db: Queryable, erasureId: string): Promise<void> => addJob(db, { task: 'erase-patient', payload: { erasureId }, key: `erase-patient:${erasureId}` });

/** `startErasure` in a transaction of the caller's. */
export const beginErasure = async (client: Queryable, keyRing: KeyRing, request: ErasureRequest): Promise<Erasure> => {
  const { patientId, actor, requestId, requestedAt = new Date(), account = {}, auditPseudonym = newPseudonym() } = request;
  const scope = `patient:${patientId}` as const;
  await lockPatient(client, patientId);
  await lockKeeping(client, patientId, 'deletion');
  const pseudonym = await keyRing.pseudonymOf(client, scope);
  // The person is not named where the erasure outlives them.
  const creator = actor === scope ? 'patient' : actor;
  const { erasure, isNew } = await insertErasure(client, { _id: randomUUID().replaceAll('-', ''), pseudonym, audit_pseudonym: auditPseudonym, patientId, creator, requested_at: requestedAt });
  if (erasure.state === 'running') await addCounts(client, erasure._id, account);
  if (!isNew) return erasure;
  await keyRing.bury(client, pseudonym, requestedAt);
  await addDestroyedKeys(client, erasure._id, await keyRing.discard(client, scope));
  await recordEntry(client, { event: 'patient-erased', actor, patientId, resource: `erasure/${erasure._id}`, requestId });
  await addErasureJob(client, erasure._id);
  return erasure;
};

/**
 * Destroys the keys of a patient and sees to it that nothing is kept of them any more, in one transaction with the job that erases the rows.
 * Waits for uploads that are under way. Once this has committed, nothing that was kept can be read. Again answers the same erasure.
 */
export const startErasure = ({ pool, keyRing }: Tables, request: ErasureRequest): Promise<Erasure> => inTransaction(pool, (client) => beginErasure(client, keyRing, request));

/** The erasure of a patient, by the patient's identifier. */
export const findErasure = async ({ pool, keyRing }: Tables, patientId: string): Promise<Erasure | undefined> => erasureOf(pool, await keyRing.pseudonymOf(pool, `patient:${patientId}`));

/** What erasing stands on. */
export interface Erasing extends WaitingSources {
  /** Kept apart from the database, to be applied to one that is restored. */
  readonly journal: ErasureJournal;
  /** Erases the account at the User Manager, and answers what there was by kind. */
  readonly eraseAccount: (patientId: string, auditPseudonym: string) => Promise<Readonly<Record<string, number>>>;
  /** How many days backups are kept. */
  readonly backupDays: number;
}

/** The tables where a patient's identifier, names or wrapped keys lay in clear. */
const clearTables = [
  'device_manager.device', 'device_manager.assignment', 'device_manager.erasure', 'device_manager.quarantined_delivery', 'device_manager_keys.scope_key', 'device_manager_keys.data_key',
  'graphile_worker._private_jobs', 'graphile_worker._private_job_queues',
];

/** One transaction whose statements may be about all that there is of a patient. */
const unhurried = (pool: Pool, work: (client: PoolClient) => Promise<void>): Promise<void> =>
  inTransaction(pool, async (client) => {
    await withoutDeadline(client, 'local');
    await client.query('set local lock_timeout = 0');
    await work(client);
  });

/** One table after the other, each in a transaction with its count, so that what was cut off goes on where it was. */
const eraseRows = async ({ pool }: Tables, { _id }: Erasure, patientId: string): Promise<void> => {
  for (const { kind, erase } of erasedTables) {
    await unhurried(pool, async (client) => addCounts(client, _id, { [kind]: await erase(client, patientId) }));
  }
};

/** An export may be under way; when it takes longer, the erasure is tried again. */
const JOBS_WITHIN_MS = 20_000;

const forgetJobsOf = async (pool: Pool, { _id }: Erasure, patientId: string): Promise<void> =>
  addCounts(pool, _id, { jobs: await forgetJobsInTime(pool, { tasks: taskNames, id: patientId }, JOBS_WITHIN_MS) });

/** The account goes early, so that sessions end; one that cannot be reached does not keep the rows. */
const eraseAll = async (erasing: Erasing, erasure: Erasure, patientId: string): Promise<void> => {
  const { pool, journal, eraseAccount } = erasing;
  await journal.append(erasure);
  const account = await eraseAccount(patientId, erasure.audit_pseudonym).then(
    async (counts) => {
      await addCounts(pool, erasure._id, counts);
      return 'erased' as const;
    },
    (error: unknown) => ({ error }),
  );
  await forgetJobsOf(pool, erasure, patientId);
  await eraseWaitingReadings(erasing, erasure, patientId);
  await eraseRows(erasing, erasure, patientId);
  // Whoever saw rows until now may have added jobs about them.
  await forgetJobsOf(pool, erasure, patientId);
  if (account !== 'erased') throw account.error;
  await unhurried(pool, async (client) => addCounts(client, erasure._id, { auditRows: await pseudonymizeAudit(client, 'device_manager', patientId, erasure.audit_pseudonym) }));
};

/** Erases what is left of a patient after `startErasure`, and writes the certificate. Goes on where it was cut off; once it is done, it does nothing. */
export const runErasure = async (erasing: Erasing, erasureId: string): Promise<void> => {
  const { pool, backupDays } = erasing;
  const begun = await readErasure(pool, erasureId);
  if (!begun || begun.state === 'done' || begun.patient_id === null) return;
  await eraseAll(erasing, begun, begun.patient_id);
  const storage = await scrub(pool, clearTables);
  await inTransaction(pool, async (client) => {
    const erasure = await readErasure(client, erasureId);
    if (!erasure) throw new Error('An erasure vanished while it was under way.');
    const finishedAt = new Date();
    const certificate = certificateOf({
      erasureId, pseudonym: erasure.pseudonym.toString('hex'), auditPseudonym: erasure.audit_pseudonym, requestedAt: erasure.requested_at, finishedAt, requestedBy: erasure.creator, counts: erasure.counts,
      destroyedKeys: erasure.destroyed_keys, heldElsewhere: { therapyMonitoring: erasure.counts['deliveredDetections'] ?? 0 }, storage, backupDays,
    });
    await finishErasure(client, erasureId, finishedAt, { ...certificate, digest: createHash('sha256').update(canonicalJson(certificate)).digest('hex') });
  });
  // Its own row named the patient until now.
  await scrub(pool, ['device_manager.erasure']);
};
