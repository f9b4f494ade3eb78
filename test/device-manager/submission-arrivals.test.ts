import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Fault, TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { eventually, isPost, rates, startSubmitter, submitting, type Submitter } from './submitting.ts';

const timeoutMs = 1000;

describe('a Therapy and Monitoring Manager that knows no idempotency keys and writes after nobody listens any more', () => {
  let submitter: Submitter;
  let tmm: TherapyMonitoringPlayer;
  const { plan, patient, upload, writtenUnder, listed } = submitting(() => submitter);
  beforeAll(async () => {
    submitter = await startSubmitter({ TMM_RETRY_SECONDS: 0.02, TMM_TIMEOUT_SECONDS: timeoutMs / 1000 }, { honoursKeys: false });
    ({ tmm } = submitter);
  }, 60_000);
  afterAll(() => submitter.stop());
  afterEach(() => {
    [tmm.fault, tmm.lateMs] = [() => undefined, () => 0];
    expect(tmm.breaches).toEqual([]);
  });

  test.each<[string, number, Fault | undefined, boolean]>([
    ['one, which takes longer than we wait', 1, undefined, false],
    ['many at once, which take longer than we wait', 5, undefined, false],
    ['many at once, of which a gateway says that they take too long', 5, 'gateway-first', false],
    ['many at once, whose connection is cut', 5, 'cut-first', false],
    ['many at once, while nothing else is answered either', 5, 'cut-first', true],
  ])('gets %s, once', async (_situation, count, fault, isOut) => {
    const { patientId, app } = await patient();
    const planId = plan(patientId);
    let hasBegun = false;
    tmm.fault = (one) => {
      const isBegun = hasBegun;
      hasBegun ||= isPost(one);
      if (isPost(one)) return isBegun ? undefined : fault;
      return isOut && isBegun && writtenUnder(planId).length === 0 ? 'cut' : undefined;
    };
    tmm.lateMs = (one) => (isPost(one) ? 1.5 * timeoutMs : 0);
    await upload(app, rates(count));
    await eventually(() => listed(`&state=delivered&patientId=${patientId}`), (rows) => rows.length === count);
    expect(writtenUnder(planId).map(({ observedAt }) => observedAt)).toEqual(Array.from({ length: count }, (_, second) => `2024-07-01T00:00:0${String(second)}.000Z`));
    expect((await listed(`&state=delivered&patientId=${patientId}`)).map(({ attempts }) => attempts)).toEqual(Array.from({ length: count }, () => 1));
  });
});
