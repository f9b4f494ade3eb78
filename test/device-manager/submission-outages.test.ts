import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Fault, TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import type { TestVitalgate } from '../setup/vitalgate.ts';
import { answered, type Client } from './client.ts';
import { eventually, isPost, rates, startSubmitter, submitting, type Submitter } from './submitting.ts';

const firstWaitMs = 50;

/** What waits for a patient: how much, after how many outages in a row at most, and how long it still waits. */
const waitingIn = ({ database }: TestVitalgate) => async (patientId: string): Promise<{ count: number; outages: number; waitMs: number }> => {
  const { rows: [row] } = await database.pool.query<{ count: number; outages: number; waitMs: number }>(
    `select count(*)::int as count, coalesce(max(outages), 0) as outages, coalesce(extract(epoch from max(next_attempt_at) - now()) * 1000, 0)::float8 as "waitMs" from device_manager.submission where patient_id = $1 and state = 'waiting'`, [patientId]);
  return row ?? { count: 0, outages: 0, waitMs: 0 };
};

describe('an outage of the Therapy and Monitoring Manager', () => {
  let submitter: Submitter;
  let vitalgate: TestVitalgate;
  let tmm: TherapyMonitoringPlayer;
  let operator: Client;
  const { plan, patient, upload, arrives, listed, parked } = submitting(() => submitter);
  beforeAll(async () => {
    submitter = await startSubmitter({ TMM_RETRY_SECONDS: firstWaitMs / 1000, TMM_TIMEOUT_SECONDS: 0.8 });
    ({ vitalgate, tmm, operator } = submitter);
  }, 60_000);
  afterAll(() => submitter.stop());
  afterEach(() => {
    tmm.fault = () => undefined;
  });
  const waitingOf = (patientId: string) => waitingIn(vitalgate)(patientId);

  test.each<[string, (isWrite: boolean) => Fault | undefined]>([
    ['that begins before plans are read', () => 'error'],
    ['that begins when something is sent, of which is asked from then on', (() => {
      let isOut = false;
      return (isWrite: boolean): Fault | undefined => {
        isOut ||= isWrite;
        return isOut ? 'cut' : undefined;
      };
    })()],
  ])('%s is met with waits that double', async (_situation, fault) => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    tmm.fault = (one) => fault(isPost(one));
    await upload(app, rates(3));
    const { waitMs } = await eventually(() => waitingOf(patientId), ({ outages }) => outages >= 6);
    expect(waitMs).toBeGreaterThan(firstWaitMs * 2 ** 5 * 0.5);
    tmm.fault = () => undefined;
    expect(await arrives(planId, 3)).toHaveLength(3);
    await eventually(() => waitingOf(patientId), ({ count }) => count === 0);
  });

  test('that is over shows which value does not open: it is parked as value-missing, holds up no other, and a replay delivers it once it opens', async () => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    tmm.fault = () => 'error';
    const [first, second] = rates(2);
    const [damaged = ''] = await upload(app, [first ?? {}]);
    await upload(app, [second ?? {}]);
    await eventually(() => listed(`&state=waiting&patientId=${patientId}`), (rows) => rows.length === 2);
    const flip = () => vitalgate.database.pool.query(
      `update device_manager.normalized_chunk c set body = set_byte(body, 40, get_byte(body, 40) # 1) from device_manager.sample s where s._id = $1::uuid and c.patient_id = s.patient_id and c.payload_id = s.payload_id`, [damaged],
    );
    await flip();
    tmm.fault = () => undefined;
    expect(await arrives(planId, 1)).toMatchObject([{ observedAt: '2024-07-01T00:00:01.000Z' }]);
    const [row] = await parked(patientId);
    expect(row).toMatchObject({ sampleId: damaged, reason: 'value-missing' });
    await flip();
    expect((await operator.post(`/submissions/${row?._id ?? ''}/replay`)).status).toBe(204);
    expect(await arrives(planId, 2)).toHaveLength(2);
  });

  test('that is over leaves what was sent many times before with the shortest wait', async () => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    let fails = true;
    tmm.fault = (one) => (fails && isPost(one) ? 'error' : undefined);
    await upload(app, rates(1));
    await eventually(() => waitingOf(patientId), ({ count }) => count > 0);
    await vitalgate.database.pool.query('update device_manager.submission set attempts = 30, outages = 30 where patient_id = $1', [patientId]);
    await eventually(() => waitingOf(patientId), ({ outages }) => outages === 0);
    tmm.fault = () => 'error';
    const { waitMs } = await eventually(() => waitingOf(patientId), ({ outages }) => outages === 1);
    expect(waitMs).toBeLessThan(60_000);
    fails = false;
    tmm.fault = () => undefined;
    expect(await arrives(planId, 1)).toHaveLength(1);
  });
});

describe('an outage of the Therapy and Monitoring Manager with a long first wait', () => {
  const firstWaitSeconds = 600;
  let submitter: Submitter;
  const { plan, patient, upload } = submitting(() => submitter);
  beforeAll(async () => {
    submitter = await startSubmitter({ TMM_RETRY_SECONDS: firstWaitSeconds, TMM_TIMEOUT_SECONDS: 0.8 });
    submitter.tmm.fault = () => 'error';
  }, 60_000);
  afterAll(() => submitter.stop());
  const waitingOf = (patientId: string) => waitingIn(submitter.vitalgate)(patientId);
  const heldOf = async (patientId: string) =>
    (await submitter.vitalgate.database.pool.query(`select from device_manager.submission where patient_id = $1 and reason is not null and next_attempt_at > now()`, [patientId])).rowCount ?? 0;

  test('is not met with longer waits because more is uploaded meanwhile', async () => {
    const { patientId, app } = await patient();
    plan(patientId);
    const samples = rates(6);
    for (const [index, sample] of samples.entries()) {
      await upload(app, [sample]);
      expect(await eventually(() => heldOf(patientId), (held) => held > index)).toBe(index + 1);
    }
    const { count, outages, waitMs } = await waitingOf(patientId);
    expect([count, outages]).toEqual([samples.length, 1]);
    expect(waitMs).toBeLessThanOrEqual(firstWaitSeconds * 1250);
  });

  test.each<[string, (app: Client, id: string, patientId: string) => Promise<unknown>]>([
    ['by an operator', async (_app, _id, patientId) => {
      const [row] = await answered<{ _id: string }[]>(submitter.operator.get(`/submissions?state=waiting&patientId=${patientId}`));
      return submitter.operator.post(`/submissions/${row?._id ?? ''}/replay`);
    }],
    ['by a request for one sample', (app, id) => app.post(`/health-data/${id}/detections`)],
  ])('begins anew for what is tried again %s', async (_situation, again) => {
    const { patientId, app } = await patient();
    plan(patientId);
    const [id = ''] = await upload(app, rates(1));
    await eventually(() => heldOf(patientId), (held) => held === 1);
    await submitter.vitalgate.database.pool.query('update device_manager.submission set outages = 30 where patient_id = $1', [patientId]);
    await again(app, id, patientId);
    const { waitMs } = await eventually(() => waitingOf(patientId), ({ outages, waitMs: left }) => outages === 1 && left > 0);
    expect(waitMs).toBeLessThanOrEqual(firstWaitSeconds * 1250);
  });
});
