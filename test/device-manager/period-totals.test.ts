import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { accessTokenOf, answered, clientWith, eventually, patientWithWatch, watch, type Client, type KeptRecord, type Series } from './client.ts';

interface Kept {
  readonly items: readonly { readonly _id: string; readonly status: string }[];
}
interface Type {
  readonly identifier: string;
  readonly version: number;
  readonly providerId: string;
  readonly dataTypes: readonly string[];
  readonly normalizedDataType: string;
  readonly normalizationRules: { readonly observations: readonly { readonly targets: readonly object[] }[] };
}
/** One request of an app: its body, under the query and in the format it names. */
type Sent = readonly [query: string, body: unknown];

let vitalgate: TestVitalgate;
beforeAll(async () => {
  vitalgate = await startTestVitalgate();
});
afterAll(() => vitalgate.stop());

const enrolled = () => patientWithWatch(vitalgate);
const upload = async (client: Client, [query, body]: Sent): Promise<string[]> => {
  const headers = { 'content-type': 'application/json', prefer: 'return=representation' };
  const { items } = await answered<Kept>(client.send(`/health-data/healthkit${query}`, { method: 'POST', headers, body: JSON.stringify(body) }));
  return items.map(({ status }) => status);
};
const idle = () => eventually(async () => (await vitalgate.database.pool.query('select from graphile_worker.jobs')).rowCount, (count) => count === 0);
const drawn = async (client: Client, type = 'step-count', query = '') => {
  await idle();
  const lines = await answered<(Series & { source?: string })[]>(client.get(`/chart-data?normalizedDataType=${type}${query}`));
  return lines.map(({ data }) => data.map(({ y }) => Math.round(y)));
};
const statesOf = async (client: Client) =>
  (await answered<KeptRecord[]>(client.get('/health-data?_l=200&_p=reason,rawData'))).map(({ state, reason }) => [state, reason].filter((word) => word !== undefined).join(' ')).toSorted();
/** What came so far came so many minutes earlier than it did. */
const minutesPass = async (patientId: string, minutes: number): Promise<void> => {
  await idle();
  await vitalgate.database.pool.query(`update device_manager.sample_group set received_at = received_at - make_interval(mins => $2) where patient_id = $1`, [patientId, minutes]);
};

const point = (qty: number, more: object = {}) => ({ date: '2024-07-23 00:00:00 +0200', qty, ...more });
const autoExport = (name: string, units: string, ...data: readonly object[]): Sent => ['/health-auto-export-json', { data: { metrics: [{ name, units, data }] } }];
const steps = (...data: readonly object[]): Sent => autoExport('step_count', 'count', ...data);
const hour = { startDate: '2024-07-23T10:00:00.000+0200', endDate: '2024-07-23T11:00:00.000+0200' };
const statistic = (value: number, more: object = {}) => ({ ...hour, value, metadata: [{ sourceId: 'com.apple.health.1', sourceName: 'Watch', quantity: value }], ...more });
const library = (...items: readonly object[]): Sent => ['?type=StepCount', items];
const rings = (activeEnergyBurned: number, more: object = {}): Sent => ['/react-native-healthkit-json?timeZone=Europe/Rome', [{ dateYear: 2024, dateMonth: 7, dateDay: 23, activeEnergyBurned, appleExerciseTime: 3, appleStandHours: 9, ...more }]];
const now = new Date();
const today = { dateYear: now.getUTCFullYear(), dateMonth: now.getUTCMonth() + 1, dateDay: now.getUTCDate() };
const summary = (activeEnergyBurned: number, offset: string): Sent =>
  ['', [{ startDate: `2024-07-23T00:00:00.000${offset}`, endDate: `2024-07-24T00:00:00.000${offset}`, activeEnergyBurned, appleExerciseTime: 3, appleStandHours: 9 }]];

