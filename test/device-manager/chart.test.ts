import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, bloodPressure, clientWith, cuff, eventually, newPatient, refused, service, type Client } from './client.ts';

interface Line {
  readonly name: string;
  readonly source?: string;
  readonly chosenSources?: readonly string[];
  readonly sources: readonly string[];
  readonly interval?: string;
  readonly data: readonly { readonly x: number; readonly y: number; readonly min?: number; readonly max?: number; readonly count?: number }[];
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const start = Date.UTC(2024, 2, 1);
const sample = (type: string, unit: string, value: number, epochMs: number, sourceId = 'watch') =>
  ({ id: randomUUID(), type, unit, value, sourceId, startDate: new Date(epochMs).toISOString(), endDate: new Date(epochMs).toISOString() });

/** What askers and proxies say of a tag at hand, and what is answered. */
const knownAs = (etag: string): [string, number][] => [[`W/${etag}`, 304], [`"another", ${etag}`, 304], [`"another",W/${etag}`, 304], ['*', 304], ['"another"', 200], ['W/"another"', 200], [etag.slice(1, -1), 200]];

describe('a chart', () => {
  let vitalgate: TestVitalgate;
  let patient: string;
  let client: Client;
  const keep = async (samples: readonly object[], of = client) => {
    for (let from = 0; from < samples.length; from += 1000) await answered(of.post('/health-data/healthkit', samples.slice(from, from + 1000)));
  };
  const ask = (query: string) => client.get(`/chart-data?normalizedDataType=${query}`);
  const chart = async (query: string): Promise<Line[]> => answered<Line[]>(ask(query));
  const allNormalized = async (of: Client) => eventually(async () => (await answered<unknown[]>(of.get('/health-data?state=received&_l=1'))).length, (waiting) => waiting === 0);
  const enrolled = async (): Promise<Client> => {
    const one = service(vitalgate, newPatient());
    await answered(one.post('/devices/assign', { deviceId: `watch-${randomUUID()}`, deviceType: 'Wearable', deviceProvider: 'healthkit', name: 'Watch' }));
    return one;
  };

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    patient = newPatient();
    client = service(vitalgate, patient);
    await answered(client.post('/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'healthkit', name: 'Watch' }));
    // Forty days of a heart rate each half hour, none on the tenth day; steps of watch and phone over two days.
    const rates = Array.from({ length: 40 * 48 }, (_, index) => index).filter((index) => Math.floor(index / 48) !== 9).map((index) => sample('HeartRate', 'bpm', 50 + (index % 48), start + index * 30 * minuteMs));
    const steps = Array.from({ length: 48 }, (_, hour) => [sample('StepCount', 'count', 100, start + hour * 60 * minuteMs), sample('StepCount', 'count', 70, start + hour * 60 * minuteMs + 1, 'phone')]).flat();
    await keep([...rates, ...steps]);
    await allNormalized(client);
  }, 60_000);
  afterAll(() => vitalgate.stop());

  test('of few values shows each', async () => {
    const [line] = await chart(`heart-rate&to=${new Date(start + dayMs).toISOString()}`);
    expect(line).toMatchObject({ name: 'Heart rate [bpm]', sources: ['watch'] });
    expect(line?.data).toEqual(Array.from({ length: 48 }, (_, index) => ({ x: start + index * 30 * minuteMs, y: 50 + index })));
    expect(line?.interval).toBeUndefined();
  });

  test('of many values shows at most as many buckets as asked, with mean, least, most and count, and none in a gap', async () => {
    const [line] = await chart('heart-rate&points=50');
    expect(line).toMatchObject({ interval: 'P1D' });
    expect(line?.data).toHaveLength(39);
    expect(line?.data[0]).toEqual({ x: start, y: 73.5, min: 50, max: 97, count: 48 });
    expect(line?.data.map(({ x }) => (x - start) / dayMs)).not.toContain(9);
    expect((await chart('heart-rate'))[0]?.data.length).toBeLessThanOrEqual(500);
  });

  test.each<[string, string, string, number]>([
    ['values, in short buckets', `from=2024-03-02T00:10:00Z&to=2024-03-02T06:20:00Z&points=4`, 'PT3H', 12],
    ['hours, with the values at either end', `from=2024-03-02T00:10:00Z&to=2024-03-22T06:20:00Z&points=42`, 'PT12H', 924],
  ])('is made of %s: nothing is lost or doubled at the limits of its time', async (_situation, query, interval, count) => {
    const [line] = await chart(`heart-rate&${query}`);
    expect(line?.interval).toBe(interval);
    expect(line?.data.reduce((sum, one) => sum + (one.count ?? 0), 0)).toBe(count);
  });

  test('within one hour holds each value of its time once, and none beside it', async () => {
    const own = await enrolled();
    await keep([5, 15, 25, 35, 45, 55].map((minute) => sample('StepCount', 'count', minute, start + (10 * 60 + minute) * minuteMs)), own);
    await allNormalized(own);
    const [line] = await answered<Line[]>(own.get('/chart-data?normalizedDataType=step-count&points=2&from=2024-03-01T10:10:00Z&to=2024-03-01T10:50:00Z'));
    expect(line?.data.reduce((sum, { count = 1, y }) => ({ count: sum.count + count, steps: sum.steps + y }), { count: 0, steps: 0 })).toEqual({ count: 4, steps: 120 });
  });

  test('adds up the minutes of sleep of one source, and the events of all', async () => {
    const own = await enrolled();
    const lasting = (type: string, value: string | number, epochMs: number, sourceId: string) => ({ ...sample(type, 'min', 0, epochMs, sourceId), unit: undefined, value, endDate: new Date(epochMs + 18 * minuteMs).toISOString() });
    const nights = Array.from({ length: 30 }, (_, index) => start + Math.floor(index / 10) * dayMs + (index % 10) * 20 * minuteMs);
    await keep(nights.flatMap((epochMs) => [lasting('SleepAnalysis', 'CORE', epochMs, 'watch'), ...(epochMs % (2 * 20 * minuteMs) === 0 ? [lasting('SleepAnalysis', 'CORE', epochMs + 1, 'phone')] : [])]), own);
    await keep(nights.map((epochMs, index) => lasting('HKCategoryTypeIdentifierHeadache', 2, epochMs, index % 3 === 0 ? 'diary' : 'watch')), own);
    await allNormalized(own);
    const drawn = async (type: string) => (await answered<(Line & { cumulative?: boolean })[]>(own.get(`/chart-data?normalizedDataType=${type}&points=4`))).map(({ interval, cumulative, source, data }) => ({ interval, cumulative, source, y: data.map(({ y }) => y) }));
    expect(await drawn('sleep-analysis')).toEqual([{ interval: 'P1D', cumulative: true, source: 'watch', y: [180, 180, 180] }]);
    expect(await drawn('headache')).toEqual([{ interval: 'P1D', cumulative: true, source: undefined, y: [10, 10, 10] }]);
  });

  test('begins its days at midnight of the time zone', async () => {
    const [line] = await chart('heart-rate&points=50&timeZone=America/New_York&from=2024-03-05T00:00:00Z');
    expect(line?.data.slice(2, 8).map(({ x }) => new Date(x).toISOString().slice(8, 13))).toEqual(['06T05', '07T05', '08T05', '09T05', '10T05', '11T04']);
  });

  describe('of a zone that is half an hour off', () => {
    /** Steps before and after midnight of Kolkata, which is 18:30 in UTC, and at noon there, over some days from 1 March on. */
    const walked = async (days: number): Promise<Client> => {
      const own = await enrolled();
      const midnights = Array.from({ length: days }, (_, day) => start + day * dayMs + (18 * 60 + 30) * minuteMs);
      await keep(midnights.flatMap((midnight) => [[-10, 1], [10, 20], [12 * 60, 300]].map(([minute = 0, steps = 0]) => sample('StepCount', 'count', steps, midnight + minute * minuteMs))), own);
      await allNormalized(own);
      return own;
    };
    const daysOf = async (own: Client, points: number) =>
      (await answered<Line[]>(own.get(`/chart-data?normalizedDataType=step-count&timeZone=Asia/Kolkata&points=${String(points)}`))).map(({ interval, data }) => [interval, ...data.slice(0, 3).map(({ x, y }) => [new Date(x).toISOString(), y])]);
    const midnight = (day: string) => `2024-${day}T18:30:00.000Z`;

    test('a value after midnight counts to the day that begins', async () => {
      expect(await daysOf(await walked(40), 50)).toEqual([['P1D', [midnight('02-29'), 1], [midnight('03-01'), 321], [midnight('03-02'), 321]]]);
    });

    test('in weeks each begins at midnight, also over more days than could be read one by one', async () => {
      const own = await walked(420);
      expect((await daysOf(own, 70)).map(([interval, , , third]) => [interval, third])).toEqual([['P7D', [midnight('03-13'), 7 * 321]]]);
      // Of more than 400 days that begin inside of hours these stay whole, as the specification says.
      expect(await daysOf(own, 450)).toEqual([['P1D', [midnight('02-29'), 21], [midnight('03-01'), 321], [midnight('03-02'), 321]]]);
    });
  });

  test('limited to a type that another provider has under the same name shows what was delivered, too', async () => {
    const own = await enrolled();
    const sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
    await answered(own.post('/devices/assign', { ...cuff('Maker:Cuff:1'), assignedFrom: '2024-01-01T00:00:00Z' }));
    await answered(sender.post('/health-data/medisante', bloodPressure({ id: 'Maker:Cuff:1' }, new Date(start).toISOString())));
    await keep([{ ...sample('BloodPressure', 'mmHg', 0, start + minuteMs), value: undefined, bloodPressureSystolicValue: 120, bloodPressureDiastolicValue: 80 }], own);
    await allNormalized(own);
    const values = async (type: string) => (await answered<Line[]>(own.get(`/chart-data?normalizedDataType=blood-pressure&type=${type}`))).filter(({ name }) => name.startsWith('Systolic')).map(({ data }) => data.map(({ x, y }) => [x - start, Math.round(y)]));
    expect(await values('BloodPressure')).toEqual([[[0, 123], [minuteMs, 120]]]);
    expect(await values('HKCorrelationTypeIdentifierBloodPressure')).toEqual([[[minuteMs, 120]]]);
  });

  test('adds up steps of one source, the one with most, and says which; others on request', async () => {
    const days = (line: Line | undefined) => line?.data.map(({ y }) => y);
    const query = 'step-count&points=3';
    const [line] = await chart(query);
    expect([line?.interval, line?.source, line?.sources, days(line)]).toEqual(['P1D', 'watch', ['watch', 'phone'], [2400, 2400]]);
    expect(days((await chart(`${query}&source=phone`))[0])).toEqual([1680, 1680]);
    const [all] = await chart(`${query}&source=all`);
    expect([all?.source, days(all)]).toEqual([undefined, [4080, 4080]]);
    expect(await chart(`${query}&source=nobody`)).toEqual([]);
  });

  test.each<[situation: string, query: string, type: string, unit: string, told: [source: string, hour: number, amount: number][], source: string | undefined, total: number]>([
    ['insulin of pump and pen', 'insulin-delivery', 'InsulinDelivery', 'IU', [['pump', 1, 2], ['pen', 1, 3], ['pen', 30, 4]], undefined, 9],
    ['water of two apps', 'dietary-water', 'DietaryWater', 'mL', [['drinks', 1, 500], ['diary', 1, 250]], undefined, 0.75],
    ['water of an hour that one app told, and then the sum of two', 'dietary-water', 'DietaryWater', 'mL', [['diary', 1, 500], ['drinks|diary', 1, 750], ['diary', 2, 250]], undefined, 1],
    ['all water of an hour that one app told, and then the sum of two', 'dietary-water&source=all', 'DietaryWater', 'mL', [['diary', 1, 500], ['drinks|diary', 1, 750], ['diary', 2, 250]], undefined, 1],
    ['insulin minute by minute, of which one is of both', 'insulin-delivery', 'InsulinDelivery', 'IU', [['pump', 1, 1], ['pump', 1.25, 2], ['pump|pen', 1.5, 5]], undefined, 8],
    ['mindful minutes of two apps', 'mindful-session', 'MindfulSession', '', [['calm', 1, 0], ['breathe', 2, 0]], undefined, 20],
    ['steps of one total, whose sources come in any order', 'step-count', 'StepCount', 'count', [['phone|watch', 1, 100], ['watch|phone', 2, 50], ['phone', 1, 120]], 'phone|watch', 150],
    ['steps of sources that are asked for in another order', 'step-count&source=watch|phone', 'StepCount', 'count', [['phone|watch', 1, 100], ['watch|phone', 2, 50], ['phone', 1, 200]], 'phone|watch', 150],
  ])('adds up %s', async (_situation, query, type, unit, told, source, total) => {
    const own = await enrolled();
    await keep(told.map(([sourceId, hour, amount]) => ({ ...sample(type, unit, amount, start + hour * 60 * minuteMs, sourceId), ...(unit === '' && { unit: undefined, value: 0, endDate: new Date(start + (hour * 60 + 10) * minuteMs).toISOString() }) })), own);
    await allNormalized(own);
    for (const points of [2, 500]) {
      const lines = await answered<Line[]>(own.get(`/chart-data?normalizedDataType=${query}&points=${String(points)}`));
      expect(lines.map((line) => [line.source, line.data.reduce((sum, { y }) => sum + y, 0)])).toEqual([[source, expect.closeTo(total, 6)]]);
    }
  });

  const atHour = (hour: number): number => start + hour * 60 * minuteMs;
  test.each<[situation: string, query: string, told: [source: string, hour: number, steps: number][], choice: Pick<Line, 'source' | 'chosenSources'>, days: number[]]>([
    ['of a day that only the phone counted, and of two after a watch was bought', '', [['phone', 1, 200], ['phone', 25, 100], ['watch', 26, 250], ['phone', 49, 120], ['watch', 50, 260]], { chosenSources: ['watch', 'phone'] }, [200, 250, 260]],
    ['of a day on which the watch lay at home', '', [['phone', 1, 90], ['watch', 1, 100], ['phone', 25, 800], ['watch', 25, 3], ['phone', 49, 90], ['watch', 49, 100]], { chosenSources: ['phone', 'watch'] }, [100, 800, 100]],
    ['of days that the same one counted most of', '', [['phone', 1, 90], ['watch', 1, 100], ['phone', 25, 80], ['watch', 26, 110], ['watch', 49, 1]], { source: 'watch' }, [100, 110, 1]],
    ['of one of three that each counted a day', '', [['one', 1, 1], ['two', 25, 2], ['three', 49, 3]], { chosenSources: ['three', 'two', 'one'] }, [1, 2, 3]],
    ['of sources that counted the same', '', [['phone', 1, 5], ['watch', 1, 5], ['phone', 25, 5], ['watch', 25, 5], ['phone', 49, 5], ['watch', 49, 5]], { source: 'phone' }, [5, 5, 5]],
    ['by the days of a time zone', '&timeZone=Asia/Kolkata', [['phone', 17, 100], ['watch', 18, 90], ['phone', 19, 10], ['watch', 20, 150], ['phone', 40, 70], ['phone', 43, 5]], { chosenSources: ['watch', 'phone'] }, [100, 150, 5]],
    ['of the one that is asked for', '&source=phone', [['phone', 1, 300], ['phone', 25, 100], ['watch', 26, 250], ['phone', 49, 5]], { source: 'phone' }, [300, 100, 5]],
    ['of all that are asked for', '&source=all', [['phone', 1, 300], ['phone', 25, 100], ['watch', 26, 250], ['phone', 49, 5]], {}, [300, 350, 5]],
  ])('shows steps %s', async (_situation, query, told, choice, expected) => {
    const own = await enrolled();
    await keep(told.map(([sourceId, hour, steps]) => sample('StepCount', 'count', steps, atHour(hour), sourceId)), own);
    await allNormalized(own);
    const zone = new URLSearchParams(query).get('timeZone') ?? 'UTC';
    const dayOf = new Intl.DateTimeFormat('sv', { timeZone: zone });
    for (const points of [4, 500]) {
      const [line] = await answered<Line[]>(own.get(`/chart-data?normalizedDataType=step-count&points=${String(points)}${query}`));
      const byDay = Map.groupBy(line?.data ?? [], ({ x }) => dayOf.format(x));
      expect({ source: line?.source, chosenSources: line?.chosenSources }).toEqual({ source: undefined, chosenSources: undefined, ...choice });
      expect([...byDay.values()].map((some) => some.reduce((sum, { y }) => sum + y, 0))).toEqual(expected);
    }
  });

  test('takes each day of a week from one source, also where midnight is inside of an hour of UTC', async () => {
    const own = await enrolled();
    const told: readonly [source: string, day: number, hour: number, steps: number][] = [['phone', 0, 12, 10], ['phone', 5, 6.5, 2000], ['watch', 5, 18 + 35 / 60, 2500], ['watch', 6, 6.5, 6000], ['phone', 13, 12, 10]];
    await keep(told.map(([sourceId, day, hour, steps]) => sample('StepCount', 'count', steps, atHour(24 * day + hour), sourceId)), own);
    await allNormalized(own);
    const [line] = await answered<Line[]>(own.get('/chart-data?normalizedDataType=step-count&points=4&timeZone=Asia/Kolkata'));
    expect([line?.interval, line?.chosenSources, line?.data.reduce((sum, { y }) => sum + y, 0)]).toEqual(['P7D', ['watch', 'phone'], 10 + 2000 + 8500 + 10]);
  });

  test('that the asker has is not sent again, until a value comes', async () => {
    const own = await enrolled();
    await keep([sample('HeartRate', 'bpm', 60, start)], own);
    await allNormalized(own);
    const read = (etag?: string) => own.send('/chart-data?normalizedDataType=heart-rate', { ...(etag !== undefined && { headers: { 'if-none-match': etag } }) });
    const first = await read();
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]+"$/);
    const second = await read(etag);
    expect([second.status, await second.text(), second.headers.get('etag')]).toEqual([304, '', etag]);
    for (const [given, status] of knownAs(etag)) expect([given, (await read(given)).status]).toEqual([given, status]);
    await keep([sample('HeartRate', 'bpm', 61, start + 1000)], own);
    await allNormalized(own);
    const third = await read(etag);
    expect([third.status, ((await third.json()) as Line[])[0]?.data.length]).toEqual([200, 2]);
    expect((await client.send('/chart-data?normalizedDataType=heart-rate', { headers: { 'if-none-match': etag } })).status).toBe(200);
  });

  test('stays as it is when samples are normalized again', async () => {
    const before = await chart('heart-rate&points=50');
    const [record] = await answered<{ _id: string }[]>(client.get('/health-data?normalizedDataType=heart-rate&_l=1'));
    await answered(client.send(`/health-data/normalize-data/${record?._id ?? ''}`, { method: 'PATCH' }));
    expect(await chart('heart-rate&points=50')).toEqual(before);
  });

  test.each<[string, unknown, number]>([
    ['a time', [{ property: 'recordedAt', operator: 'between', value: ['2024-03-01T00:00:00Z', '2024-03-01T01:00:00Z'] }], 3],
    ['a time under its other name, as a labelled value', [{ property: 'observedAt', operator: 'lessEqual', value: { label: 'one', value: '2024-03-01T00:30:00.000Z' } }], 2],
    ['two limits', [{ property: 'recordedAt', operator: 'greater', value: '2024-03-01T00:00:00Z' }, { property: 'recordedAt', operator: 'less', value: '2024-03-01T01:00:00Z' }], 1],
    ['one that is not applied', [{ property: 'recordedAt', operator: 'less', value: '2020-01-01T00:00:00Z', applied: false }], 48 * 2],
    ['a property of another chart', [{ property: 'planId', operator: 'equal', value: '668253dd1f4092358e249610' }], 48 * 2],
    ['another raw type', [{ property: 'rawDataType', operator: 'equal', value: 'HKQuantityTypeIdentifierStepCount' }], 0],
  ])('takes filters of chart components: %s', async (_situation, filters, expected) => {
    const [line] = await chart(`heart-rate&to=2024-03-03T00:00:00Z&filters=${encodeURIComponent(JSON.stringify(filters))}`);
    expect(line?.data.length ?? 0).toBe(expected);
  });

  test.each<[string, string, string]>([
    ['no JSON', 'filters=[{', '/query/filters'],
    ['filters that are no list', 'filters={}', '/query/filters'],
    ['an operator nobody knows', `filters=${encodeURIComponent('[{"property":"recordedAt","operator":"near","value":1}]')}`, '/query/filters/0/operator'],
    ['a time that is none', `filters=${encodeURIComponent('[{"property":"recordedAt","operator":"less","value":"soon"}]')}`, '/query/filters/0/value'],
    ['a time zone nobody knows', 'timeZone=Mars/Olympus', '/query/timeZone'],
    ['one point', 'points=1', '/query/points'],
    ['too many points', 'points=5001', '/query/points'],
    ['half a point', 'points=2.5', '/query/points'],
  ])('%s is refused with its place', async (_situation, query, pointer) => {
    expect(await refused(ask(`heart-rate&${query}`))).toMatchObject({ status: 400, code: 'invalid-request', errors: [{ pointer }] });
  });

  test('through the BFF is the same, with its tag and its refusals', async () => {
    const user = await vitalgate.addUser();
    const cookie = await vitalgate.signIn(user);
    const bff = (path: string, init: RequestInit = {}) => fetch(`${vitalgate.urls.bff}${path}`, { ...init, headers: { cookie, 'content-type': 'application/json', ...(init.headers as Record<string, string>) } });
    await bff('/devices/assign', { method: 'POST', body: JSON.stringify({ deviceId: 'w', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' }) });
    await bff('/health-data', { method: 'POST', body: JSON.stringify(Array.from({ length: 30 }, (_, index) => sample('HeartRate', 'bpm', 60, start + index * dayMs))) });
    const path = '/chart-data?normalizedDataType=heart-rate&points=5&timeZone=Europe/Rome';
    const first = await eventually(async () => {
      const answer = await bff(path);
      return { etag: answer.headers.get('etag') ?? '', lines: (await answer.json()) as Line[] };
    }, ({ lines }) => lines.length > 0);
    expect(first.lines[0]).toMatchObject({ interval: 'P14D', sources: ['watch'] });
    const again = await bff(path, { headers: { 'if-none-match': first.etag } });
    expect([again.status, again.headers.get('etag')]).toEqual([304, first.etag]);
    for (const [given, status] of knownAs(first.etag)) {
      const answer = await bff(path, { headers: { 'if-none-match': given } });
      expect([given, answer.status, answer.headers.get('etag')]).toEqual([given, status, first.etag]);
    }
    expect(await refused(bff(`${path}x`))).toMatchObject({ status: 400, errors: [{ pointer: '/query/timeZone' }] });
  });
});
