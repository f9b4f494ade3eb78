import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { accessTokenOf, answered, chartOf, clientWith, eventually, heartRate, newPatient, refused, service, watch, type Client, type KeptRecord, type Series } from './client.ts';

const midnight = Date.UTC(2024, 6, 1);
const day = 86_400;

describe('reading samples and charts', () => {
  let vitalgate: TestVitalgate;
  let operator: Client;
  const [anna, ben] = [newPatient(), newPatient()];
  let annas: Client;
  let bens: Client;
  let ids: string[];

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'operator')}` });
    [annas, bens] = [service(vitalgate, anna), service(vitalgate, ben)];
    for (const client of [annas, bens]) await answered(client.post('/devices/assign', watch));
    const items = [heartRate(day, { value: 62 }), heartRate(0, { value: 60 }), heartRate(60, { value: 61 }), heartRate(2 * day, { type: 'Mystery', unit: undefined })];
    ids = (await answered<{ _id: string }[]>(annas.post('/health-data/healthkit', items))).map(({ _id }) => _id);
    await answered(bens.post('/health-data/healthkit', [heartRate(0, { value: 99 })]));
    for (const [client, points] of [[annas, 3], [bens, 1]] as const) await chartOf(client, 'heart-rate', points);
  });
  afterAll(() => vitalgate.stop());

  const idsOf = async (client: Client, query: string) => (await answered<KeptRecord[]>(client.get(`/health-data${query}`))).map(({ _id }) => _id);

  test.each<[string, string, readonly number[]]>([
    ['all, the newest first', '', [3, 0, 2, 1]],
    ['one', '?_l=1', [3]],
    ['the second and third', '?_l=2&_sk=1', [0, 2]],
    ['by type in its short form', '?rawDataType=HeartRate', [0, 2, 1]],
    ['by normalized type however spelled', '?normalizedDataType=Heart_Rate', [0, 2, 1]],
    ['by state', '?state=normalization-failed', [3]],
    ['by provider under its other name', '?providerId=apple-healthkit&_l=1', [3]],
    ['of a provider that sent nothing', '?providerId=medisante', []],
    ['by device', '?deviceId=apple-12345&_l=1', [3]],
    ['from an instant on', `?from=2024-07-02T00:00:00Z`, [3, 0]],
    ['before an instant, at another offset', `?to=2024-07-02T02:00:00%2B02:00`, [2, 1]],
  ])('lists samples: %s', async (_situation, query, expected) => {
    expect(await idsOf(annas, query)).toEqual(expected.map((index) => ids[index]));
  });

  test('a list leaves raw data out unless asked; one sample has its own item alone', async () => {
    const [plain] = await answered<KeptRecord[]>(annas.get('/health-data?_l=1'));
    const [named] = await answered<KeptRecord[]>(annas.get('/health-data?_l=1&_p=rawData'));
    expect(plain).not.toHaveProperty('rawData');
    expect(named).toMatchObject({ _id: ids[3], rawData: { type: 'Mystery' } });
    expect(named).not.toHaveProperty('recordedAt');
    expect(await answered(annas.get(`/health-data/${ids[0]?.toUpperCase() ?? ''}`))).toMatchObject({ _id: ids[0], rawData: { value: 62 }, state: 'normalized', ruleId: 'healthkit-heart-rate', ruleVersion: 1 });
  });

  test('who speaks for nobody in particular, and an operator, see all patients, or the one they name', async () => {
    for (const client of [service(vitalgate), operator]) {
      expect(await idsOf(client, '')).toHaveLength(5);
      expect(await idsOf(client, `?patientId=${ben}`)).toHaveLength(1);
      expect(await answered<Series[]>(client.get(`/chart-data?normalizedDataType=heart-rate&_id=${ben}`))).toEqual([{ name: 'Heart rate [bpm]', sources: ['com.apple.health.142CD7CC'], data: [{ x: midnight, y: 99 }] }]);
      expect(await answered<KeptRecord>(client.get(`/health-data/${ids[1] ?? ''}`))).toMatchObject({ patientId: anna });
    }
  });

  describe('a service that names its patient in a way that cannot be used', () => {
    const unusable: [string, string][] = [['by nothing', ''], ['by spaces', '   '], ['by more than 128 characters', 'a'.repeat(129)], ['by as many as a subject of a token may have', 'a'.repeat(255)]];
    test.each(unusable)('D11 %s speaks for nobody, and not for everybody', async (_situation, miauserid) => {
      const client = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${vitalgate.serviceToken}`, miauserid });
      for (const path of ['/health-data', '/health-data/count', '/health-data/export', `/health-data/${ids[0] ?? ''}`, '/devices', '/audit', `/chart-data?normalizedDataType=heart-rate&_id=${anna}`, `/patients/${anna}/exports`]) {
        expect([path, await refused(client.get(path))]).toMatchObject([path, { status: 400, code: 'user-header-missing', errors: [{ pointer: '/headers/miauserid' }] }]);
      }
      expect(await refused(client.post(`/patients/${anna}/erasure`, {}))).toMatchObject({ status: 400, code: 'user-header-missing' });
      expect((await client.get(`/fhir/Patient/${anna}/$everything`)).status).toBe(400);
    });

    test('the longest that can be used, and two at once, see what is theirs: nothing', async () => {
      expect(await idsOf(service(vitalgate, 'a'.repeat(128)), '')).toEqual([]);
      const twice = new Headers({ authorization: `Bearer ${vitalgate.serviceToken}` });
      for (const patientId of [anna, ben]) twice.append('miauserid', patientId);
      expect(await (await fetch(`${vitalgate.urls.deviceManager}/health-data`, { headers: twice })).json()).toEqual([]);
    });
  });

  test.each<[string, string, readonly number[]]>([
    ['all, in order of time', '', [60, 61, 62]],
    ['however the type is spelled', '&type=HeartRate', [60, 61, 62]],
    ['of a raw type that is not in it', '&type=RestingHeartRate', []],
    ['from an instant on, which is included', '&from=2024-07-01T00:01:00Z', [61, 62]],
    ['before an instant, which is not', '&to=2024-07-02T00:00:00Z', [60, 61]],
    ['between two instants of one day', '&from=2024-07-01T00:00:30Z&to=2024-07-01T12:00:00Z', [61]],
    ['with filters of a chart component, which change nothing', `&filters=${encodeURIComponent('[{"property":"x"}]')}`, [60, 61, 62]],
    ['by the other name of the patient', `&patientId=${anna}`, [60, 61, 62]],
  ])('charts points: %s', async (_situation, query, expected) => {
    const series = await answered<Series[]>(annas.get(`/chart-data?normalizedDataType=HEARTRATE${query}`));
    expect(series.flatMap(({ data }) => data.map(({ y }) => y))).toEqual(expected);
  });

  test.each(['blood-pressure', 'body-weight', 'body-temperature', 'oxygen-saturation', 'blood-glucose', 'step-count', 'respiratory-rate'])('a patient without %s has an empty chart', async (type) => {
    expect(await answered(annas.get(`/chart-data?normalizedDataType=${type}`))).toEqual([]);
  });

  describe('normalizing again', () => {
    const again = (client: Client, _id = '') => client.send(`/health-data/normalize-data/${_id}`, { method: 'PATCH' });
    const points = async () => (await answered<Series[]>(annas.get('/chart-data?normalizedDataType=heart-rate'))).flatMap(({ data }) => data.map(({ y }) => y));

    test.each([
      ['no body', {}],
      ['an empty body of another kind', { headers: { 'content-type': 'text/html' }, body: '' }],
      ['an empty JSON body', { headers: { 'content-type': 'application/json' }, body: '' }],
    ])('with %s changes nothing where the rules are the same', async (_situation, init) => {
      expect(await answered(annas.send(`/health-data/normalize-data/${ids[0] ?? ''}`, { method: 'PATCH', ...init }))).toMatchObject({ _id: ids[0], state: 'normalized', rawData: { value: 62 } });
      expect(await points()).toEqual([60, 61, 62]);
    });

    test('says again why a sample is in no chart', async () => {
      expect(await answered(again(annas, ids[3]))).toMatchObject({ state: 'normalization-failed', reason: 'no-rule' });
    });

    test('takes the old point out of the chart when the sample is no longer normalized', async () => {
      const [extra] = await answered<{ _id: string }[]>(annas.post('/health-data/healthkit', [heartRate(30, { value: 77 })]));
      await eventually(points, (values) => values.includes(77));
      await vitalgate.database.pool.query(`update device_manager.sample_group set type = 'Retired' where patient_id = $1 and payload_id = (select payload_id from device_manager.sample where _id = $2::uuid)`, [anna, extra?._id]);
      const record = await answered<KeptRecord>(again(annas, extra?._id));
      expect(record).toMatchObject({ state: 'normalization-failed', reason: 'no-rule' });
      expect(record).not.toHaveProperty('normalizedData');
      expect(await points()).toEqual([60, 61, 62]);
      await vitalgate.database.pool.query('delete from device_manager.sample where patient_id = $1 and _id = $2::uuid', [anna, extra?._id]);
    });

    test.each([
      ['an unknown sample', () => again(annas, '0'.repeat(32))],
      ['something that is no identifier', () => again(annas, 'heart')],
      ['the sample of another patient', () => again(bens, ids[0])],
    ])('%s is not found', async (_situation, ask) => {
      expect(await refused(ask())).toMatchObject({ status: 404, code: 'not-found' });
    });
  });

  test.each<[string, () => Promise<Response>, number, string, string | undefined]>([
    ['the list of another patient', () => bens.get(`/health-data?patientId=${anna}`), 403, 'not-your-data', '/query/patientId'],
    ['the chart of another patient', () => bens.get(`/chart-data?normalizedDataType=heart-rate&_id=${anna}`), 403, 'not-your-data', '/query/_id'],
    ['the chart of another patient under the other name', () => bens.get(`/chart-data?normalizedDataType=heart-rate&patientId=${anna}`), 403, 'not-your-data', '/query/patientId'],
    ['the own chart and another one at once', () => bens.get(`/chart-data?normalizedDataType=heart-rate&_id=${ben}&patientId=${anna}`), 403, 'not-your-data', '/query/patientId'],
    ['the sample of another patient', () => bens.get(`/health-data/${ids[0] ?? ''}`), 404, 'not-found', undefined],
    ['the chart of two patients at once', () => service(vitalgate).get(`/chart-data?normalizedDataType=heart-rate&_id=${ben}&patientId=${anna}`), 400, 'invalid-request', '/query/patientId'],
    ['the chart of nobody', () => service(vitalgate).get('/chart-data?normalizedDataType=heart-rate'), 400, 'invalid-request', '/query/_id'],
    ['a chart of an unknown type', () => annas.get('/chart-data?normalizedDataType=mood'), 400, 'unknown-data-type', '/query/normalizedDataType'],
    ['a list of an unknown type', () => annas.get('/health-data?normalizedDataType=mood'), 400, 'unknown-data-type', '/query/normalizedDataType'],
    ['a chart of no type', () => annas.get('/chart-data'), 400, 'invalid-request', '/query/normalizedDataType'],
    ['a day that does not exist', () => annas.get('/chart-data?normalizedDataType=heart-rate&from=2024-02-30T00:00:00Z'), 400, 'invalid-request', '/query/from'],
    ['more than 200 records', () => annas.get('/health-data?_l=201'), 400, 'invalid-request', '/query/_l'],
    ['an unknown state', () => annas.get('/health-data?state=lost'), 400, 'invalid-request', '/query/state'],
    ['a list without credential', () => clientWith(vitalgate.urls.deviceManager, { miauserid: anna }).get('/health-data'), 401, 'unauthenticated', undefined],
  ])('refuses %s', async (_situation, ask, status, code, pointer) => {
    expect(await refused(ask())).toMatchObject({ status, code, ...(pointer !== undefined && { errors: [{ pointer }] }) });
  });

  test('every read leaves an audit row that names who, what and in which request', async () => {
    const read = async (path: string, client = operator) => answered(client.send(path, { headers: { 'x-request-id': 'audited-request' } }));
    await read(`/health-data/${ids[0] ?? ''}`);
    await read(`/chart-data?normalizedDataType=heart-rate&_id=${anna}`);
    await read('/health-data', annas);
    const { rows } = await vitalgate.database.pool.query<object>(
      `select patient_id, actor_kind, event, resource from device_manager.audit_event where request_id = 'audited-request' order by at`);
    expect(rows).toEqual([
      { patient_id: anna, actor_kind: 'operator', event: 'sample-read', resource: `sample/${ids[0] ?? ''}` },
      { patient_id: anna, actor_kind: 'operator', event: 'chart-read', resource: 'chart/heart-rate' },
      { patient_id: anna, actor_kind: 'patient', event: 'samples-read', resource: 'health-data' },
    ]);
  });
});
