import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PoolClient } from 'pg';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { accessTokenOf, answered, clientWith, eventually, heartRate, patientWithWatch, service, type Client } from './client.ts';

interface Run {
  readonly state: string;
  readonly counts: { readonly samples: number };
}

const lock = 'hashtextextended($1, 0)';

describe('runs over kept samples', () => {
  let database: TestDatabase;
  let dataDir: string;
  let vitalgate: TestVitalgate;
  let operator: Client;
  /** Holds up who writes for a patient, as a large upload of theirs does. */
  let holder: PoolClient;

  const start = async (): Promise<void> => {
    vitalgate = await startTestVitalgate({ DATABASE_URL: database.url, DATA_DIR: dataDir }, 'own-server');
    operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'operator')}` });
  };
  const holdUp = (patientId: string) => holder.query(`select pg_advisory_lock(${lock})`, [patientId]);
  const letGo = (patientId: string) => holder.query(`select pg_advisory_unlock(${lock})`, [patientId]);
  const isHeldUp = async (): Promise<boolean> => ((await database.pool.query(`select from pg_locks where locktype = 'advisory' and not granted and database = (select oid from pg_database where datname = current_database())`)).rowCount ?? 0) > 0;
  const statesOf = (patientId: string) => async (): Promise<string[]> => (await answered<{ state: string }[]>(service(vitalgate, patientId).get('/health-data'))).map(({ state }) => state);
  const patientWithHeartRate = async (): Promise<string> => {
    const { patientId, client } = await patientWithWatch(vitalgate);
    await answered(client.post('/health-data/healthkit', [heartRate(0)]));
    return patientId;
  };
  const areNormalized = (states: readonly string[]) => states.length > 0 && states.every((state) => state === 'normalized');
  const begin = async (dryRun: boolean): Promise<string> => ((await (await operator.post('/renormalizations', { dryRun })).json()) as { _id: string })._id;
  const shown = (_id: string) => answered<Run>(operator.get(`/renormalizations/${_id}`));
  /** Runs whose jobs are in a state. */
  const jobs = async (state: string) => (await answered<{ about: { renormalizationId: string } }[]>(operator.get(`/background-jobs?task=renormalize&state=${state}`))).map(({ about }) => about.renormalizationId);
  const finished = (_id: string) => eventually(() => shown(_id), ({ state }) => state === 'done');

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-runs-'));
    database = await createTestDatabase('migrated');
    await start();
    holder = await database.pool.connect();
  });
  afterEach(async () => {
    holder.release(true);
    await vitalgate.stop();
    await database.drop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('go one after the other, and uploads are normalized meanwhile', async () => {
    const patientId = await patientWithHeartRate();
    await eventually(statesOf(patientId), areNormalized);
    await holdUp(patientId);
    const runs = [await begin(true), await begin(false), await begin(true)];
    await eventually(isHeldUp, (isIt) => isIt);
    expect(await eventually(statesOf(await patientWithHeartRate()), areNormalized)).toEqual(['normalized']);
    expect([await jobs('running'), await jobs('ready')]).toEqual([runs.slice(0, 1), runs.slice(1)]);
    for (const run of runs) expect((await shown(run)).state).toBe('running');
    await letGo(patientId);
    for (const run of runs) expect((await finished(run)).state).toBe('done');
  });

  test('stop with the service after the patient they are at, and go on with the next one when it is started again', async () => {
    const patients: string[] = [];
    for (let index = 0; index < 8; index += 1) patients.push(await patientWithHeartRate());
    for (const patientId of patients) await eventually(statesOf(patientId), areNormalized);
    for (const patientId of patients) await holdUp(patientId);
    const run = await begin(true);
    await eventually(isHeldUp, (isIt) => isIt);

    // The service has some of these seconds to hear of it.
    const stopping = vitalgate.stop();
    for (const patientId of patients.sort()) {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await letGo(patientId);
    }
    await stopping;
    const { rows } = await database.pool.query<{ state: string; samples: number }>('select state, samples::int from device_manager.renormalization');
    expect(rows).toEqual([{ state: 'running', samples: expect.any(Number) }]);
    expect(rows[0]?.samples).toBeGreaterThan(0);
    expect(rows[0]?.samples).toBeLessThan(patients.length);

    await start();
    expect(await finished(run)).toMatchObject({ state: 'done', counts: { samples: patients.length } });
  });
});
