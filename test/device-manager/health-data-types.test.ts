import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, bloodPressure, clientWith, cuff, eventually, newPatient, patientWithWatch, refused, service, type Client, type KeptRecord } from './client.ts';

interface Type {
  readonly identifier: string;
  readonly version: number;
  readonly origin: string;
  readonly isRetired: boolean;
  readonly providerId: string;
  readonly dataTypes: string[];
  readonly normalizedDataType: string;
  readonly normalizationRules: object;
}
interface Run {
  readonly state: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly differences?: { _id: string; before?: { observations: { value: number }[] }; after?: { observations: { value: number }[] }; reason?: string }[];
}

/** Pulse of monitors, which count in hertz; a wrong rule takes them for beats per minute. */
const rule = (identifier: string, dataType: string, more: object = {}) => ({
  identifier, providerId: 'medisante', dataTypes: [dataType], normalizedDataType: 'heart-rate',
  normalizationRules: { observations: [{ metric: '/measurements/pulse', required: true, targets: [{ code: '8867-4', name: 'Heart rate', unit: 'bpm', unitCode: '/min', plausible: [20, 300] }] }] }, ...more,
});
const wrong = (identifier: string, dataType: string) => rule(identifier, dataType, {
  normalizationRules: { observations: [{ metric: '/measurements/pulse', required: true, units: { Hz: '/min' }, targets: [{ code: '8867-4', name: 'Heart rate', unit: 'bpm', unitCode: '/min' }] }] },
});
const withTarget = (more: object) => rule('r', 'R', { normalizationRules: { observations: [{ value: '/value', targets: [{ code: '8867-4', name: 'Heart rate', unit: 'bpm', unitCode: '/min', ...more }] }] } });

