import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { accessTokenOf, answered, chartOf, clientWith, cuff, eventually, newPatient, refused, service, type Client, type KeptRecord } from './client.ts';
import { bundle, component, halves, loinc, message, observation, pressure, pulse, quantity } from './fhir-documents.ts';

const at = '2024-03-02T09:10:11Z';
const folder = new URL('../fixtures/', import.meta.url);
const fixture = (path: string) => readFileSync(new URL(path, folder), 'utf8');

describe('deliveries in FHIR', () => {
  let vitalgate: TestVitalgate;
  let sender: Client;
  let counter = 0;
  const newDevice = () => `FHIR-${String((counter += 1))}`;
  const deliver = async (body: unknown, from = sender) => (await answered<{ _id: string }>(from.post('/health-data/medisante', body)))._id;
  const post = (body: string, contentType = 'application/json') => sender.send('/health-data/medisante', { method: 'POST', headers: { 'content-type': contentType }, body });
  const recordOf = (_id: string) => answered<KeptRecord>(service(vitalgate).get(`/health-data/${_id}`));
  const waits = new Set(['received', 'quarantined']);
  const settled = (_id: string, fits: (record: KeptRecord) => boolean = ({ state }) => !waits.has(state)) => eventually(() => recordOf(_id), fits);
  const hold = (patientId: string, serialNumber: string, assignedFrom = '2024-01-01T00:00:00Z') => answered(service(vitalgate, patientId).post('/devices/assign', { ...cuff(serialNumber), serialNumber, assignedFrom }));
  const held = async () => {
    const [patient, device] = [newPatient(), newDevice()];
    await hold(patient, device);
    return [patient, device] as const;
  };
  const samplesOf = (patientId: string) => answered<KeptRecord[]>(service(vitalgate).get(`/health-data?patientId=${patientId}&_l=200&_p=rawData,rawDataType,patientId,normalizedData,reason`));
  const pulsesOf = async (patientId: string) => (await answered<{ data: { y: number }[] }[]>(service(vitalgate, patientId).get('/chart-data?normalizedDataType=heart-rate'))).flatMap(({ data }) => data.map(({ y }) => y));
  const rows = async <Row extends object>(sql: string, ...values: unknown[]) => (await vitalgate.database.pool.query<Row>(sql, values)).rows;
  const quarantinedFor = (identifier: string) => rows<{ reason: string; sample_id: string }>(`select reason, replace(sample_id::text, '-', '') as sample_id from device_manager.quarantined_delivery where device_identifiers @> array[$1]`, identifier);

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
  });
  afterAll(() => vitalgate.stop());

  test('an Observation is kept as received, normalized and charted', async () => {
    const [anna, device] = await held();
    const body = pulse(device, at, 61);
    const record = await settled(await deliver(body));
    expect(record).toMatchObject({ state: 'normalized', patientId: anna, rawData: body, rawDataType: 'HeartRate', rawDataFormat: 'fhir-json', normalizedDataType: 'heart-rate' });
    expect((await chartOf(service(vitalgate, anna), 'heart-rate', 1)).flatMap(({ data }) => data)).toEqual([{ x: Date.parse(at), y: 61 }]);
  });

  test.each(['message', 'transaction', 'batch', 'collection'])('the readings of a %s are samples of their own; the answer names the first', async (type) => {
    const [anna, device] = await held();
    const readings = [pulse(device, at, 61), pressure(device, at, 120, 80), pulse(device, '2024-03-02T09:11:00Z', 62)];
    const body = type === 'message' ? message(randomUUID(), randomUUID(), readings) : bundle(type, readings);
    const first = await deliver(body);
    expect(await settled(first)).toMatchObject({ state: 'normalized', rawData: readings[0] });
    const samples = await eventually(() => samplesOf(anna), (all) => all.every(({ state }) => state === 'normalized'));
    expect(samples.map(({ rawData }) => rawData)).toEqual(expect.arrayContaining(readings));
    expect([samples.length, await rows('select from device_manager.payload where patient_id = $1', anna)]).toEqual([3, [{}]]);
  });

  describe('again', () => {
    test('the same delivery adds nothing, also five times at once', async () => {
      const [anna, device] = await held();
      const body = bundle('collection', [pulse(device, at, 61), pulse(device, '2024-03-02T09:11:00Z', 62)]);
      const ids = await Promise.all(Array.from({ length: 5 }, () => deliver(body)));
      expect([new Set(ids).size, (await samplesOf(anna)).length]).toEqual([1, 2]);
    });

    test('the same readings in another Bundle, in another order and with a new one, add the new one', async () => {
      const [anna, device] = await held();
      const [one, two, three] = [pulse(device, at, 61), pulse(device, '2024-03-02T09:11:00Z', 62), pulse(device, '2024-03-02T09:12:00Z', 63)];
      const [first, second] = [await deliver(bundle('collection', [one, two])), await deliver(bundle('batch', [two, three, one]))];
      expect(first).not.toBe(second);
      await eventually(() => pulsesOf(anna), (values) => values.length === 3);
      expect([(await samplesOf(anna)).length, await pulsesOf(anna)]).toEqual([3, [61, 62, 63]]);
      expect(await recordOf(second)).toMatchObject({ rawData: two });
    });

    test('many Bundles of the same readings at once keep each reading once', async () => {
      const [anna, device] = await held();
      const readings = Array.from({ length: 6 }, (_, minute) => pulse(device, `2024-03-02T09:0${String(minute)}:00Z`, 60 + minute));
      await Promise.all(readings.map((_, turn) => deliver(bundle('collection', [...readings.slice(turn), ...readings.slice(0, turn)]))));
      expect(await samplesOf(anna)).toHaveLength(6);
    });

    test('the same message with another body is kept aside', async () => {
      const [anna, device] = await held();
      const [header, id] = [randomUUID(), randomUUID()];
      const first = await deliver(message(header, id, [pulse(device, at, 61)]));
      expect(await deliver(message(header, id, [pulse(device, at, 99)]))).toBe(first);
      await settled(first);
      expect(await pulsesOf(anna)).toEqual([61]);
      expect(await quarantinedFor(device)).toEqual([{ reason: 'conflicting-delivery', sample_id: first }]);
    });

    test('from another sender are other readings', async () => {
      const [anna, device] = await held();
      const other = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey('other')).key });
      expect(await deliver(pulse(device, at, 61), other)).not.toBe(await deliver(pulse(device, at, 61)));
      expect(await samplesOf(anna)).toHaveLength(2);
    });
  });

  describe('of several devices', () => {
    test('each reading goes to its patient, and nobody gets the bytes of another', async () => {
      const [[anna, annas], [ben, bens]] = [await held(), await held()];
      const unknown = newDevice();
      await deliver(bundle('collection', [pulse(annas, at, 61), pulse(bens, at, 162), pulse(unknown, at, 63), pulse(annas, '2024-03-02T09:11:00Z', 64)]));
      await eventually(() => pulsesOf(anna), (values) => values.length === 2);
      await eventually(() => pulsesOf(ben), (values) => values.length === 1);
      expect([await pulsesOf(anna), await pulsesOf(ben)]).toEqual([[61, 64], [162]]);
      expect(await quarantinedFor(unknown)).toMatchObject([{ reason: 'device-unknown' }]);
      expect((await samplesOf(anna)).map(({ rawData }) => rawData)).toEqual([pulse(annas, '2024-03-02T09:11:00Z', 64), pulse(annas, at, 61)]);
      const sizes = await rows<{ size_bytes: number }>('select size_bytes from device_manager.payload where patient_id = any($1)', [anna, ben]);
      expect(sizes.map(({ size_bytes: size }) => size).toSorted((a, b) => a - b)).toEqual([expect.any(Number), expect.any(Number)]);
      expect(Math.max(...sizes.map(({ size_bytes: size }) => size))).toBeLessThan(JSON.stringify(bundle('collection', [pulse(annas, at, 61), pulse(bens, at, 162), pulse(unknown, at, 63)])).length);
    });

    test('what waits is released reading by reading, under the identifier it had', async () => {
      const [first, second] = [newDevice(), newDevice()];
      const _id = await deliver(bundle('transaction', [pulse(first, at, 61), pulse(second, at, 62)]));
      expect(await recordOf(_id)).toMatchObject({ state: 'quarantined', reason: 'device-unknown', rawDataType: 'HeartRate' });
      const anna = newPatient();
      await hold(anna, first);
      expect(await settled(_id)).toMatchObject({ _id, state: 'normalized', patientId: anna });
      expect(await quarantinedFor(second)).toHaveLength(1);
    });
  });

  describe('corrected and withdrawn', () => {
    const named = (device: string, value: number, status: string, more: object = {}) => pulse(device, at, value, { identifier: [{ system: 'urn:ids', value: `reading-of-${device}` }], status, ...more });

    test.each<[string, readonly (readonly [value: number, status: string, more?: object])[], readonly string[], readonly number[]]>([
      ['a correction takes the place of what it corrects', [[61, 'final'], [62, 'corrected']], ['superseded', 'normalized'], [62]],
      ['a correction that came first stays', [[62, 'corrected'], [61, 'final']], ['normalized', 'superseded'], [62]],
      ['a final reading takes the place of a preliminary one', [[61, 'preliminary'], [62, 'final']], ['superseded', 'normalized'], [62]],
      ['of two corrections the one issued later counts', [[61, 'final'], [63, 'amended', { issued: '2024-03-04T00:00:00Z' }], [62, 'amended', { issued: '2024-03-03T00:00:00Z' }]], ['superseded', 'normalized', 'superseded'], [63]],
      ['an error takes back', [[61, 'final'], [61, 'entered-in-error']], ['withdrawn', 'withdrawn'], []],
      ['a cancellation takes back what came before and after', [[61, 'final'], [0, 'cancelled'], [62, 'amended']], ['withdrawn', 'withdrawn', 'withdrawn'], []],
      ['a second final reading of one name is a conflict', [[61, 'final'], [62, 'final']], ['normalized', 'normalization-failed'], [61]],
    ])('%s', async (_situation, versions, states, charted) => {
      const [anna, device] = await held();
      const ids: string[] = [];
      for (const [value, status, more] of versions) {
        ids.push(await deliver(named(device, value, status, more)));
        await settled(ids.at(-1) ?? '');
      }
      const statesNow = () => Promise.all(ids.map(async (_id) => (await recordOf(_id)).state));
      expect(await eventually(statesNow, (now) => JSON.stringify(now) === JSON.stringify(states))).toEqual(states);
      expect(await pulsesOf(anna)).toEqual(charted);
      // The record stays, with what was received, and normalizing it again brings nothing back.
      for (const _id of ids) expect((await answered<KeptRecord>(service(vitalgate).send(`/health-data/normalize-data/${_id}`, { method: 'PATCH' }))).rawData).toBeDefined();
      const operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'operator')}` });
      const { _id: run } = (await (await operator.post('/renormalizations', { patientId: anna, dryRun: false })).json()) as { _id: string };
      await eventually(() => answered<{ state: string }>(operator.get(`/renormalizations/${run}`)), ({ state }) => state === 'done');
      expect([await statesNow(), await pulsesOf(anna)]).toEqual([states, charted]);
    });

    test('without an identifier, the withdrawal of the same device, type and time counts', async () => {
      const [anna, device] = await held();
      const first = await deliver(pulse(device, at, 61));
      await settled(first);
      await deliver(pulse(device, at, 0, { status: 'entered-in-error', valueQuantity: undefined, dataAbsentReason: { coding: [{ code: 'error' }] } }));
      expect(await settled(first, ({ state }) => state === 'withdrawn')).toMatchObject({ state: 'withdrawn', reason: 'entered-in-error' });
      expect(await pulsesOf(anna)).toEqual([]);
    });

    test.each<[string, boolean]>([['after', false], ['before', true]])('a withdrawal that names neither device nor time, received %s what it withdraws, finds it by identifier', async (_situation, early) => {
      const [anna, device] = await held();
      const identifier = [{ system: 'urn:ids', value: `reading-of-${device}` }];
      const withdrawal = { resourceType: 'Observation', status: 'entered-in-error', identifier, code: loinc('8867-4') };
      const deliveries = [named(device, 61, 'final'), withdrawal];
      const [one, two] = [await deliver(deliveries[early ? 1 : 0]), await deliver(deliveries[early ? 0 : 1])];
      for (const _id of [one, two]) expect(await settled(_id, ({ state }) => state === 'withdrawn')).toMatchObject({ state: 'withdrawn', patientId: anna });
      expect(await pulsesOf(anna)).toEqual([]);
    });

    test('a correction of the time that moves a reading to another patient takes it from the first', async () => {
      const [anna, ben, device] = [newPatient(), newPatient(), newDevice()];
      await hold(anna, device);
      expect((await service(vitalgate, anna).post(`/devices/${device}/unassign`, { assignedUntil: '2024-03-05T00:00:00Z' })).status).toBe(204);
      await hold(ben, device, '2024-03-05T00:00:00Z');
      const first = await deliver(named(device, 61, 'final'));
      await settled(first);
      const second = await deliver({ ...named(device, 61, 'corrected'), effectiveDateTime: '2024-03-06T00:00:00Z' });
      expect(await settled(second)).toMatchObject({ state: 'normalized', patientId: ben });
      expect(await settled(first, ({ state }) => state === 'superseded')).toMatchObject({ state: 'superseded', reason: 'corrected', patientId: anna });
      expect([await pulsesOf(anna), await pulsesOf(ben)]).toEqual([[], [61]]);
    });
  });

  test('a reading for another patient than who held the device waits', async () => {
    const [[anna], [, bens]] = [await held(), await held()];
    expect(await recordOf(await deliver(pulse(bens, at, 61, { subject: { identifier: { value: anna } } })))).toMatchObject({ state: 'quarantined', reason: 'patient-mismatch' });
  });

  test.each<[string, (device: string) => object, string]>([
    ['a date instead of a time', (device) => pulse(device, '2024-03-02', 61), 'missing-timestamp'],
    ['a time in the future', (device) => pulse(device, '2124-03-02T00:00:00Z', 61), 'timestamp-in-future'],
    ['no device', () => pulse('', at, 61, { device: { display: randomUUID() } }), 'no-device-identity'],
    ['a modifier nobody knows', (device) => pulse(device, at, 61, { modifierExtension: [{ url: 'urn:not' }] }), 'unknown-modifier'],
    ['a Bundle that is no delivery', (device) => bundle('searchset', [pulse(device, at, 61)]), 'unsupported-bundle'],
    ['a resource of another kind', (device) => ({ resourceType: 'Device', serialNumber: device }), 'not-a-delivery'],
  ])('%s waits in quarantine, acknowledged', async (_situation, bodyOf, reason) => {
    const [, device] = await held();
    const body = bodyOf(device);
    expect(await recordOf(await deliver(body))).toMatchObject({ state: 'quarantined', reason, rawData: body });
  });

  test.each<[string, object, string]>([
    ['an unknown unit', { valueQuantity: quantity(61, 'furlong') }, 'unit-unknown'],
    ['text as value', { valueString: 'fast' }, 'value-not-a-number'],
    ['no value, with a reason', { dataAbsentReason: { coding: [{ code: 'masked' }] } }, 'value-absent'],
    ['a limit of a kind nobody knows', { valueQuantity: { ...quantity(61, '/min'), comparator: 'ad' } }, 'value-not-a-number'],
    ['a whole number for a percentage, which has no unit', { code: loinc('59408-5'), valueInteger: 97 }, 'unit-not-for-type'],
    ['an unknown code', { code: loinc('1-8'), valueQuantity: quantity(61, '/min') }, 'no-rule'],
  ])('%s is kept for its patient, and says why it is not normalized', async (_situation, more, reason) => {
    const [anna, device] = await held();
    expect(await settled(await deliver({ ...observation(loinc('8867-4'), device, at), ...more }))).toMatchObject({ state: 'normalization-failed', reason, patientId: anna });
  });

  test('a limit and the origin of a unit are said of the value they belong to alone', async () => {
    const [, device] = await held();
    const parts = [component(loinc('8480-6'), { valueQuantity: { ...quantity(299, 'mm[Hg]'), comparator: '>' } }), component(loinc('8462-4'), { valueQuantity: { value: 80, unit: 'mmHg' } })];
    const { normalizedData } = await settled(await deliver(pressure(device, at, 299, 80, { component: parts })));
    expect(normalizedData?.observations.map(({ annotation }) => annotation)).toEqual([{ measuredUnit: 'mm[Hg]', comparator: '>' }, { measuredUnit: 'mmHg', unitFromText: 'true' }]);
  });

  test('metrics nobody knows are named in the record', async () => {
    const [, device] = await held();
    const record = await settled(await deliver(pressure(device, at, 120, 80, { component: [...halves(120, 80), component({ text: 'Stiffness' }, { valueQuantity: quantity(3, 'm/s') })] })));
    expect(record).toMatchObject({ state: 'normalized', reason: 'metric-unknown', normalizedData: { unrecognized: ['Stiffness'] } });
  });

  test.each<[string, () => object]>([
    ['entries', () => bundle('collection', Array.from({ length: 1001 }, () => ({ resourceType: 'Basic' })))],
    ['contained Observations', () => ({ ...pulse('x', at, 61), contained: Array.from({ length: 1001 }, () => ({ resourceType: 'Observation' })) })],
  ])('more than 1000 %s are for several deliveries', async (_situation, bodyOf) => {
    expect(await refused(sender.post('/health-data/medisante', bodyOf()))).toMatchObject({ status: 413, code: 'too-many-items' });
  });

  test.each<[string, (long: string) => object]>([
    ['names of devices', (long) => ({ ...pulse(long, at, 61), device: { reference: `Device/${long}`, identifier: { value: long } } })],
    ['a hundred names', (long) => ({ ...pulse('', at, 61), contained: [{ resourceType: 'Device', id: 'device', identifier: Array.from({ length: 5000 }, (_, one) => ({ value: `${long.slice(0, 150)}${String(one)}` })) }] })],
    ['identifiers', (long) => pulse(newDevice(), at, 61, { identifier: [{ system: long, value: long }] })],
    ['codes', (long) => observation(loinc(long), newDevice(), at)],
    ['names of Bundles', (long) => bundle('collection', [pulse(newDevice(), at, 61)], { identifier: { system: long, value: long } })],
    ['names of messages', (long) => message(long, long, [pulse(newDevice(), at, 61)])],
    ['subjects', (long) => pulse(newDevice(), at, 61, { subject: { reference: `Patient/${long}`, identifier: { value: long } } })],
  ])('%s of any length are kept', async (_situation, bodyOf) => {
    const body = bodyOf('€'.repeat(990));
    expect(await recordOf(await deliver(body))).toMatchObject({ state: 'quarantined', rawData: body });
  });

  test('members of any other kind than FHIR gives them are kept', async () => {
    const members = ['code', 'device', 'subject', 'identifier', 'component', 'contained', 'extension', 'hasMember', 'effectiveDateTime', 'effectivePeriod', 'effectiveTiming', 'valueQuantity', 'dataAbsentReason', 'status', 'interpretation', 'issued', 'implicitRules', 'modifierExtension'];
    for (const odd of [null, 7, true, 'text', [], [null, 7, 'text', [[]]], {}, { reference: 7, coding: 7, event: [7] }]) {
      for (const member of members) {
        const body = { ...pulse(newDevice(), at, 61), [member]: odd };
        expect((await recordOf(await deliver(body))).rawData).toEqual(body);
      }
    }
  });

  describe('the examples of others', () => {
    const patient = newPatient();
    beforeAll(async () => {
      for (const device of ['Device/phd-74E8FFFEFF051C00.001C05FFE874', 'Device/phd-711000FEFF5F49B0.B0495F001071', 'Device/phd-00601900010E9234.F45EABA80832', '0400007825']) await hold(patient, device, '2015-01-01T00:00:00Z');
    });
    const normalized = new Set([
      'bundle-continuousnonin', 'bundle-example-1', 'compound-numeric-blood-pressure-no-mean', 'compound-numeric-blood-pressure', 'compound-observation-glucose', 'glucose-observation',
      'numeric-spo2-alarm', 'numeric-spotnumeric', 'rtsa-example-2', 'temperature-observation',
    ]);
    const gatewayOnly = new Set(['coin-20181119174911', 'coin-20181119202022', 'coin-example-1', 'coin-example-timefault']);
    const files = readdirSync(new URL('fhir/hl7-phd/', folder)).map((file) => file.replace('.json', ''));

    test.each(files)('personal health device %s', async (file) => {
      const text = fixture(`fhir/hl7-phd/${file}.json`);
      const { resourceType } = JSON.parse(text) as { resourceType: string };
      const { _id } = await answered<{ _id: string }>(post(text));
      const record = await eventually(() => recordOf(_id), ({ state }) => state !== 'received');
      if (gatewayOnly.has(file)) expect(record).toMatchObject({ state: 'quarantined', reason: 'device-unknown' });
      else if (!['Observation', 'Bundle'].includes(resourceType)) expect(record).toMatchObject({ state: 'quarantined', reason: 'not-a-delivery' });
      else if (resourceType === 'Observation') expect(record).toMatchObject({ patientId: patient, state: normalized.has(file) ? 'normalized' : 'normalization-failed' });
    });

    test('the readings of the Bundles among them', async () => {
      const samples = await eventually(() => samplesOf(patient), (all) => all.every(({ state }) => state !== 'received'));
      const kinds = samples.filter(({ state }) => state === 'normalized').map(({ rawDataType }) => rawDataType);
      expect(Object.fromEntries([...Map.groupBy(kinds, (kind) => kind)].map(([kind, all]) => [kind, all.length]))).toEqual({ BloodPressure: 2, BodyTemperature: 1, ECG: 1, Glucose: 1, GlucoseSerumPlasma: 1, HeartRate: 14, SpO2: 14 });
    });

    test.each(readdirSync(new URL('fhir/hl7-r4-core/', folder)))('the specification, %s, which has no device of ours', async (file) => {
      const { _id } = await answered<{ _id: string }>(post(fixture(`fhir/hl7-r4-core/${file}`), file.endsWith('.xml') ? 'application/fhir+xml' : 'application/json'));
      expect(await recordOf(_id)).toMatchObject({ state: 'quarantined', reason: expect.stringMatching(file.startsWith('observation') ? /no-device-identity|device-unknown/ : /not-a-delivery|unsupported-bundle/) });
    });
  });

  describe('the examples in Medisanté JSON', () => {
    const devices = ['90-TEST-01', 'TEST-0001', 'TEST-0002', 'TEST-0004', 'TEST-0009', 'TEST-0010', 'PM100-TEST-01', 'TEST000000000A1', 'TEST000000000B2'];
    let counting = 0;
    const patient = newPatient();
    beforeAll(async () => {
      for (const device of devices) await hold(patient, device, '2015-01-01T00:00:00Z');
    });
    // The negative ones share the correlation id of the good one: each comes from a sender of its own.
    const from = async () => clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey(`sender-${String((counting += 1))}`)).key });
    const verdict = async (path: string) => {
      const client = await from();
      const answer = await client.send('/health-data/medisante', { method: 'POST', headers: { 'content-type': 'application/json' }, body: fixture(path) });
      if (answer.status !== 200) return { status: answer.status, ...((await answer.json()) as { code: string }) };
      const { _id } = (await answer.json()) as { _id: string };
      return eventually(() => recordOf(_id), ({ state }) => state !== 'received');
    };

    test.each(['captured/glucose-bg800-pryv.json', ...readdirSync(new URL('medisante/synthetic/', folder)).filter((file) => file.endsWith('.json')).map((file) => `synthetic/${file}`)])('%s is normalized', async (file) => {
      expect(await verdict(`medisante/${file}`)).toMatchObject({ state: 'normalized', patientId: patient });
    });

    test.each<[string, object]>([
      ['implausible-systolic-1280', { state: 'normalized', normalizedData: { observations: [{ value: 1280, annotation: { implausible: 'true' } }, {}, {}, {}] } }],
      ['missing-correlation-id', { state: 'normalized' }],
      ['missing-diastolic', { state: 'normalization-failed', reason: 'value-missing' }],
      ['nan-literal', { status: 400, code: 'malformed-json' }],
      ['no-device-identity', { state: 'quarantined', reason: 'no-device-identity' }],
      ['proto-pollution', { status: 400, code: 'forbidden-key' }],
      ['truncated', { status: 400, code: 'malformed-json' }],
      ['unknown-measurement-type', { state: 'normalization-failed', reason: 'no-rule' }],
      ['unknown-unit', { state: 'normalization-failed', reason: 'unit-not-for-type' }],
    ])('negative/%s', async (file, expected) => {
      expect(await verdict(`medisante/synthetic/negative/${file}.json`)).toMatchObject(expected);
    });

    test.each(readdirSync(new URL('medisante/sister-telli/', folder)))('%s of another vendor waits', async (file) => {
      expect(await verdict(`medisante/sister-telli/${file}`)).toMatchObject({ state: 'quarantined', reason: 'no-device-identity' });
    });
  });
});
