import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { expire } from '../../src/device-manager/retention.ts';
import { openKeys } from '../../src/keys/master-key-check.ts';
import { eventually } from '../device-manager/client.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { newEnrolledApp, signedIn, type App } from './app.ts';
import { problemIn, startFront, stopFronts } from './front.ts';

interface Refusal {
  readonly refusedAt: string;
  readonly received: number;
  readonly rejected: number;
  readonly reasons: readonly { readonly code: string; readonly samples: number; readonly message: string; readonly pointer: string; readonly retryable: boolean }[];
}

const at = (day: string, time = '10:00:00') => ({ startDate: `${day}T${time}Z`, endDate: `${day}T${time}Z` });
const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
const sample = (day: string, more: object = {}) => ({ id: randomUUID(), type: 'HeartRate', unit: 'bpm', value: 71, ...at(day), ...more });

describe('what there is of a person', () => {
  let vitalgate: TestVitalgate;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
  });
  afterAll(() => vitalgate.stop());
  const listed = async <Entry>(app: App, path: string): Promise<Entry[]> => (await (await app.get(path)).json()) as Entry[];

  test('refused samples are told by reason with advice, the most frequent first, without a value', async () => {
    const app = await newEnrolledApp(vitalgate);
    await app.post('/health-data', [sample('2024-07-01'), sample(tomorrow), sample(tomorrow), sample('2024-07-01', { startDate: undefined, endDate: undefined })]);
    const refusals = await listed<Refusal>(app, '/uploads/refusals');
    expect(refusals).toMatchObject([{
      received: 4, rejected: 3,
      reasons: [
        { code: 'date-in-future', samples: 2, pointer: '/1/startDate', retryable: true, message: expect.stringContaining('clock') as unknown },
        { code: 'missing-date', samples: 1, retryable: false, message: expect.stringContaining('startDate') as unknown },
      ],
    }]);
    expect(Math.abs(Date.parse(refusals[0]?.refusedAt ?? '') - Date.now())).toBeLessThan(60_000);
    expect(JSON.stringify(refusals)).not.toMatch(/"71|T10:00:00/);
  });

  test('an upload of which all is refused is told, too, and one that keeps all or none', async () => {
    const app = await newEnrolledApp(vitalgate);
    await app.post('/health-data', [sample(tomorrow)]);
    const strict = await app.send('/health-data', { method: 'POST', headers: { 'content-type': 'application/json', prefer: 'handling=strict' }, body: JSON.stringify([sample('2024-07-01'), sample(tomorrow)]) });
    expect(strict.status).toBe(422);
    expect((await listed<Refusal>(app, '/uploads/refusals')).map(({ received, rejected }) => [received, rejected])).toEqual([[2, 1], [1, 1]]);
    expect(await listed(app, '/uploads')).toEqual([]);
  });

  test('uploads come latest first with what became of them, as many as asked for', async () => {
    const app = await newEnrolledApp(vitalgate);
    await app.post('/health-data', [sample('2024-07-01'), sample('2024-07-02')]);
    await app.post('/health-data', [sample('2024-07-03'), sample('2024-07-04', { type: 'HKQuantityTypeIdentifierOfTomorrow', unit: 'count' })]);
    const uploads = await eventually(() => listed<{ uploadId: string; state: string }>(app, '/uploads'), (found) => found.length === 2 && found.every(({ state }) => state === 'done'));
    expect(uploads).toMatchObject([
      { samples: 2, counts: { normalized: 1, failed: 1 }, failures: [{ index: 1, reason: 'no-rule' }] }, { samples: 2, counts: { normalized: 2, failed: 0 }, failures: [] },
    ]);
    for (const upload of uploads) expect(await (await app.get(`/uploads/${upload.uploadId}`)).json()).toEqual(upload);
    expect(await listed(app, '/uploads?_l=1')).toEqual(uploads.slice(0, 1));
    expect((await app.get('/uploads?_l=51')).status).toBe(400);
  });

  test('a sample that was there before counts to each upload that brought it, in the list as by itself', async () => {
    const app = await newEnrolledApp(vitalgate);
    const [first, second] = [sample('2024-07-01'), sample('2024-07-02', { type: 'HKQuantityTypeIdentifierOfTomorrow', unit: 'count' })];
    await app.post('/health-data', [first, second]);
    await app.post('/health-data', [first, sample('2024-07-03'), second, first]);
    const uploads = await eventually(() => listed<{ uploadId: string; state: string }>(app, '/uploads'), (found) => found.length === 2 && found.every(({ state }) => state === 'done'));
    expect(uploads).toMatchObject([
      { samples: 3, counts: { normalized: 2, failed: 1 }, failures: [{ index: 2, reason: 'no-rule' }] }, { samples: 2, counts: { normalized: 1, failed: 1 }, failures: [{ index: 1, reason: 'no-rule' }] },
    ]);
    for (const upload of uploads) expect(await (await app.get(`/uploads/${upload.uploadId}`)).json()).toEqual(upload);
  });

  test('types that have points are named with their first and last day', async () => {
    const app = await newEnrolledApp(vitalgate);
    expect(await listed(app, '/chart-data/types')).toEqual([]);
    await app.post('/health-data', [sample('2023-12-31'), sample('2024-07-02'), sample('2024-03-01', { type: 'BodyMass', unit: 'kg' })]);
    expect(await eventually(() => listed(app, '/chart-data/types'), (types) => types.length === 2)).toEqual([
      { normalizedDataType: 'body-weight', firstDay: '2024-03-01', lastDay: '2024-03-01' }, { normalizedDataType: 'heart-rate', firstDay: '2023-12-31', lastDay: '2024-07-02' },
    ]);
  });

  test('what adds up is marked in a chart, and nothing else is', async () => {
    const app = await newEnrolledApp(vitalgate);
    await app.post('/health-data', [sample('2024-07-01'), sample('2024-07-01', { type: 'StepCount', unit: 'count', value: 900 })]);
    const chart = (type: string) => eventually(() => listed<{ cumulative?: boolean }>(app, `/chart-data?normalizedDataType=${type}`), (series) => series.length === 1);
    expect([(await chart('step-count'))[0]?.cumulative, (await chart('heart-rate'))[0]?.cumulative]).toEqual([true, undefined]);
  });

  test('refusals are told for 90 days and then forgotten', async () => {
    const app = await newEnrolledApp(vitalgate);
    await app.post('/health-data', [sample(tomorrow)]);
    const { pool } = vitalgate.database;
    const age = (days: number) => pool.query('update device_manager.sample_refusal set refused_at = now() - make_interval(days => $1)', [days]);
    const { keyRing } = await openKeys(pool, { DATA_DIR: vitalgate.dataDir });
    const work = () => expire({ pool, keyRing, days: { payloads: undefined, healthData: undefined, quarantine: undefined, discarded: undefined }, isStopping: () => false });
    await age(89);
    expect([(await listed(app, '/uploads/refusals')).length, (await work())['refusals']]).toEqual([1, 0]);
    await age(91);
    expect(await listed(app, '/uploads/refusals')).toEqual([]);
    expect((await work())['refusals']).toBeGreaterThan(0);
    expect((await pool.query('select from device_manager.sample_refusal')).rowCount).toBe(0);
  });

  test('a service names the patient, and an operator must', async () => {
    const headers = { authorization: `Bearer ${vitalgate.serviceToken}` };
    for (const path of ['/uploads', '/uploads/refusals', '/chart-data/types']) {
      expect(await problemIn(await fetch(`${vitalgate.urls.deviceManager}${path}`, { headers }))).toEqual([400, 'invalid-request']);
      expect((await fetch(`${vitalgate.urls.deviceManager}${path}?patientId=nobody`, { headers })).status).toBe(200);
    }
  });
});

describe('in front of a Device Manager of another vendor', () => {
  afterEach(stopFronts);

  test.each(['/uploads', '/uploads/refusals', '/chart-data/types'])('GET %s is not supported', async (path) => {
    const { url } = await startFront();
    expect(await problemIn(await (await signedIn(url, 'anna', 'right')).get(path))).toEqual([501, 'not-supported']);
  });
});