describe('health data types', () => {
  let vitalgate: TestVitalgate;
  let operator: Client;
  let sender: Client;
  let patient: string;
  let runs = 0;
  const fresh = () => ({ identifier: `monitor-${String((runs += 1))}`, dataType: `MonitorPulse${String(runs)}` });
  const create = (body: object) => operator.post('/health-data-types', body);
  const change = (identifier: string, version: number, body: object) => operator.send(`/health-data-types/${identifier}?version=${String(version)}`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const deliver = async (dataType: string, hertz: number, at = '2024-05-01T10:00:00Z') =>
    (await answered<{ _id: string }>(sender.post('/health-data/medisante', { metadata: { correlationId: randomUUID(), measurementType: dataType }, device: { id: 'Maker:Monitor:1' }, measurements: { pulse: { value: hertz, unit: 'Hz' }, timestamp: at } })))._id;
  const record = (_id: string) => answered<KeptRecord & { ruleId?: string; ruleVersion?: number; reason?: string }>(service(vitalgate).get(`/health-data/${_id}`));
  const settled = (_id: string) => eventually(() => record(_id), ({ state }) => state === 'normalized' || state === 'normalization-failed');
  const valueOf = (one: KeptRecord) => one.normalizedData?.observations.map(({ value }) => value);
  const run = async (body: object): Promise<Run> => {
    const begun = await operator.post('/renormalizations', body);
    expect(begun.status).toBe(202);
    const { _id } = (await begun.json()) as { _id: string };
    return eventually(() => answered<Run>(operator.get(`/renormalizations/${_id}`)), ({ state }) => state === 'done');
  };

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    const { username, password } = await vitalgate.addUser({ userGroup: 'operator' });
    const tokens = await fetch(`${vitalgate.urls.userManager}/oauth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password }) });
    operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${((await tokens.json()) as { accessToken: string }).accessToken}` });
    sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
    patient = newPatient();
    await answered(service(vitalgate, patient).post('/devices/assign', { ...cuff('Maker:Monitor:1'), assignedFrom: '2024-01-01T00:00:00Z' }));
  });
  afterAll(() => vitalgate.stop());

  test('the built-in ones are listed, each with its rule', async () => {
    const types = await answered<Type[]>(operator.get('/health-data-types'));
    expect(types.map(({ identifier }) => identifier)).toEqual(types.map(({ identifier }) => identifier).toSorted());
    expect(types.find(({ identifier }) => identifier === 'medisante-blood-pressure')).toMatchObject({ origin: 'built-in', isRetired: false, normalizationRules: { observations: expect.any(Array) } });
  });

  test('a new one takes its samples from then on, and each record says which rule and version made it', async () => {
    const { identifier, dataType } = fresh();
    const before = await settled(await deliver(dataType, 1.2));
    expect(before).toMatchObject({ state: 'normalization-failed', reason: 'no-rule' });
    expect(await answered<Type>(create(rule(identifier, dataType, { name: 'Monitor', example: { measurements: { pulse: { value: 1, unit: 'Hz' } } } })))).toMatchObject({ identifier, version: 1001, origin: 'installation', isRetired: false });
    const after = await settled(await deliver(dataType, 1.2));
    expect(after).toMatchObject({ state: 'normalized', ruleId: identifier, ruleVersion: 1001, normalizedDataType: 'heart-rate' });
    expect(valueOf(after)?.[0]).toBeCloseTo(72, 10);
  });

  test('a wrong rule is mended: the dry run shows the difference and changes nothing, the run mends all, and again nothing', async () => {
    const { identifier, dataType } = fresh();
    await answered(create(wrong(identifier, dataType)));
    const ids = await Promise.all([1, 1.5, 2].map((hertz, index) => deliver(dataType, hertz, `2024-05-02T10:0${String(index)}:00Z`)));
    expect((await Promise.all(ids.map(settled))).map(valueOf)).toEqual([[1], [1.5], [2]]);
    await answered(change(identifier, 1001, rule(identifier, dataType)));
    const filter = { ruleId: identifier, ruleVersion: 1001 };

    const dry = await run(filter);
    expect(dry.counts).toEqual({ samples: 3, unchanged: 0, changed: 3, repaired: 0, broken: 0, unreadable: 0 });
    expect(dry.differences?.map(({ before, after }) => [before?.observations[0]?.value, after?.observations[0]?.value]).toSorted()).toEqual([[1, 60], [1.5, 90], [2, 120]]);
    expect((await Promise.all(ids.map(record))).map(valueOf)).toEqual([[1], [1.5], [2]]);

    expect((await run({ ...filter, dryRun: false })).counts).toMatchObject({ samples: 3, changed: 3 });
    const mended = await Promise.all(ids.map(record));
    expect(mended.map(valueOf)).toEqual([[60], [90], [120]]);
    expect(mended.every(({ ruleVersion }) => ruleVersion === 1002)).toBe(true);
    const [line] = await answered<{ data: { y: number }[] }[]>(service(vitalgate, patient).get('/chart-data?normalizedDataType=heart-rate&from=2024-05-02T00:00:00Z&to=2024-05-03T00:00:00Z'));
    expect(line?.data.map(({ y }) => y)).toEqual([60, 90, 120]);
    expect((await run({ ruleId: identifier, dryRun: false })).counts).toEqual({ samples: 3, unchanged: 3, changed: 0, repaired: 0, broken: 0, unreadable: 0 });
  });

  test('a change of the normalized type alone is a change, and moves the values to the chart of that type', async () => {
    const { identifier, dataType } = fresh();
    await answered(create(rule(identifier, dataType)));
    const _id = await deliver(dataType, 1.2, '2024-05-04T10:00:00Z');
    await settled(_id);
    await answered(change(identifier, 1001, rule(identifier, dataType, { normalizedDataType: 'monitor-pulse' })));
    expect((await run({ ruleId: identifier })).counts).toMatchObject({ samples: 1, changed: 1 });
    expect((await run({ ruleId: identifier, dryRun: false })).counts).toMatchObject({ samples: 1, changed: 1 });
    expect(await record(_id)).toMatchObject({ normalizedDataType: 'monitor-pulse', ruleVersion: 1002 });
    const points = async (type: string) => (await answered<{ data: object[] }[]>(service(vitalgate, patient).get(`/chart-data?normalizedDataType=${type}&from=2024-05-04T00:00:00Z&to=2024-05-05T00:00:00Z`))).flatMap(({ data }) => data).length;
    expect([await points('heart-rate'), await points('monitor-pulse')]).toEqual([0, 1]);
  });

  test('a type of HealthKit that is not built in has the unit of the upload where a sample names none', async () => {
    const { client } = await patientWithWatch(vitalgate);
    const observations = [{ value: '/value', required: true, targets: [{ code: '29463-7', name: 'Body weight', unit: 'kg', unitCode: 'kg' }] }];
    await answered(create({ identifier: 'my-type', providerId: 'healthkit', dataTypes: ['MyType'], normalizedDataType: 'body-weight', normalizationRules: { observations } }));
    const at = '2024-05-05T10:00:00Z';
    const [kept] = await answered<{ _id: string }[]>(client.post('/health-data/healthkit?type=MyType&unit=g', [{ id: randomUUID(), value: 70_000, startDate: at, endDate: at }]));
    expect(await settled(kept?._id ?? '')).toMatchObject({ state: 'normalized', normalizedData: { observations: [{ value: 70, unitCode: 'kg' }] } });
  });

  test('a built-in one that is saved as it was read changes nothing', async () => {
    const { patientId, client } = await patientWithWatch(vitalgate);
    const meal = { id: randomUUID(), type: 'Food', name: 'Banana', mealType: 'snack', metadata: { HKFoodType: 'Fruit' }, startDate: '2024-05-05T10:00:00Z', endDate: '2024-05-05T10:00:00Z', objects: [{ quantityType: 'HKQuantityTypeIdentifierDietaryProtein', quantity: 1, unit: 'g' }] };
    const [kept] = await answered<{ _id: string }[]>(client.post('/health-data/healthkit', [meal]));
    const noted = (await settled(kept?._id ?? '')).normalizedData?.observations[0]?.annotation;
    expect(noted).toMatchObject({ food: 'Fruit', name: 'Banana', meal: 'snack' });
    const { identifier, version, providerId, dataTypes, normalizedDataType, normalizationRules } = await answered<Type>(operator.get('/health-data-types/healthkit-food'));
    await answered(change(identifier, version, { identifier, providerId, dataTypes, normalizedDataType, normalizationRules }));
    expect((await run({ patientId, dryRun: false })).counts).toMatchObject({ samples: 1, unchanged: 1 });
  });

  test('a type of HealthKit is meant by each of its names, and an example may spell its unit as libraries do', async () => {
    const retired = await answered<Type>(operator.get('/health-data-types/healthkit-walking-heart-rate-average'));
    await answered(operator.post(`/health-data-types/${retired.identifier}/retire?version=${String(retired.version)}`, undefined));
    const body = { ...withTarget({}), identifier: 'walking-pulse', providerId: 'healthkit', dataTypes: ['WalkingHeartRateAverage'], example: { value: 70, unit: 'bpm' } };
    expect(await answered<Type>(create(body))).toMatchObject({ dataTypes: ['HKQuantityTypeIdentifierWalkingHeartRateAverage'] });
    const { client } = await patientWithWatch(vitalgate);
    const at = '2024-05-05T10:00:00Z';
    const [kept] = await answered<{ _id: string }[]>(client.post('/health-data/healthkit', [{ id: randomUUID(), type: 'WalkingHeartRateAverage', unit: 'bpm', value: 70, startDate: at, endDate: at }]));
    expect(await settled(kept?._id ?? '')).toMatchObject({ state: 'normalized', ruleId: 'walking-pulse' });
  });

  test('what had no rule is repaired, and what a retired rule made is broken by a run and not before', async () => {
    const { identifier, dataType } = fresh();
    const _id = await deliver(dataType, 1.2);
    await settled(_id);
    await answered(create(rule(identifier, dataType)));
    expect((await run({ rawDataType: dataType, state: 'normalization-failed', dryRun: false })).counts).toMatchObject({ samples: 1, repaired: 1 });
    expect(await record(_id)).toMatchObject({ state: 'normalized', ruleId: identifier });
    expect(await answered<Type>(operator.post(`/health-data-types/${identifier}/retire?version=1001`, undefined))).toMatchObject({ version: 1002, isRetired: true });
    expect(await record(_id)).toMatchObject({ state: 'normalized' });
    expect(await settled(await deliver(dataType, 1.2))).toMatchObject({ reason: 'no-rule' });
    expect((await run({ rawDataType: dataType, state: 'normalized' })).differences).toMatchObject([{ _id, before: { observations: [{}] }, reason: 'no-rule' }]);
    expect(await answered<Type>(change(identifier, 1002, rule(identifier, dataType)))).toMatchObject({ version: 1003, isRetired: false });
  });

  test('a run over a type that HealthKit has under the same name reaches what was delivered', async () => {
    await settled((await answered<{ _id: string }>(sender.post('/health-data/medisante', bloodPressure({ id: 'Maker:Monitor:1' }, '2024-05-03T10:00:00Z'))))._id);
    const filter = { patientId: patient, providerId: 'medisante', rawDataType: 'BloodPressure' };
    expect((await run(filter)).counts).toMatchObject({ samples: 1, unchanged: 1 });
    expect((await run({ ...filter, dryRun: false })).counts).toMatchObject({ samples: 1, unchanged: 1 });
    expect((await run({ ...filter, rawDataType: 'HKCorrelationTypeIdentifierBloodPressure' })).counts).toMatchObject({ samples: 0 });
  });

  test('a built-in one can be changed, retired and shown in each version', async () => {
    const identifier = 'medisante-pill-dispenser';
    const builtIn = await answered<Type>(operator.get(`/health-data-types/${identifier}`));
    const retired = await answered<Type>(operator.post(`/health-data-types/${identifier}/retire?version=${String(builtIn.version)}`, undefined));
    expect(retired).toMatchObject({ ...builtIn, version: 1001, origin: 'installation', isRetired: true });
    expect(await answered<Type>(create(rule('own-dispenser', 'PillDispenser')))).toMatchObject({ version: 1001 });
    expect(await answered<Type>(operator.get(`/health-data-types/${identifier}?version=${String(builtIn.version)}`))).toEqual(builtIn);
    expect((await operator.get(`/health-data-types/${identifier}?version=7`)).status).toBe(404);
  });

  test('of two changes from the same version one is made', async () => {
    const { identifier, dataType } = fresh();
    await answered(create(rule(identifier, dataType)));
    const answers = await Promise.all([1, 2, 3].map(() => change(identifier, 1001, rule(identifier, dataType))));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409]);
    const twice = await Promise.all([1, 2].map(() => create(rule('twice', 'Twice'))));
    expect(twice.map(({ status }) => status).toSorted()).toEqual([200, 409]);
  });

  test.each<[string, object, number, string, string]>([
    ['a unit that is not UCUM', withTarget({ unitCode: 'bpm' }), 400, 'invalid-rule', '/normalizationRules/observations/0/targets/0/unitCode'],
    ['a LOINC code with a wrong check digit', withTarget({ code: '8867-5' }), 400, 'invalid-rule', '/normalizationRules/observations/0/targets/0/code'],
    ['a range the wrong way round', withTarget({ plausible: [300, 20] }), 400, 'invalid-rule', '/normalizationRules/observations/0/targets/0/plausible'],
    ['a range for an assumed unit the wrong way round', withTarget({ plausibleIfAssumed: [33.3, 0.3] }), 400, 'invalid-rule', '/normalizationRules/observations/0/targets/0/plausibleIfAssumed'],
    ['a range for an assumed unit under a metric, which has its own', rule('r', 'R', { normalizationRules: { observations: [{ metric: '/b', targets: [{ code: '8867-4', name: 'x', unit: 'x', unitCode: '/min', plausibleIfAssumed: [1, 2] }] }] } }), 400, 'invalid-rule', '/normalizationRules/observations/0/targets/0/plausibleIfAssumed'],
    ['mass in a unit nobody knows', withTarget({ dividedBy: { stone: 2 } }), 400, 'invalid-rule', '/normalizationRules/observations/0/targets/0/dividedBy'],
    ['both a value and a metric', rule('r', 'R', { normalizationRules: { observations: [{ value: '/a', metric: '/b', targets: [{ code: '8867-4', name: 'x', unit: 'x', unitCode: '1' }] }] } }), 400, 'invalid-rule', '/normalizationRules/observations/0'],
    ['a value that becomes nothing', rule('r', 'R', { normalizationRules: { observations: [{ value: '/a' }] } }), 400, 'invalid-rule', '/normalizationRules/observations/0/targets'],
    ['an event without names', rule('r', 'R', { normalizationRules: { observations: [{ event: '/a' }] } }), 400, 'invalid-rule', '/normalizationRules/observations/0/events'],
    ['nothing at all', rule('r', 'R', { normalizationRules: { observations: [] } }), 400, 'invalid-rule', '/normalizationRules/observations'],
    ['an order of codes it does not have', rule('r', 'R', { normalizationRules: { ...rule('r', 'R').normalizationRules, ascending: [['8480-6', '8462-4']] } }), 400, 'invalid-rule', '/normalizationRules/ascending/0'],
    ['a pointer to nothing, as its example shows', rule('r', 'R', { example: { measurements: { heart: { value: 1, unit: 'Hz' } } } }), 400, 'invalid-rule', '/example'],
    ['one data type in two letter cases', rule('r', 'R', { dataTypes: ['Foo', 'foo'] }), 400, 'invalid-rule', '/dataTypes'],
    ['one data type in two letter cases, and an example', rule('r', 'R', { dataTypes: ['Foo', 'foo'], example: { measurements: { pulse: { value: 1, unit: 'Hz' } } } }), 400, 'invalid-rule', '/dataTypes'],
    ['one type of HealthKit under two of its names', { ...withTarget({}), providerId: 'healthkit', dataTypes: ['NoSuchType', 'HeartRate', 'heart_rate'] }, 400, 'invalid-rule', '/dataTypes'],
    ['a pointer that is none', rule('r', 'R', { normalizationRules: { observations: [{ value: 'value', targets: [] }] } }), 400, 'invalid-request', '/normalizationRules/observations/0/value'],
    ['a member nobody knows', rule('r', 'R', { normalizationRules: { observations: [], script: 'x' } }), 400, 'invalid-request', '/normalizationRules/script'],
    ['51 values', rule('r', 'R', { normalizationRules: { observations: Array.from({ length: 51 }, () => ({ value: '/v' })) } }), 400, 'invalid-request', '/normalizationRules/observations'],
    ['samples that another rule takes', rule('r', 'bloodpressure'), 409, 'already-exists', '/dataTypes'],
    ['a type of HealthKit that a built-in one takes, by another of its names', { ...withTarget({}), providerId: 'healthkit', dataTypes: ['HeartRate'] }, 409, 'already-exists', '/dataTypes'],
    ['an example in a unit as libraries spell it that is another quantity', { ...withTarget({}), example: { value: 70, unit: 'mmHg' } }, 400, 'invalid-rule', '/example'],
    ['an identifier that is taken', rule('medisante-ecg', 'R'), 409, 'already-exists', '/identifier'],
  ])('a rule with %s is refused with its place', async (_situation, body, status, code, pointer) => {
    const problem = await refused(create(body));
    expect(problem).toMatchObject({ status, code });
    expect(problem.errors?.map((one: { pointer: string }) => one.pointer)).toContain(pointer);
  });

  test.each<[string, () => Promise<Response>, number]>([
    ['a change of what is not there', () => change('nobody', 1, rule('nobody', 'N')), 404],
    ['a change to one data type in two letter cases', () => change('medisante-ecg', 2, rule('medisante-ecg', 'ECG', { dataTypes: ['ECG', 'ecg'] })), 400],
    ['a change of the identifier', () => change('medisante-ecg', 2, rule('r', 'R')), 400],
    ['a change from no version', () => operator.send('/health-data-types/medisante-ecg', { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(rule('medisante-ecg', 'ECG')) }), 400],
    ['a retirement of what is not there', () => operator.post('/health-data-types/nobody/retire?version=1', undefined), 404],
    ['a run from a day that is none', () => operator.post('/renormalizations', { from: '2024-02-30T00:00:00Z' }), 400],
    ['a run over everything but typed wrong', () => operator.post('/renormalizations', { pateintId: 'x' }), 400],
    ['a run that is not there', () => operator.get('/renormalizations/6c86fda0197f4d0e8780daae45bac2f8'), 404],
    ['a rule made by a service', () => service(vitalgate).post('/health-data-types', rule('r', 'R')), 401],
    ['a run begun by a webhook sender', () => sender.post('/renormalizations', {}), 401],
  ])('%s is refused', async (_situation, ask, status) => {
    expect((await ask()).status).toBe(status);
  });
});
