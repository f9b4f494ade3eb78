import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { accessTokenOf, answered, bloodPressure, clientWith, cuff, eventually, heartRate, newPatient, service, watch, type Client } from './client.ts';
import { component, loinc, observation, pulse, quantity } from './fhir-documents.ts';
import { faultsOf } from './r4-structure.ts';
import { codesIn, vitalSignFaults, type Bundle, type Observed } from './vital-signs.ts';

interface Outcome {
  readonly issue: readonly { readonly code: string; readonly location?: readonly string[]; readonly details: { readonly coding: readonly { readonly code: string }[] } }[];
}

const noon = '2024-07-01T12:00:00.000Z';
const item = (type: string, value: unknown, unit: string, more: object = {}) => ({ id: randomUUID(), type, unit, value, startDate: noon, endDate: noon, sourceId: 'com.apple.health', ...more });

describe('FHIR', () => {
  let vitalgate: TestVitalgate;
  let operator: Client;
  let sender: Client;
  const resourcesOf = ({ entry = [] }: Bundle) => entry.map(({ resource }) => resource);
  /** A body that must be R4, whatever it is. */
  const sound = async <Body>(answer: Promise<Response>): Promise<Body> => {
    const response = await answer;
    const body = (await response.json()) as Body;
    expect(faultsOf(body)).toEqual([]);
    expect(response.headers.get('content-type')).toBe('application/fhir+json; charset=utf-8');
    return body;
  };
  const search = async (client: Client, query = '') => resourcesOf(await sound<Bundle>(client.get(`/fhir/Observation?_count=200&${query}`)));
  const enrolled = async (items: readonly object[] = []): Promise<{ patientId: string; client: Client }> => {
    const patientId = newPatient();
    const client = service(vitalgate, patientId);
    await answered(client.post('/devices/assign', watch));
    if (items.length > 0) await answered(client.post('/health-data/healthkit', items));
    await eventually(() => answered<{ state: string }[]>(client.get('/health-data?_l=200')), (all) => all.every(({ state }) => state !== 'received'));
    return { patientId, client };
  };
  const held = async () => {
    const [patientId, device] = [newPatient(), `OUT-${randomUUID()}`];
    const client = service(vitalgate, patientId);
    await answered(client.post('/devices/assign', { ...cuff(device), serialNumber: device, assignedFrom: '2024-01-01T00:00:00Z' }));
    return { patientId, device, client };
  };
  const deliver = async (client: Client, body: object, fits: (all: Observed[]) => boolean) => {
    await answered(sender.post('/health-data/medisante', body));
    return eventually(() => search(client), fits);
  };

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'operator')}` });
    sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
  });
  afterAll(() => vitalgate.stop());

  describe('a HealthKit sample', () => {
    test.each<[string, object, string, string[], object]>([
      ['heart rate', item('HeartRate', 71, 'bpm'), 'vital-signs', ['8867-4'], { valueQuantity: { value: 71, code: '/min' } }],
      ['weight', item('BodyMass', 70.5, 'kg'), 'vital-signs', ['29463-7'], { valueQuantity: { value: 70.5, code: 'kg' } }],
      ['weight in pound, without the noise of conversion', item('BodyMass', 150, 'lb'), 'vital-signs', ['29463-7'], { valueQuantity: { value: 68.0388555, code: 'kg' } }],
      ['temperature', item('BodyTemperature', 36.6, 'degC'), 'vital-signs', ['8310-5'], { valueQuantity: { value: 36.6, code: 'Cel' } }],
      ['respiratory rate', item('RespiratoryRate', 14, 'count/min'), 'vital-signs', ['9279-1'], { valueQuantity: { value: 14, code: '/min' } }],
      ['oxygen saturation, under the code of the profile and its own', item('OxygenSaturation', 0.97, '%'), 'vital-signs', ['2708-6', '59408-5'], { valueQuantity: { value: 97, code: '%' } }],
      ['glucose in moles, which is no vital sign', item('BloodGlucose', 5.4, 'mmol/L'), 'laboratory', ['15074-8'], { valueQuantity: { value: 5.4, code: 'mmol/L' } }],
      ['glucose in mass, under another code', item('BloodGlucose', 97, 'mg/dL'), 'laboratory', ['2339-0'], { valueQuantity: { value: 97, code: 'mg/dL' } }],
      ['steps, as a period', item('StepCount', 512, 'count', { endDate: '2024-07-01T12:10:00Z' }), 'activity', ['55423-8'], { effectivePeriod: { start: noon, end: '2024-07-01T12:10:00.000Z' }, valueQuantity: { code: '{steps}' } }],
    ])('%s', async (_situation, sample, category, codes, more) => {
      const { client, patientId } = await enrolled([sample]);
      const [one] = await search(client);
      expect(one && vitalSignFaults(one, category)).toEqual([]);
      expect(codesIn(one?.code)).toEqual(codes);
      expect(codesIn(one?.code, 'http://developer.apple.com/documentation/healthkit')).toEqual([`HKQuantityTypeIdentifier${(sample as { type: string }).type}`]);
      expect(one).toMatchObject({ ...more, status: 'final', subject: { reference: `Patient/${patientId}` }, identifier: [{ system: 'urn:ietf:rfc:3986', value: `urn:uuid:${(sample as { id: string }).id}` }, {}] });
      expect(one).not.toHaveProperty('method');
    });

    test('blood pressure is one Observation with two components', async () => {
      const sample = { ...item('BloodPressure', undefined, 'mmHg'), bloodPressureSystolicValue: 128, bloodPressureDiastolicValue: 82 };
      const { client } = await enrolled([sample]);
      const all = await search(client);
      expect(all).toHaveLength(1);
      expect(all.flatMap((one) => vitalSignFaults(one))).toEqual([]);
      expect(all[0]).not.toHaveProperty('valueQuantity');
      expect([codesIn(all[0]?.code), all[0]?.component?.map(({ code, valueQuantity }) => [codesIn(code)[0], valueQuantity?.value])]).toEqual([['85354-9'], [['8480-6', 128], ['8462-4', 82]]]);
      expect(all[0]?.meta.profile).toEqual(['http://hl7.org/fhir/StructureDefinition/vitalsigns', 'http://hl7.org/fhir/StructureDefinition/bp']);
    });

    test('what a person typed in says so, and what a machine measured does not', async () => {
      const { client } = await enrolled([item('HeartRate', 71, 'bpm', { metadata: { HKWasUserEntered: true } }), item('HeartRate', 72, 'bpm', { metadata: { HKWasUserEntered: false } })]);
      const methods = (await search(client)).map(({ valueQuantity, method }) => [valueQuantity?.value, codesIn(method, 'urn:vitalgate:recording-method')]);
      expect(new Map(methods as [number, string[]][])).toEqual(new Map([[71, ['manual-entry']], [72, []]]));
    });

    test('an implausible value says so in a note; the UUID of an identifier is in lower case', async () => {
      const id = randomUUID();
      const { client } = await enrolled([item('HeartRate', 400, 'bpm', { id: id.toUpperCase() })]);
      expect(await search(client)).toMatchObject([{ note: [{ text: 'implausible: true' }], identifier: [{ value: `urn:uuid:${id}` }, {}] }]);
    });
  });

  describe('a delivery', () => {
    test('of blood pressure with pulse is two Observations', async () => {
      const { client, device } = await held();
      const all = await deliver(client, bloodPressure({ serialNumber: device }, '2024-05-21T15:45:50Z'), (found) => found.length === 2);
      expect(all.flatMap((one) => vitalSignFaults(one))).toEqual([]);
      expect(all.map(({ code }) => codesIn(code)[0]).sort()).toEqual(['85354-9', '8867-4']);
      expect(new Set(all.map(({ id }) => id.slice(0, 32))).size).toBe(1);
    });

    test('without diastolic pressure says why there is none, and of a systolic that is a limit that it is one', async () => {
      const { client, device } = await held();
      const half = [component(loinc('8480-6'), { valueQuantity: { ...quantity(299, 'mm[Hg]'), comparator: '>' } }), component(loinc('8462-4'), { dataAbsentReason: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/data-absent-reason', code: 'not-performed' }] } })];
      const all = await deliver(client, observation(loinc('85354-9'), device, noon, { component: half }), (found) => found.length === 1);
      expect(all.flatMap((one) => vitalSignFaults(one))).toEqual([]);
      expect(all[0]?.component).toMatchObject([{ valueQuantity: { value: 299, comparator: '>' } }, { dataAbsentReason: { coding: [{ code: 'not-performed' }] } }]);
      expect(JSON.stringify(all[0]?.note)).not.toContain('comparator');
      expect(all[0]?.component?.[1]).not.toHaveProperty('valueQuantity');
    });

    test('that is corrected keeps its identifier, and changes status, version and value', async () => {
      const { client, device } = await held();
      const named = { identifier: [{ system: 'urn:x', value: randomUUID() }] };
      const [first] = await deliver(client, pulse(device, noon, 61, named), (found) => found.length === 1);
      expect(first).toMatchObject({ status: 'final', valueQuantity: { value: 61 } });
      const corrected = await deliver(client, pulse(device, noon, 62, { ...named, status: 'corrected' }), ([one]) => one?.status === 'corrected');
      expect(corrected).toMatchObject([{ id: first?.id, status: 'corrected', valueQuantity: { value: 62 } }]);
      expect(corrected[0]?.meta.versionId).not.toBe(first?.meta.versionId);
      expect(await sound<Observed>(client.get(`/fhir/Observation/${first?.id ?? ''}`))).toMatchObject({ status: 'corrected' });
      const withdrawn = await deliver(client, pulse(device, noon, 62, { ...named, status: 'entered-in-error' }), ([one]) => one?.status === 'entered-in-error');
      expect(withdrawn.map(({ id, status }) => [id, status])).toEqual([[first?.id, 'entered-in-error']]);
      expect((await search(client, `_lastUpdated=gt${corrected[0]?.meta.lastUpdated ?? ''}`)).map(({ id }) => id)).toEqual([first?.id]);
    });

    test.each<[string, ReturnType<typeof loinc>, string]>([['a heart rate', loinc('8867-4'), '8867-4'], ['a blood pressure', loinc('85354-9'), '85354-9']])('of %s without any value says why there is none', async (_situation, code, shown) => {
      const { client, device } = await held();
      const reason = { dataAbsentReason: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/data-absent-reason', code: 'masked' }] } };
      const all = await deliver(client, observation(code, device, noon, reason), (found) => found.length === 1);
      expect(all.flatMap((one) => vitalSignFaults(one))).toEqual([]);
      expect([codesIn(all[0]?.code), JSON.stringify(all).match(/"masked"/g)?.length]).toEqual([[shown], shown === '85354-9' ? 2 : 1]);
      expect((await search(client, `code=${shown}`)).map(({ id }) => id)).toEqual(all.map(({ id }) => id));
    });
  });

  describe('a search', () => {
    const day = (date: number, value: number) => item('HeartRate', value, 'bpm', { startDate: `2024-07-0${String(date)}T12:00:00Z`, endDate: `2024-07-0${String(date)}T12:00:00Z` });
    let anna: { patientId: string; client: Client };
    const valuesOf = (all: readonly Observed[]) => all.map(({ valueQuantity }) => valueQuantity?.value);
    beforeAll(async () => {
      anna = await enrolled([day(1, 61), day(2, 62), day(3, 63), item('BodyMass', 70, 'kg', { startDate: '2024-07-02T08:00:00Z', endDate: '2024-07-02T08:00:00Z' })]);
    });

    test.each<[string, string, number[]]>([
      ['nothing asked', '', [63, 62, 70, 61]],
      ['the patient it speaks for', 'patient=PATIENT', [63, 62, 70, 61]],
      ['the patient as a reference', 'patient=Patient/PATIENT', [63, 62, 70, 61]],
      ['a code', 'code=8867-4', [63, 62, 61]],
      ['a code with its system', 'code=http://loinc.org|8867-4', [63, 62, 61]],
      ["Apple's code", 'code=HKQuantityTypeIdentifierBodyMass', [70]],
      ['a code of another system', 'code=http://snomed.info/sct|8867-4', []],
      ['two codes', 'code=8867-4,29463-7', [63, 62, 70, 61]],
      ['a code that nothing has', 'code=85354-9', []],
      ['a day', 'date=2024-07-02', [62, 70]],
      ['equal to a day', 'date=eq2024-07-02', [62, 70]],
      ['not a day', 'date=ne2024-07-02', [63, 61]],
      ['after a day', 'date=gt2024-07-02', [63]],
      ['from a day on', 'date=ge2024-07-02', [63, 62, 70]],
      ['before a day', 'date=lt2024-07-02', [61]],
      ['up to a day', 'date=le2024-07-02', [62, 70, 61]],
      ['starting after an instant', 'date=sa2024-07-02T10:00:00Z', [63, 62]],
      ['ending before an instant with an offset', 'date=eb2024-07-02T12:00:00%2B02:00', [70, 61]],
      ['an offset whose plus was not encoded', 'date=eb2024-07-02T12:00:00+02:00', [70, 61]],
      ['a span', 'date=ge2024-07-02&date=lt2024-07-03', [62, 70]],
      ['a month', 'date=2024-07', [63, 62, 70, 61]],
      ['another year', 'date=2023', []],
      ['about now', 'date=ap2199-01-01', []],
      ['about then', 'date=ap2024-07-01', [63, 62, 70, 61]],
      ['changed since long ago', '_lastUpdated=ge2020-01-01', [63, 62, 70, 61]],
      ['changed in the future', '_lastUpdated=gt2199-01-01', []],
      ['a form of the answer', '_format=json', [63, 62, 70, 61]],
    ])('%s', async (_situation, query, values) => {
      expect(valuesOf(await search(anna.client, query.replace('PATIENT', anna.patientId)))).toEqual(values);
    });

    test('pages lead through all of it, each Observation once', async () => {
      const { client, device } = await held();
      for (const minute of [1, 2, 3]) await deliver(client, bloodPressure({ serialNumber: device }, `2024-05-21T15:0${String(minute)}:00Z`), (found) => found.length === 2 * minute);
      const all = (await search(client)).map(({ id }) => id);
      const seen: string[] = [];
      for (let url: string | undefined = `${vitalgate.urls.deviceManager}/fhir/Observation?_count=1`; url !== undefined && seen.length < 10; ) {
        const page: Bundle = await sound<Bundle>(client.get(url.slice(vitalgate.urls.deviceManager.length)));
        seen.push(...resourcesOf(page).map(({ id }) => id));
        expect(page.entry?.[0]?.fullUrl).toBe(`${vitalgate.urls.deviceManager}/fhir/Observation/${seen.at(-1) ?? ''}`);
        url = page.link.find(({ relation }) => relation === 'next')?.url;
      }
      expect([seen.length, seen]).toEqual([6, all]);
    });

    test('a page keeps what was asked', async () => {
      const page = await sound<Bundle>(anna.client.get('/fhir/Observation?code=8867-4&date=ge2024-07-02&_count=1'));
      const next = new URL(page.link.find(({ relation }) => relation === 'next')?.url ?? '');
      const second = await sound<Bundle>(anna.client.get(`${next.pathname}${next.search}`));
      expect([page, second].map((one) => valuesOf(resourcesOf(one)))).toEqual([[63], [62]]);
      expect(second.link.map(({ relation }) => relation)).toEqual(['self']);
    });

    test('leaves an audit row, and so does a reading', async () => {
      const { client, patientId } = await enrolled([heartRate(1)]);
      const [one] = await search(client);
      await sound(client.get(`/fhir/Observation/${one?.id ?? ''}`));
      await client.get(`/fhir/Patient/${patientId}/$everything`);
      const { rows } = await vitalgate.database.pool.query<{ resource: string }>(`select resource from device_manager.audit_event where patient_id = $1 and action = 'R' and resource like 'fhir/%' order by at`, [patientId]);
      expect(rows.map(({ resource }) => resource)).toEqual(['fhir/Observation', `fhir/Observation/${one?.id ?? ''}`, 'fhir/Patient/$everything']);
    });

    test('operators name the patient, or the Observation', async () => {
      expect(valuesOf(await search(operator, `patient=${anna.patientId}&code=29463-7`))).toEqual([70]);
      const [one] = await search(anna.client);
      expect(valuesOf(await search(operator, `_id=${one?.id ?? ''}`))).toEqual([63]);
      expect(valuesOf(await search((await enrolled()).client, `_id=${one?.id ?? ''}`))).toEqual([]);
    });
  });

  describe('a refusal is an OperationOutcome', () => {
    test.each<[string, string, number, string, string | undefined]>([
      ['a parameter that is not supported', '/fhir/Observation?value-quantity=gt100', 400, 'not-supported', 'http.value-quantity'],
      ['a modifier that is not supported', '/fhir/Observation?code:in=x', 400, 'not-supported', 'http.code:in'],
      ['a date that is none', '/fhir/Observation?date=yesterday', 400, 'invalid', 'http.date'],
      ['a date the calendar does not have', '/fhir/Observation?date=2024-02-30', 400, 'invalid', 'http.date'],
      ['a time without zone', '/fhir/Observation?date=2024-02-20T10:00:00', 400, 'invalid', 'http.date'],
      ['a prefix nobody knows', '/fhir/Observation?date=xx2024-02-20', 400, 'invalid', 'http.date'],
      ['a code without code', '/fhir/Observation?code=http://loinc.org|', 400, 'invalid', 'http.code'],
      ['too large a page', '/fhir/Observation?_count=201', 400, 'invalid', 'http._count'],
      ['a page that nobody wrote', '/fhir/Observation?_cursor=abc', 400, 'invalid', 'http._cursor'],
      ['another form', '/fhir/Observation?_format=xml', 400, 'invalid', 'http._format'],
      ['a NUL', '/fhir/Observation?code=a%00', 400, 'value', 'http.code'],
      ['another patient', '/fhir/Observation?patient=somebody', 403, 'forbidden', undefined],
      ['all of another patient', '/fhir/Patient/somebody/$everything', 403, 'forbidden', undefined],
      ['an Observation nobody has', `/fhir/Observation/${'0'.repeat(32)}-8867-4`, 404, 'not-found', undefined],
      ['an identifier that is none', '/fhir/Observation/x', 404, 'not-found', undefined],
      ['a Device nobody has', `/fhir/Device/${'0'.repeat(32)}`, 404, 'not-found', undefined],
      ['a kind of resource that is not served', '/fhir/Condition', 404, 'not-found', undefined],
      ['the root', '/fhir', 404, 'not-found', undefined],
    ])('%s', async (_situation, path, status, code, location) => {
      const response = await service(vitalgate, newPatient()).get(path);
      const outcome = await sound<Outcome>(Promise.resolve(response));
      expect([response.status, outcome.issue[0]?.code, outcome.issue[0]?.location?.[0]]).toEqual([status, code, location]);
    });

    test('nobody named', async () => {
      const outcome = await sound<Outcome>(operator.get('/fhir/Observation'));
      expect(outcome.issue[0]).toMatchObject({ code: 'invalid', location: ['http.patient'], details: { coding: [{ code: 'invalid-request' }, { code: 'required' }] } });
    });

    test.each<[string, Record<string, string>, string, number, string]>([
      ['no credential', {}, 'GET', 401, 'login'], ['another method', {}, 'DELETE', 405, 'not-supported'],
    ])('%s', async (_situation, headers, method, status, code) => {
      const response = await clientWith(vitalgate.urls.deviceManager, headers).send('/fhir/Observation', { method });
      expect([response.status, (await sound<Outcome>(Promise.resolve(response))).issue[0]?.code]).toEqual([status, code]);
    });

    test('an Observation of another patient is not there', async () => {
      const [one] = await search((await enrolled([heartRate(1)])).client);
      expect((await service(vitalgate, newPatient()).get(`/fhir/Observation/${one?.id ?? ''}`)).status).toBe(404);
    });
  });

  describe('a Device', () => {
    test('is found by its holder, and by the reference of an Observation', async () => {
      const { client, patientId } = await enrolled([heartRate(1)]);
      const { entry } = await sound<Bundle>(client.get('/fhir/Device'));
      expect(entry).toMatchObject([{ resource: { status: 'active', deviceName: [{ name: 'Apple Watch' }], type: { text: 'Wearable' }, patient: { reference: `Patient/${patientId}` }, identifier: [{ value: 'apple-12345' }] } }]);
      const [one] = await search(client);
      expect(await sound(client.get(`/fhir/${one?.device.reference ?? ''}`))).toEqual(entry?.[0]?.resource);
    });

    test('of a former holder is still read, and does not say who has it now', async () => {
      const { client, device } = await held();
      const { entry } = await sound<Bundle>(client.get('/fhir/Device'));
      const id = entry?.[0]?.resource.id ?? '';
      await client.post(`/devices/${id}/unassign`);
      await answered(service(vitalgate, newPatient()).post('/devices/assign', { ...cuff(device), serialNumber: device }));
      expect(await sound<Bundle>(client.get('/fhir/Device'))).not.toHaveProperty('entry');
      const read = await sound<object>(client.get(`/fhir/Device/${id}`));
      expect(read).toMatchObject({ id, status: 'active' });
      expect(read).not.toHaveProperty('patient');
      expect((await service(vitalgate, newPatient()).get(`/fhir/Device/${id}`)).status).toBe(404);
    });

    test('pages lead through all of them', async () => {
      const client = service(vitalgate, newPatient());
      for (const deviceId of ['a', 'b', 'c']) await answered(client.post('/devices/assign', { ...watch, deviceId }));
      const first = await sound<Bundle>(client.get('/fhir/Device?_count=2'));
      const next = new URL(first.link.find(({ relation }) => relation === 'next')?.url ?? '');
      const second = await sound<Bundle>(client.get(`${next.pathname}${next.search}`));
      expect([first, second].map(({ entry = [] }) => entry.length)).toEqual([2, 1]);
    });
  });

  describe('$everything', () => {
    const everything = async (client: Client, patientId: string, query = '') => {
      const response = await client.get(`/fhir/Patient/${patientId}/$everything${query}`);
      expect([response.status, response.headers.get('content-type')?.split(';')[0]]).toEqual([200, 'application/fhir+ndjson']);
      return (await response.text()).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Observed & { resourceType: string });
    };

    test('is every Device and every Observation, one a line', async () => {
      const { client, patientId } = await enrolled(Array.from({ length: 450 }, (_, second) => heartRate(second)));
      const all = await everything(client, patientId);
      expect(all.flatMap((one) => faultsOf(one))).toEqual([]);
      expect([all.filter(({ resourceType }) => resourceType === 'Device').length, new Set(all.filter(({ resourceType }) => resourceType === 'Observation').map(({ id }) => id)).size]).toEqual([1, 450]);
      expect(await everything(operator, patientId)).toEqual(all);
    });

    test('of a span is what was measured in it', async () => {
      const { client, patientId } = await enrolled([heartRate(0), heartRate(86_400), heartRate(172_800)]);
      const starts = (await everything(client, patientId, '?start=2024-07-02&end=2024-07-02')).flatMap(({ effectiveDateTime = [] }) => effectiveDateTime);
      expect(starts).toEqual(['2024-07-02T00:00:00.000Z']);
      for (const zone of ['Z', '%2B02:00', '%2B0200', '-0330']) expect((await everything(client, patientId, `?_since=2199-01-01T00:00:00${zone}`)).map(({ resourceType }) => resourceType)).toEqual(['Device']);
    });

    test('of nobody is nothing', async () => {
      expect(await everything(operator, newPatient())).toEqual([]);
    });
  });

  test('the CapabilityStatement needs no credential and names every search parameter', async () => {
    const statement = await sound<{ rest: { resource: { type: string; searchParam?: { name: string }[] }[] }[] }>(clientWith(vitalgate.urls.deviceManager, {}).get('/fhir/metadata'));
    const named = (type: string) => statement.rest[0]?.resource.find((one) => one.type === type)?.searchParam?.map(({ name }) => name);
    expect([named('Observation'), named('Device')]).toEqual([['patient', '_id', 'code', 'date', '_lastUpdated'], ['patient', '_id']]);
  });
});