describe('of the totals of a period the latest counts, and the others are kept', () => {
  test.each<[situation: string, sent: readonly Sent[], type: string, shown: number[], superseded: number]>([
    ['hours of Health Auto Export', [steps(point(3000)), steps(point(8000))], 'step-count', [8000], 1],
    ['hours in a zone the phone has come to', [steps(point(3000)), steps(point(8000, { date: '2024-07-22 18:00:00 -0400' }))], 'step-count', [8000], 1],
    ['hours on a clock of twelve', [steps(point(3000)), steps(point(8000, { date: '2024-07-23 12:00:00\u202fAM +0200' }))], 'step-count', [8000], 1],
    ['minutes', [steps(point(30, { date: '2024-07-23 08:04:00 +0200' })), steps(point(80, { date: '2024-07-23 08:04:00 +0200' }))], 'step-count', [80], 1],
    ['sources listed in another order', [steps(point(3000, { source: 'Watch|iPhone' })), steps(point(8000, { source: 'iPhone|Watch' }))], 'step-count', [8000], 1],
    ['energy that a phone tells in another unit', [autoExport('active_energy', 'kJ', point(4184)), autoExport('active_energy', 'kcal', point(1200))], 'active-energy', [1200], 1],
    ['what somebody ate in an hour', [autoExport('dietary_energy', 'kcal', point(200)), autoExport('dietary_energy', 'kcal', point(500))], 'dietary-energy-consumed', [500], 1],
    ['statistics of react-native-health', [library(statistic(3000)), library(statistic(8000))], 'step-count', [8000], 1],
    ['a sum that names no source', [library({ ...hour, value: 3000 }), library({ ...hour, value: 8000 })], 'step-count', [8000], 1],
    ['rings of react-native-healthkit', [rings(300), rings(450)], 'activity-summary', [450], 1],
    ['rings of today, which end ahead', [rings(300, today), rings(450, today)], 'activity-summary', [450], 1],
    ['rings of today, the older ones sent late', [rings(450, today), rings(300, today)], 'activity-summary', [450], 1],
    ['rings of a day, read in another zone', [summary(300, '+0200'), summary(450, '-0400')], 'activity-summary', [450], 1],
    ['the same body twice', [steps(point(8000)), steps(point(8000))], 'step-count', [8000], 0],
    ['an old body again', [steps(point(3000)), steps(point(8000)), steps(point(3000))], 'step-count', [8000], 1],
    ['an old body that comes for the first time after the newer one', [steps(point(8000)), steps(point(3000))], 'step-count', [8000], 1],
    ['three in any order', [steps(point(5000)), steps(point(8000)), steps(point(3000))], 'step-count', [8000], 2],
    ['an hour that goes on beside one that is over', [library(statistic(3000)), library(statistic(3000), statistic(70, { startDate: hour.endDate, endDate: '2024-07-23T12:00:00.000+0200' }))], 'step-count', [3000, 70], 0],
  ])('%s', async (_situation, sent, type, shown, superseded) => {
    const { client } = await enrolled();
    for (const one of sent) await upload(client, one);
    expect(await drawn(client, type, '&source=all')).toContainEqual(shown);
    const states = await statesOf(client);
    expect(states.filter((state) => state.startsWith('superseded '))).toHaveLength(superseded);
    expect(states.filter((state) => state === 'normalized')).toHaveLength(shown.length);
  });
});

describe('what is no total of one period counts beside the others', () => {
  test.each<[string, readonly Sent[], number[]]>([
    ['two sources', [steps(point(3000, { source: 'iPhone' })), steps(point(8000, { source: 'Watch' }))], [3000, 8000]],
    ['single samples of one moment in one list', [steps(point(30), point(80))], [30, 80]],
    ['single samples that begin within a minute', [steps(point(30, { date: '2024-07-23 08:04:17 +0200' })), steps(point(80, { date: '2024-07-23 08:04:17 +0200' }))], [30, 80]],
    ['samples of one source with the same dates', [library({ ...hour, value: 30, sourceId: 'app' }), library({ ...hour, value: 80, sourceId: 'app' })], [30, 80]],
    ['two hours', [library(statistic(30)), library(statistic(80, { startDate: hour.endDate, endDate: '2024-07-23T12:00:00.000+0200' }))], [30, 80]],
  ])('%s', async (_situation, sent, expected) => {
    const { client } = await enrolled();
    for (const one of sent) await upload(client, one);
    expect((await drawn(client, 'step-count', '&source=all')).flat().toSorted((a, b) => a - b)).toEqual(expected);
    expect(await statesOf(client)).toEqual(expected.map(() => 'normalized'));
  });

  test.each<[string, string, string, object]>([
    ['two meals that somebody entered for one minute', 'dietary_energy', 'kcal', { date: '2024-07-23 12:30:00 +0200' }],
    ['two doses, which say what they are for', 'insulin_delivery', 'IU', { reason: 'Bolus' }],
  ])('%s', async (_situation, name, units, more) => {
    const { client } = await enrolled();
    await upload(client, autoExport(name, units, point(5, more)));
    await upload(client, autoExport(name, units, point(7, more)));
    await idle();
    expect(await statesOf(client)).toEqual(['normalized', 'normalized']);
  });
});

describe('a total that became less', () => {
  const typed = point(50_000);
  const inFourMinutes = () => new Date(Date.now() + 4.5 * 60_000).toISOString();
  const pulse = () => ({ name: 'heart_rate', units: 'count/min', data: [{ date: inFourMinutes(), Avg: 61 }] });
  /** An upload that can only have been read just now: it holds a pulse of this moment, by a clock that is a little ahead. */
  const readNow = (...data: readonly object[]): Sent => ['/health-auto-export-json', { data: { metrics: [{ name: 'step_count', units: 'count', data }, pulse()] } }];

  test.each([['something else', 2000], ['what the first one had said before', 3000]])('does not count where another phone says so, which may not know all: %s', async (_situation, less) => {
    const { client, patientId } = await enrolled();
    await answered(client.post('/devices/assign', { ...watch, deviceId: 'old-phone' }));
    const [newPhone, oldPhone] = ['?deviceId=apple-12345', '?deviceId=old-phone'];
    const from = (phone: string, [path, body]: Sent): Sent => [path + phone, body];
    for (const steady of [3000, 8000]) await upload(client, from(newPhone, steps(point(steady))));
    await minutesPass(patientId, 10);
    await upload(client, from(oldPhone, readNow(point(less))));
    expect(await drawn(client)).toEqual([[8000]]);
  });

  test.each<[string, readonly object[], number]>([
    ['counts where its upload was read after the larger one came', [typed, point(2900)], 2900],
    ['counts also where the same was kept before', [point(3000), typed, point(3000)], 3000],
  ])('%s', async (_situation, points, expected) => {
    const { client, patientId } = await enrolled();
    for (const one of points.slice(0, -1)) {
      await upload(client, steps(one));
      await minutesPass(patientId, 10);
    }
    await upload(client, readNow(...points.slice(-1)));
    expect(await drawn(client)).toEqual([[expected]]);
    // The old bodies again prove nothing.
    for (const one of points.slice(0, -1)) await upload(client, steps(one));
    expect(await drawn(client)).toEqual([[expected]]);
  });
});

