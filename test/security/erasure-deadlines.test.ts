import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { applyErasures } from '../../src/device-manager/patients/applying-erasures.ts';
import { openErasureJournal } from '../../src/device-manager/patients/erasure-journal.ts';
import { findErasure, runErasure, startErasure, type Erasing } from '../../src/device-manager/patients/erasing.ts';
import { createKeyRing } from '../../src/keys/scope-keys.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

const patientId = 'family:1:anna';
const DEADLINE_MS = 2_000;
const LONGER = `pg_sleep(${String((DEADLINE_MS * 1.5) / 1_000)})`;

let database: TestDatabase;
/** As the program's own, but with a deadline that a test can wait for. */
let hasty: pg.Pool;
let folder: string;
let erasing: Erasing;
beforeAll(async () => {
  database = await createTestDatabase('migrated');
  hasty = new pg.Pool({ connectionString: database.url, statement_timeout: DEADLINE_MS });
  folder = mkdtempSync(join(tmpdir(), 'vitalgate-deadlines-'));
  const keyRing = createKeyRing({ masterKey: randomBytes(32) });
  erasing = { pool: hasty, keyRing, journal: openErasureJournal(join(folder, 'journal.ndjson'), hasty, keyRing), eraseAccount: () => Promise.resolve({}), backupDays: 30 };
});
afterAll(async () => {
  await hasty.end();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

test('H8 the audit of a patient takes as long as it takes to be put under a pseudonym', async () => {
  const { pool } = database;
  const { _id } = await startErasure(erasing, { patientId, actor: 'test', requestId: 'test-request' });
  await pool.query(`create function public.slow() returns trigger language plpgsql as $$ begin perform ${LONGER}; return new; end $$;
    create trigger slow before update on device_manager.audit_event for each row execute function public.slow()`);
  try {
    await runErasure(erasing, _id);
  } finally {
    await pool.query('drop trigger slow on device_manager.audit_event');
  }
  expect(await findErasure(erasing, patientId)).toMatchObject({ state: 'done', counts: { auditRows: 1 } });
}, 60_000);

/** As in a backup from before the erasure: there are keys of the patient, and no gravestone. */
const takeBack = async (): Promise<void> => {
  await database.pool.query('delete from device_manager_keys.erased_scope');
  await database.pool.query('delete from device_manager.erasure');
  await erasing.keyRing.keysOf(database.pool, `patient:${patientId}`);
};

test('H8 looking for everybody whom a restored database names takes as long as it takes, and the program starts', async () => {
  const { pool } = database;
  await takeBack();
  await pool.query(`alter table device_manager.sample_refusal rename to refusals;
    create view device_manager.sample_refusal as with slow as materialized (select ${LONGER}) select refusals.* from slow left join device_manager.refusals on true`);
  try {
    expect(await applyErasures(hasty, erasing.keyRing, await erasing.journal.read())).toMatchObject({ unknown: 1, begun: [{ patientId }] });
  } finally {
    await pool.query('drop view device_manager.sample_refusal; alter table device_manager.refusals rename to sample_refusal');
  }
}, 60_000);

test('H8 jobs that somebody adds while the rows are erased go, with the queue that is named after the patient', async () => {
  const { pool } = database;
  await takeBack();
  const { _id } = await startErasure(erasing, { patientId, actor: 'test', requestId: 'test-request' });
  await pool.query(`create function public.adds() returns trigger language plpgsql as $$ begin
      perform graphile_worker.add_job('normalize', json_build_object('patientId', '${patientId}'), queue_name => 'patient:${patientId}', run_at => now() + interval '1 hour'); return null; end $$;
    create trigger adds after delete on device_manager.tombstone for each statement execute function public.adds()`);
  await runErasure(erasing, _id);
  const { rows } = await pool.query(`select queue_name from graphile_worker._private_job_queues where queue_name like '%anna' union all select payload::text from graphile_worker._private_jobs where payload::text like '%anna%'`);
  expect(rows).toEqual([]);
  expect((await findErasure(erasing, patientId))?.counts['jobs']).toBe(1);
}, 60_000);
