import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import { answered, clientWith, cuff, newPatient, service, type Client, type KeptRecord, type Series } from './client.ts';
import { bundle, loinc, observation, quantity } from './fhir-documents.ts';
import { eventually, isPost, startSubmitter, submitting, type Submitter } from './submitting.ts';

const at = '2024-03-02T09:10:00Z';

describe.each([['knows idempotency keys', true], ['knows none, as the original', false]] as const)('half of a submitted blood pressure is corrected, and the Therapy and Monitoring Manager %s', (_situation, honoursKeys) => {
  let submitter: Submitter;
  let tmm: TherapyMonitoringPlayer;
  let sender: Client;
  const { plan, writtenUnder, listed } = submitting(() => submitter);
  beforeAll(async () => {
    submitter = await startSubmitter({ TMM_RETRY_SECONDS: 0.05, TMM_TIMEOUT_SECONDS: 2 }, { honoursKeys });
    ({ tmm } = submitter);
    sender = clientWith(submitter.vitalgate.urls.deviceManager, { 'x-api-key': (await submitter.vitalgate.createWebhookKey()).key });
  }, 60_000);
  afterAll(() => submitter.stop());
  afterEach(() => {
    tmm.fault = () => undefined;
    expect(tmm.breaches).toEqual([]);
  });

  const valuesUnder = (planId: string) =>
    writtenUnder(planId).map(({ value }) => (value as NonNullable<KeptRecord['normalizedData']>).observations.map((one) => (one as { value?: number }).value)).toSorted();

  /** Has a pair sent and, once the Therapy and Monitoring Manager has been asked as often as told, one half of it corrected. */
  const correctedAfter = async (isSent: (planId: string, patientId: string) => Promise<unknown>) => {
    const [patientId, device, run] = [newPatient(), `HALVES-${randomUUID()}`, randomUUID()];
    const app = service(submitter.vitalgate, patientId);
    await answered(app.post('/devices/assign', { ...cuff(device), serialNumber: device, assignedFrom: '2024-01-01T00:00:00Z' }));
    const half = (code: string, value: number, more: object = {}) => observation(loinc(code), device, at, { valueQuantity: quantity(value, 'mm[Hg]'), identifier: [{ system: 'urn:ids', value: `${code}-${run}` }], ...more });
    const planId = plan(patientId, { prototypeId: 'blood-pressure' });
    await answered(sender.post('/health-data/medisante', bundle('collection', [half('8480-6', 220), half('8462-4', 80)])));
    await isSent(planId, patientId);
    await answered(sender.post('/health-data/medisante', half('8480-6', 121, { status: 'corrected' })));
    const charted = async () => (await answered<Series[]>(app.get('/chart-data?normalizedDataType=blood-pressure'))).flatMap(({ data }) => data.map(({ y }) => y));
    await eventually(charted, (values) => !values.includes(220) && values.length === 2);
    tmm.fault = () => undefined;
    await eventually(() => listed(`&state=waiting&patientId=${patientId}`), (rows) => rows.length === 0);
    return { patientId, planId, app };
  };

  test.each<[string, 'cut' | 'cut-after', (number | undefined)[][]]>([
    ['had arrived: the pair and the correction are there', 'cut-after', [[121], [220, 80]]],
    ['had not arrived: what is left and the correction are there', 'cut', [[121], [80]]],
  ])('while nobody knows whether it arrived; it %s, each once', async (_what, fault, expected) => {
    let isCut = false;
    tmm.fault = (one) => {
      isCut ||= isPost(one);
      return isPost(one) ? fault : isCut ? 'error' : undefined;
    };
    const { planId, patientId } = await correctedAfter(() => eventually(() => Promise.resolve(isCut), (is) => is));
    await eventually(() => Promise.resolve(valuesUnder(planId)), (values) => values.length >= 2);
    expect(valuesUnder(planId)).toEqual(expected);
    expect((await listed(`&state=delivered&patientId=${patientId}`)).map(({ supersededAt }) => supersededAt !== undefined).toSorted()).toEqual(fault === 'cut' ? [false, false] : [false, true]);
  });

  test('after it arrived; what is left of it arrives on request, as another detection', async () => {
    const { planId, patientId, app } = await correctedAfter((own) => eventually(() => Promise.resolve(writtenUnder(own)), ({ length }) => length === 1));
    await eventually(() => Promise.resolve(valuesUnder(planId)), (values) => values.length >= 2);
    expect(valuesUnder(planId)).toEqual([[121], [220, 80]]);
    const before = (await listed(`&state=delivered&patientId=${patientId}`)).find(({ supersededAt }) => supersededAt !== undefined);
    const made = await answered<object[]>(app.post(`/health-data/${before?.sampleId ?? ''}/detections`));
    expect([made.length, JSON.stringify(made).includes(before?.detectionId ?? ''), valuesUnder(planId)]).toEqual([1, false, [[121], [220, 80], [80]]]);
  });
});