describe('whatever became of the bytes of an earlier total, the latest counts alone', () => {
  test.each<[string, string, readonly number[], number]>([
    ['they are kept no more, and it was larger', 'body = null', [8000, 3000], 8000],
    ['they are kept no more, and it was smaller', 'body = null', [3000, 8000], 8000],
    ['they were changed, and it was larger', `body = body || '\\x00'`, [8000, 3000], 8000],
    ['they were changed, and it was smaller', `body = body || '\\x00'`, [3000, 8000], 8000],
  ])('%s', async (_situation, damage, [first = 0, second = 0], expected) => {
    const { client, patientId } = await enrolled();
    await upload(client, steps(point(first)));
    await idle();
    await vitalgate.database.pool.query(`update device_manager.payload set ${damage} where patient_id = $1`, [patientId]);
    await upload(client, steps(point(second)));
    expect(await drawn(client)).toEqual([[expected]]);
    const { rows } = await vitalgate.database.pool.query('select state, reason from device_manager.whole_sample where patient_id = $1 order by state', [patientId]);
    expect(rows).toEqual([{ state: 'normalized', reason: null }, { state: 'superseded', reason: 'larger-total' }]);
  });
});

test('a total that was read again counts beside one that was read before and comes late', async () => {
  const { client, patientId } = await enrolled();
  const readAgo = (minutes: number, qty: number): Sent =>
    ['/health-auto-export-json', { data: { metrics: [{ name: 'step_count', units: 'count', data: [point(qty)] }, { name: 'heart_rate', units: 'count/min', data: [{ date: new Date(Date.now() - minutes * 60_000).toISOString(), Avg: 61 }] }] } }];
  await upload(client, steps(point(8000)));
  await minutesPass(patientId, 30);
  await upload(client, readAgo(0, 8000));
  await upload(client, readAgo(20, 3000));
  expect(await drawn(client)).toEqual([[8000]]);
});

test('a total that grew counts after its rule was changed to another unit, in which it is the smaller number', async () => {
  const { client } = await enrolled();
  const operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'operator')}` });
  const path = '/health-data-types/healthkit-active-energy-burned';
  const { identifier, version, providerId, dataTypes, normalizedDataType, normalizationRules } = await answered<Type>(operator.get(path));
  const change = async (since: number, unit: string): Promise<number> => {
    const observations = normalizationRules.observations.map((one) => ({ ...one, targets: one.targets.map((target) => ({ ...target, unit, unitCode: unit })) }));
    const body = JSON.stringify({ identifier, providerId, dataTypes, normalizedDataType, normalizationRules: { ...normalizationRules, observations } });
    return (await answered<Type>(operator.send(`${path}?version=${String(since)}`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body }))).version;
  };
  const inKilojoules = await change(version, 'kJ');
  await upload(client, autoExport('active_energy', 'kcal', point(500)));
  expect(await drawn(client, normalizedDataType)).toEqual([[2092]]);
  await change(inKilojoules, 'kcal');
  await upload(client, autoExport('active_energy', 'kcal', point(520)));
  expect(await drawn(client, normalizedDataType)).toEqual([[520]]);
  expect(await statesOf(client)).toEqual(['normalized', 'superseded larger-total']);
});

test('two phones at once, and everything normalized again: one total stays', async () => {
  const { client, patientId } = await enrolled();
  const rounds = Array.from({ length: 12 }, (_, turn) => statistic(100 * (turn + 1)));
  const answers = await Promise.all(rounds.flatMap((one) => [upload(client, library(one)), upload(client, library(one))]));
  expect(answers.flat().filter((status) => status === 'created')).toHaveLength(12);
  expect(await drawn(client)).toEqual([[1200]]);
  const operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'operator')}` });
  expect((await operator.post('/renormalizations', { patientId })).status).toBe(202);
  expect(await drawn(client)).toEqual([[1200]]);
  for (const { _id } of await answered<KeptRecord[]>(client.get('/health-data?_l=200'))) await client.send(`/health-data/normalize-data/${_id}`, { method: 'PATCH' });
  expect(await drawn(client)).toEqual([[1200]]);
  expect((await statesOf(client)).filter((state) => state === 'normalized')).toHaveLength(1);
});
