import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, chartOf, clientWith, eventually, heartRate, newPatient, refused, service, watch, type Client, type KeptRecord } from './client.ts';

interface Kept {
  readonly uploadId: string;
  readonly items: readonly { readonly _id: string; readonly status: string }[];
}

describe('keeping HealthKit samples', () => {
  let vitalgate: TestVitalgate;
  const json = { 'content-type': 'application/json' };
  const whole = { ...json, prefer: 'return=representation' };
  const enrolled = async (devices: readonly object[] = [watch]): Promise<{ patientId: string; client: Client }> => {
    const patientId = newPatient();
    const client = service(vitalgate, patientId);
    for (const device of devices) await answered(client.post('/devices/assign', device));
    return { patientId, client };
  };
  const upload = (client: Client, items: readonly unknown[], query = '') =>
    answered<Kept>(client.send(`/health-data/healthkit${query}`, { method: 'POST', headers: whole, body: JSON.stringify(items) }));
  const statusesOf = ({ items }: Kept) => items.map(({ status }) => status);
  const recordsOf = (client: Client) => answered<KeptRecord[]>(client.get('/health-data?_l=200&_p=rawData%2CpatientId'));
  const rowsIn = async (table: 'payload' | 'sample', patientId: string) =>
    Number((await vitalgate.database.pool.query<{ count: string }>(`select count(*) from device_manager.${table} where patient_id = $1`, [patientId])).rows[0]?.count);

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
  });
  afterAll(() => vitalgate.stop());

  test.each(['/health-data/healthkit', '/health-data/healthkit/', '/health-data/healthkit/HealthKitStandard-JSON', '/health-data/healthkit/standard-json', '/health-data/healthkit/json/'])(
    '%s answers identifiers in the order sent',
    async (path) => {
      const { client } = await enrolled();
      const items = [heartRate(2), heartRate(0), heartRate(1)];
      const first = await answered<{ _id: string }[]>(client.post(path, items));
      const turned = await answered<{ _id: string }[]>(client.post(path, items.toReversed()));
      expect(first.map((item) => Object.keys(item))).toEqual([['_id'], ['_id'], ['_id']]);
      expect(turned).toEqual(first.toReversed());
      const raw = await answered<KeptRecord>(client.get(`/health-data/${first[1]?._id ?? ''}`));
      expect(raw.rawData).toEqual(items[1]);
    },
  );

  test('an upload names its payload; one that adds nothing names the payload that keeps its first sample, and makes none', async () => {
    const { client, patientId } = await enrolled();
    const [old, fresh] = [heartRate(0), heartRate(1)];
    const first = await upload(client, [old]);
    const second = await upload(client, [old, fresh]);
    const third = await upload(client, [fresh, old]);
    expect([first, second, third].map(statusesOf)).toEqual([['created'], ['duplicate', 'created'], ['duplicate', 'duplicate']]);
    expect(second.uploadId).not.toBe(first.uploadId);
    expect(third.uploadId).toBe(second.uploadId);
    expect([await rowsIn('payload', patientId), await rowsIn('sample', patientId)]).toEqual([2, 2]);
    const { rows } = await vitalgate.database.pool.query<{ resource: string }>(`select resource from device_manager.audit_event where patient_id = $1 and event = 'samples-uploaded' order by at`, [patientId]);
    expect(rows.map(({ resource }) => resource)).toEqual([first, second, third].map(({ uploadId }) => `payload/${uploadId}`));
  });

  test('an empty upload keeps nothing', async () => {
    const { client, patientId } = await enrolled();
    expect(await answered(client.post('/health-data/healthkit', []))).toEqual([]);
    expect(await rowsIn('payload', patientId)).toBe(0);
  });

  describe('what is the same sample', () => {
    const item = heartRate(7);
    const upper = item.id.toUpperCase();
    test.each<[string, object, string]>([
      ['again as it was', item, 'duplicate'],
      ['with the UUID in capitals', { ...item, id: upper }, 'duplicate'],
      ['at another offset', { ...item, startDate: '2024-07-01T02:00:07.000+0200', endDate: '2024-07-01T02:00:07+02:00' }, 'duplicate'],
      ['with other metadata and source name', { ...item, metadata: { HKWasUserEntered: true }, sourceName: 'Other' }, 'duplicate'],
      ['with another value', { ...item, value: 72 }, 'conflict'],
      ['at another instant', { ...item, startDate: '2024-07-01T00:00:06Z' }, 'conflict'],
      ['as another type', { ...item, type: 'RestingHeartRate' }, 'conflict'],
    ])('%s', async (_situation, again, status) => {
      const { client } = await enrolled();
      const [first, second] = [await upload(client, [item]), await upload(client, [again])];
      expect(statusesOf(second)).toEqual([status]);
      expect(second.items[0]?._id).toBe(first.items[0]?._id);
      expect(await recordsOf(client)).toMatchObject([{ rawData: item }]);
    });

    test('inside one upload the first counts', async () => {
      const { client } = await enrolled();
      expect(statusesOf(await upload(client, [item, item, { ...item, value: 99 }]))).toEqual(['created', 'duplicate', 'conflict']);
      expect(await recordsOf(client)).toMatchObject([{ rawData: item }]);
    });

    test('a shape without UUID is known by its content', async () => {
      const { client } = await enrolled();
      const nameless = { ...item, id: undefined };
      expect(statusesOf(await upload(client, [nameless, { ...nameless, value: 72 }]))).toEqual(['created', 'created']);
      expect(statusesOf(await upload(client, [nameless]))).toEqual(['duplicate']);
    });

    test('from a new phone too', async () => {
      const { client } = await enrolled();
      const first = await upload(client, [item], '?deviceId=apple-12345');
      await answered(client.post('/devices/assign', { ...watch, deviceId: 'new-phone' }));
      const again = await upload(client, [item], '?deviceId=new-phone');
      expect([statusesOf(again), again.items[0]?._id]).toEqual([['duplicate'], first.items[0]?._id]);
    });

    test('of two patients with the same phone, source and UUID never', async () => {
      const [anna, ben] = [await enrolled(), await enrolled()];
      const [annas, bens] = [await upload(anna.client, [item]), await upload(ben.client, [{ ...item, value: 99 }])];
      expect([annas, bens].map(statusesOf)).toEqual([['created'], ['created']]);
      expect(annas.items[0]?._id).not.toBe(bens.items[0]?._id);
      expect(await recordsOf(anna.client)).toMatchObject([{ patientId: anna.patientId, rawData: { value: 71 } }]);
      expect(await recordsOf(ben.client)).toMatchObject([{ patientId: ben.patientId, rawData: { value: 99 } }]);
    });
  });

  test('identical uploads at once, forwards and backwards, create each sample once', async () => {
    const { client, patientId } = await enrolled();
    await upload(client, [heartRate(0)]); // the patient's keys are there: making them would put the uploads in a row
    for (const round of [1, 2]) {
      const items = Array.from({ length: 300 }, (_, second) => heartRate(round * 10_000 + second));
      const answers = await Promise.all(Array.from({ length: 6 }, (_, turn) => upload(client, turn % 2 === 0 ? items : items.toReversed())));
      expect(answers.flatMap(statusesOf).filter((status) => status === 'created')).toHaveLength(300);
      expect(answers.flatMap(statusesOf).filter((status) => status === 'conflict')).toHaveLength(0);
      expect([await rowsIn('sample', patientId), await rowsIn('payload', patientId)]).toEqual([1 + round * 300, 1 + round]);
    }
  });

  test('uploads that overlap at once, of a patient never seen before, keep the union', async () => {
    const { client, patientId } = await enrolled();
    const items = Array.from({ length: 300 }, (_, second) => heartRate(second));
    const answers = await Promise.all([0, 50, 100, 150, 200].map((from) => upload(client, items.slice(from, from + 100).toSorted(() => Math.random() - 0.5))));
    expect(answers.flatMap(statusesOf).filter((status) => status === 'created')).toHaveLength(300);
    expect(await rowsIn('sample', patientId)).toBe(300);
    const [series] = await chartOf(client, 'heart-rate', 300);
    expect(series?.data.map(({ x }) => x)).toEqual(items.map(({ startDate }) => Date.parse(startDate)));
  });

  test.each<[string, object, string, readonly [string, string, number][]]>([
    ['heart rate', { type: 'HeartRate', unit: 'bpm', value: 71 }, 'heart-rate', [['8867-4', '/min', 71]]],
    ['weight in pounds', { type: 'Weight', unit: 'pound', value: 150 }, 'body-weight', [['29463-7', 'kg', 68.04]]],
    ['temperature in Fahrenheit', { type: 'HKQuantityTypeIdentifierBodyTemperature', unit: 'degF', value: 98.6 }, 'body-temperature', [['8310-5', 'Cel', 37]]],
    ['saturation as a fraction', { type: 'OxygenSaturation', unit: '%', value: 0.97 }, 'oxygen-saturation', [['59408-5', '%', 97]]],
    ['glucose in milligrams', { type: 'BloodGlucose', unit: 'mg/dL', value: 99 }, 'blood-glucose', [['2339-0', 'mg/dL', 99]]],
    ['glucose in moles', { type: 'BloodGlucose', unit: 'mmol/L', value: 5.5 }, 'blood-glucose', [['15074-8', 'mmol/L', 5.5]]],
    ['steps', { type: 'StepCount', unit: 'count', value: 1200 }, 'step-count', [['55423-8', '{steps}', 1200]]],
    ['breaths', { type: 'RespiratoryRate', unit: 'count/min', value: 14 }, 'respiratory-rate', [['9279-1', '/min', 14]]],
    ['blood pressure', { type: 'BloodPressure', unit: 'mmHg', value: undefined, bloodPressureSystolicValue: 123, bloodPressureDiastolicValue: 79 }, 'blood-pressure', [['8480-6', 'mm[Hg]', 123], ['8462-4', 'mm[Hg]', 79]]],
  ])('%s becomes LOINC and UCUM, and a chart', async (_situation, given, type, expected) => {
    const { client } = await enrolled();
    const { items } = await upload(client, [heartRate(0, given)]);
    const record = await eventually(() => answered<KeptRecord>(client.get(`/health-data/${items[0]?._id ?? ''}`)), ({ state }) => state !== 'received');
    expect(record).toMatchObject({ state: 'normalized', normalizedDataType: type });
    const observations = record.normalizedData?.observations.map(({ code, unitCode, value }) => [code, unitCode, Math.round(value * 100) / 100]);
    expect(observations).toEqual(expected.map(([code, ...rest]) => [`https://loinc.org/${code}`, ...rest]));
    const series = await chartOf(client, type, expected.length);
    expect(series.map(({ data }) => data.map(({ x, y }) => [x, Math.round(y * 100) / 100]))).toEqual(expect.arrayContaining(expected.map(([, , y]) => [[Date.UTC(2024, 6, 1), y]])));
  });

  test.each([
    ['a type nobody knows', { type: 'HKQuantityTypeIdentifierTomorrow' }, 'no-rule'],
    ['no type at all', { type: undefined, unit: undefined }, 'type-unknown'],
  ])('%s is kept, and says why it is in no chart', async (_situation, more, reason) => {
    const { client } = await enrolled();
    const item = JSON.parse(JSON.stringify(heartRate(0, more))) as unknown;
    const { items } = await upload(client, [item]);
    const record = await eventually(() => answered<KeptRecord>(client.get(`/health-data/${items[0]?._id ?? ''}`)), ({ state }) => state !== 'received');
    expect(record).toMatchObject({ state: 'normalization-failed', reason, rawData: item });
  });

  describe('bad input keeps nothing', () => {
    let anna: { patientId: string; client: Client };
    beforeAll(async () => {
      anna = await enrolled();
    });
    const post = (body: string, { client = anna.client, path = '/health-data/healthkit' } = {}) => client.send(path, { method: 'POST', headers: json, body });

    test.each<[string, () => Promise<Response>, number, string, string | undefined]>([
      ['no credential', () => post('[]', { client: clientWith(vitalgate.urls.deviceManager, { miauserid: anna.patientId }) }), 401, 'unauthenticated', undefined],
      ['the key of a webhook sender', async () => post('[]', { client: clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key }) }), 401, 'unauthenticated', undefined],
      ['no patient', () => post('[]', { client: service(vitalgate) }), 400, 'user-header-missing', '/headers/miauserid'],
      ['an unknown format', () => post('[]', { path: '/health-data/healthkit/fhir' }), 400, 'unknown-format', '/path/format'],
      ['an unknown query parameter', () => post('[]', { path: '/health-data/healthkit?colour=red' }), 400, 'unknown-parameter', '/query/colour'],
      ['a NUL in the type of all', () => post('[]', { path: '/health-data/healthkit?type=%00' }), 400, 'invalid-text', '/query/type'],
      ['an empty body', () => post(''), 400, 'malformed-json', undefined],
      ['a truncated body', () => post('[{"value":'), 400, 'malformed-json', undefined],
      ['a body 33 levels deep', () => post('['.repeat(33) + ']'.repeat(33)), 400, 'too-deep', undefined],
      ['a duplicate key', () => post('[{"value":1,"value":2}]'), 400, 'duplicate-key', '/0/value'],
      ['a key __proto__', () => post('[{"__proto__":{}}]'), 400, 'forbidden-key', '/0/__proto__'],
      ['an object', () => post('{}'), 400, 'invalid-request', undefined],
      ['too many items', () => post(`[${Array.from({ length: 5001 }, () => '{}').join(',')}]`), 413, 'too-many-items', undefined],
      ['more than 10 MiB', () => post(`["${'x'.repeat(10_485_760)}"]`), 413, 'payload-too-large', undefined],
    ])('%s', async (_situation, ask, status, code, pointer) => {
      expect(await refused(ask())).toMatchObject({ status, code, ...(pointer !== undefined && { errors: [{ pointer }] }) });
      expect(await rowsIn('sample', anna.patientId)).toBe(0);
    });

    const good = heartRate(0);
    const dateless = { ...good, startDate: undefined };
    test.each<[string, unknown, string, string]>([
      ['without date', dateless, 'missing-date', '/1/startDate'],
      ['with an end before its start', { ...good, endDate: '2024-06-30T00:00:00Z' }, 'end-before-start', '/1/endDate'],
      ['from the far future', { ...good, startDate: '2124-07-01T00:00:00Z', endDate: '2124-07-01T00:00:00Z' }, 'date-in-future', '/1/startDate'],
      ['whose value is NaN', { ...good, value: 'NaN' }, 'invalid-value', '/1/value'],
      ['with a NUL', { ...good, sourceName: '\0' }, 'invalid-text', '/1/sourceName'],
      ['that is no object', 7, 'invalid-item', '/1'],
      ['of another patient', { ...good, patientId: 'somebody' }, 'not-your-data', '/1/patientId'],
    ])('one item %s refuses the whole, with a pointer', async (_situation, item, code, pointer) => {
      const answer = await refused(anna.client.post('/health-data/healthkit', [heartRate(1), item, heartRate(2)]));
      expect(answer).toMatchObject({ status: 400, code: 'invalid-request' });
      expect(answer.errors).toEqual([{ pointer, code, message: expect.any(String) }]);
      expect([await rowsIn('sample', anna.patientId), await rowsIn('payload', anna.patientId)]).toEqual([0, 0]);
    });

    test.each([
      ['no device at all', [], heartRate(0)],
      ['a device of somebody else', [watch], heartRate(0, { deviceId: 'foreign' })],
    ])('%s', async (_situation, devices, item) => {
      const { client, patientId } = await enrolled(devices);
      expect(await refused(client.post('/health-data/healthkit', [item]))).toMatchObject({ status: 409, code: 'device-not-enrolled', errors: [{ pointer: '/0/deviceId' }] });
      expect(await rowsIn('sample', patientId)).toBe(0);
    });
  });

  test('the device of a sample: its own, else that of the upload, else its source, else the last enrolled', async () => {
    const { client } = await enrolled([watch, { ...watch, deviceId: 'phone' }, { ...watch, deviceId: 'last' }]);
    const items = [heartRate(0, { deviceId: 'apple-12345', sourceId: 'phone' }), heartRate(1, { sourceId: 'phone' }), heartRate(2)];
    await upload(client, items);
    await upload(client, [heartRate(3, { id: randomUUID() })], '?deviceId=phone');
    const records = await answered<KeptRecord[]>(client.get('/health-data'));
    expect(records.map(({ deviceId }) => deviceId).toReversed()).toEqual(['apple-12345', 'phone', 'last', 'phone']);
  });
});
