import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { inTransaction } from '../../src/database/transaction.ts';
import { lockPatient } from '../../src/device-manager/normalizing.ts';
import type { Arrived } from '../../src/therapy-monitoring/contract.ts';
import type { TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import type { Client } from './client.ts';
import { eventually, isPost, rates, startSubmitter, submitting, type Submitter } from './submitting.ts';

describe('what becomes of submissions is written in the order of locks that normalization has', () => {
  let submitter: Submitter;
  let tmm: TherapyMonitoringPlayer;
  const { plan, patient, upload, listed, parked } = submitting(() => submitter);
  beforeAll(async () => {
    submitter = await startSubmitter({ TMM_RETRY_SECONDS: 0.05, TMM_TIMEOUT_SECONDS: 60 });
    ({ tmm } = submitter);
  }, 60_000);
  afterAll(() => submitter.stop());
  afterEach(() => {
    [tmm.fault, tmm.hold] = [() => undefined, () => undefined];
  });

  /** Holds back the first request of a kind; answers when it is there, and what lets it go on. */
  const holdFirst = (fits: (one: Arrived) => boolean): { arrived: Promise<void>; release: () => void } => {
    const [arrived, answer] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    tmm.hold = (one) => {
      if (!fits(one)) return undefined;
      arrived.resolve(undefined);
      return answer.promise;
    };
    return { arrived: arrived.promise, release: () => answer.resolve(undefined) };
  };
  const someWait = async (): Promise<boolean> =>
    (await submitter.vitalgate.database.pool.query(`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)).rowCount !== 0;

  test.each<[string, string, (app: Client, patientId: string) => Promise<() => unknown>]>([
    ['something arrives', 'delivered', async (app) => {
      const { arrived, release } = holdFirst(isPost);
      await upload(app, rates(1));
      await arrived;
      return release;
    }],
    ['plans are refused', 'parked', async (app, patientId) => {
      tmm.fault = () => 'refusal';
      const { arrived, release } = holdFirst(({ url }) => url.searchParams.get('patientId') === patientId);
      await upload(app, rates(1));
      await arrived;
      return release;
    }],
    ['an operator has it tried again', 'delivered', async (app, patientId) => {
      tmm.fault = (one) => (isPost(one) ? 'refusal' : undefined);
      await upload(app, rates(1));
      const [row] = await parked(patientId);
      tmm.fault = () => undefined;
      return () => void submitter.operator.post(`/submissions/${row?._id ?? ''}/replay`);
    }],
  ])('when %s while its sample is being normalized anew', async (_situation, state, begin) => {
    const { patientId, app } = await patient();
    plan(patientId);
    const goOn = await begin(app, patientId);
    await inTransaction(submitter.vitalgate.database.pool, async (client) => {
      await lockPatient(client, patientId);
      await client.query('select from device_manager.sample_group where patient_id = $1 for update', [patientId]);
      goOn();
      expect(await eventually(someWait, (waits) => waits)).toBe(true);
      await client.query('update device_manager.submission set created_at = created_at where patient_id = $1', [patientId]);
    });
    expect(await eventually(() => listed(`&state=${state}&patientId=${patientId}`), (rows) => rows.length === 1)).toHaveLength(1);
    expect(submitter.vitalgate.logged()).not.toContain('"job failed"');
  });
});
