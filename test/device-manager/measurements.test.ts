import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import catalogue from '../../src/device-manager/catalogue/health-data-types.json' with { type: 'json' };
import { observationsOf } from '../../src/device-manager/domain/fhir/observation.ts';
import { compileRules, normalize } from '../../src/device-manager/domain/normalization.ts';
import type { HealthDataType } from '../../src/device-manager/domain/rule.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, clientWith, cuff, eventually, newPatient, service, type Client } from './client.ts';
import { component, loinc, mdc, observation, pressure, quantity } from './fhir-documents.ts';
import { fhirXml, medisanteXml } from '../../src/simulator/xml-documents.ts';

const at = '2024-03-02T09:10:11.123Z';
const fixture = (path: string) => JSON.parse(readFileSync(new URL(`../fixtures/medisante/${path}`, import.meta.url), 'utf8')) as Record<string, unknown>;
const metric = (value: unknown, unit: string, more: object = {}) => ({ value, unit, isInRange: true, ...more });
const medisante = (measurementType: string, metrics: object) => ({
  metadata: { correlationId: randomUUID(), receivedTime: at, deviceGroups: [], measurementType }, device: { serialNumber: '' }, measurements: { ...metrics, timestamp: at },
});

const rules = compileRules(catalogue as unknown as readonly HealthDataType[]);
const normalized = (item: { metadata: { measurementType: string } }, start = at) => normalize(rules, { providerId: 'medisante', dataType: item.metadata.measurementType, item, start, end: start });
const recordOf = (item: ReturnType<typeof medisante>, start?: string) => {
  const outcome = normalized(item, start);
  if ('reason' in outcome) throw new Error(outcome.reason);
  return outcome.record;
};

type Expected = readonly (readonly [code: string, unitCode: string, value: string])[];
const pdf = (fixture('synthetic/ecg-pm100-pdf.json')['measurements'] as { documents: { ecgReportBase64PDF: string } }).documents.ecgReportBase64PDF;

/** Each measurement as Medisanté sends it, the same one in FHIR where FHIR has a code for it, and what both become. */
const table: readonly (readonly [situation: string, type: string, metrics: object, fhir: ((device: string) => object) | undefined, normalizedType: string, expected: Expected])[] = [
  ['blood pressure', 'BloodPressure', { systolicBloodPressure: metric(128, 'mmHg'), diastolicBloodPressure: metric(82, 'mmHg'), meanBloodPressure: metric(97, 'mmHg'), pulse: metric(65, 'bpm') },
    (device) => pressure(device, at, 128, 82, { component: [['8480-6', 128], ['8462-4', 82], ['8478-0', 97]].map(([code, value]) => component(loinc(String(code)), { valueQuantity: quantity(value, 'mm[Hg]') })).concat(component(loinc('8867-4'), { valueQuantity: quantity(65, '/min') })) }),
    'blood-pressure', [['8480-6', 'mm[Hg]', '128.00'], ['8462-4', 'mm[Hg]', '82.00'], ['8478-0', 'mm[Hg]', '97.00'], ['8867-4', '/min', '65.00']]],
  ['blood pressure in pascal', 'BloodPressure', { systolicBloodPressure: metric(16400, 'Pa'), diastolicBloodPressure: metric(10533, 'Pa') },
    (device) => observation(mdc('150020'), device, at, { component: [component(mdc('150021'), { valueQuantity: quantity(16400, 'Pa') }), component(mdc('150022'), { valueQuantity: quantity(10533, 'Pa') })] }),
    'blood-pressure', [['8480-6', 'mm[Hg]', '123.01'], ['8462-4', 'mm[Hg]', '79.00']]],
  ['blood pressure in kilopascal', 'BloodPressure', { systolicBloodPressure: metric(16.4, 'kPa'), diastolicBloodPressure: metric(10.533, 'kPa'), pulse: metric(65, 'bmp') }, undefined,
    'blood-pressure', [['8480-6', 'mm[Hg]', '123.01'], ['8462-4', 'mm[Hg]', '79.00'], ['8867-4', '/min', '65.00']]],
  ['weight in grams', 'BodyWeight', { bodyWeight: metric(81250, 'g') }, (device) => observation(loinc('29463-7'), device, at, { valueQuantity: quantity(81250, 'g') }), 'body-weight', [['29463-7', 'kg', '81.25']]],
  ['weight in pounds', 'BodyWeight', { bodyWeight: metric(185, 'lb') }, (device) => observation(loinc('29463-7'), device, at, { valueQuantity: quantity(185, '[lb_av]') }), 'body-weight', [['29463-7', 'kg', '83.91']]],
  ['body composition', 'BodyWeightComposition', { bodyWeight: metric(81.25, 'kg'), bodyComposition: metric(500, '\u2126') }, undefined, 'body-weight', [['29463-7', 'kg', '81.25'], ['urn:vitalgate:code:bia-impedance', 'Ohm', '500.00']]],
  ['temperature', 'BodyTemperature', { temperature: metric(36.7, '°C') }, (device) => observation(loinc('8310-5'), device, at, { valueQuantity: quantity(36.7, 'Cel') }), 'body-temperature', [['8310-5', 'Cel', '36.70']]],
  ['temperature in Fahrenheit', 'BodyTemperature', { temperature: metric(98.6, '°F') }, (device) => observation(mdc('150364'), device, at, { valueQuantity: quantity(98.6, '[degF]') }), 'body-temperature', [['8310-5', 'Cel', '37.00']]],
  ['oxygen saturation', 'SpO2', { SpO2: metric(97, '%'), pulse: metric(64, 'bpm'), perfusionIndex: metric(4.2, '%') },
    (device) => observation(loinc('59408-5', '2708-6'), device, at, { valueQuantity: quantity(97, '%'), component: [component(loinc('8867-4'), { valueQuantity: quantity(64, '/min') }), component(loinc('61006-3'), { valueQuantity: quantity(4.2, '%') })] }),
    'oxygen-saturation', [['59408-5', '%', '97.00'], ['8867-4', '/min', '64.00'], ['61006-3', '%', '4.20']]],
  ['oxygen saturation under its other name', 'OxygenSaturation', { SpO2: metric(97, '%') }, (device) => observation(mdc('150456'), device, at, { valueQuantity: quantity(97, '%') }), 'oxygen-saturation', [['59408-5', '%', '97.00']]],
  ['glucose in moles', 'Glucose', { glucose: metric(5.5, 'mmol/L') }, (device) => observation(loinc('14743-9'), device, at, { valueQuantity: quantity(5.5, 'mmol/L') }), 'blood-glucose', [['14743-9', 'mmol/L', '5.50']]],
  ['glucose in mass', 'BloodGlucose', { glucose: metric(118, 'mg/dL'), ambientTemperature: metric(22.5, '°C'), hematocrit: metric(41, '%') },
    (device) => observation(loinc('41653-7'), device, at, { valueQuantity: quantity(118, 'mg/dL'), component: [component(loinc('60832-3'), { valueQuantity: quantity(22.5, 'Cel') }), component(loinc('20570-8'), { valueQuantity: quantity(41, '%') })] }),
    'blood-glucose', [['41653-7', 'mg/dL', '118.00'], ['60832-3', 'Cel', '22.50'], ['20570-8', '%', '41.00']]],
  ['cholesterol in mass', 'Cholesterol', { cholesterol: metric(182, 'mg/dL') }, (device) => observation(loinc('2093-3'), device, at, { valueQuantity: quantity(182, 'mg/dL') }), 'cholesterol', [['2093-3', 'mg/dL', '182.00']]],
  ['cholesterol in moles', 'Cholesterol', { cholesterol: metric(4.7, 'mmol/L') }, (device) => observation(loinc('14647-2'), device, at, { valueQuantity: quantity(4.7, 'mmol/L') }), 'cholesterol', [['14647-2', 'mmol/L', '4.70']]],
  ['urate in mass', 'UricAcid', { uricacid: metric(5.4, 'mg/dL') }, (device) => observation(loinc('3084-1'), device, at, { valueQuantity: quantity(5.4, 'mg/dL') }), 'uric-acid', [['3084-1', 'mg/dL', '5.40']]],
  ['urate in moles', 'URICAcid', { uricacid: metric(321, 'µmol/L') }, (device) => observation(loinc('14933-6'), device, at, { valueQuantity: quantity(321, 'umol/L') }), 'uric-acid', [['14933-6', 'umol/L', '321.00']]],
  ['ketone in moles', 'Ketone', { ketone: metric(0.4, 'mmol/L') }, (device) => observation(loinc('104816-4'), device, at, { valueQuantity: quantity(0.4, 'mmol/L') }), 'ketone', [['104816-4', 'mmol/L', '0.40']]],
  ['ketone in mass', 'Ketone', { ketone: metric(10.41, 'mg/dL') }, undefined, 'ketone', [['104816-4', 'mmol/L', '1.00']]],
  ['electrocardiogram as a report', 'ECG', { documents: { ecgReportBase64PDF: pdf } }, undefined, 'ecg', []],
  ['electrocardiogram as samples', 'ECG', { ecgSamples: { sampleRate: 500, sampleRateUnit: 'Hz', samples: [{ numberOfSamples: 3, values: [1, 2, 3] }] } }, (device) => observation(mdc('131328'), device, at, { component: [component(mdc('131329'), { valueSampledData: { period: 2, data: '1 2 3' } })] }), 'ecg', []],
  ['heart rate', 'HeartRate', { pulse: metric(61, 'bpm') }, (device) => observation(mdc('149530'), device, at, { valueQuantity: quantity(61, '/min', '{beat}/min}') }), 'heart-rate', [['8867-4', '/min', '61.00']]],
  ['heart rate under its other names', 'Pulse', { heartRate: metric(61, '/min') }, undefined, 'heart-rate', [['8867-4', '/min', '61.00']]],
  ['respiratory rate', 'RespiratoryRate', { respiratoryRate: metric(14, 'rpm') }, (device) => observation(loinc('9279-1'), device, at, { valueQuantity: quantity(14, '/min') }), 'respiratory-rate', [['9279-1', '/min', '14.00']]],
  ['height', 'BodyHeight', { bodyHeight: metric(1.78, 'm') }, (device) => observation(loinc('8302-2'), device, at, { valueQuantity: quantity(1.78, 'm') }), 'body-height', [['8302-2', 'cm', '178.00']]],
  ['activity', 'Activity', { steps: metric(4711, 'steps'), distance: metric(3.2, 'km'), calories: metric(418400, 'J'), activeTime: metric(90, 's') }, undefined,
    'step-count', [['55423-8', '{steps}', '4711.00'], ['urn:vitalgate:code:distance', 'm', '3200.00'], ['41981-2', 'kcal', '100.00'], ['urn:vitalgate:code:active-time', 'min', '1.50']]],
  ['steps', 'Activity', { steps: metric(4711, '1') }, (device) => observation(loinc('55423-8'), device, at, { valueInteger: 4711 }), 'step-count', [['55423-8', '{steps}', '4711.00']]],
  ['energy without steps', 'ActivityEnergy', { calories: metric(250, 'kcal') }, (device) => observation(loinc('41981-2'), device, at, { valueQuantity: quantity(250, 'kcal') }), 'step-count', [['41981-2', 'kcal', '250.00']]],
  ['perfusion without saturation', 'PerfusionIndex', { perfusionIndex: metric(4.2, '%') }, (device) => observation(loinc('61006-3'), device, at, { valueQuantity: quantity(4.2, '%') }), 'oxygen-saturation', [['61006-3', '%', '4.20']]],
  ['hematocrit without glucose', 'GlucoseConditions', { hematocrit: metric(41, '%') }, (device) => observation(loinc('20570-8'), device, at, { valueQuantity: quantity(41, '%') }), 'blood-glucose', [['20570-8', '%', '41.00']]],
  ['temperature of the room without glucose', 'GlucoseConditions', { ambientTemperature: metric(22.5, '°C') }, (device) => observation(loinc('60832-3'), device, at, { valueQuantity: quantity(22.5, 'Cel') }), 'blood-glucose', [['60832-3', 'Cel', '22.50']]],
  ['spirometry', 'Spirometry', { fvc: metric(4300, 'mL'), fev1: metric(3.4, 'L'), fev1FvcRatio: metric(79, '%'), pef: metric(8, 'L/s') },
    (device) => observation(mdc('0'), device, at, { component: [['19868-9', 4300, 'mL'], ['20150-9', 3.4, 'L'], ['19926-5', 79, '%'], ['19935-6', 8, 'L/s']].map(([code, value, unit]) => component(loinc(String(code)), { valueQuantity: quantity(value, String(unit)) })) }),
    'spirometry', [['19868-9', 'L', '4.30'], ['20150-9', 'L', '3.40'], ['19926-5', '%', '79.00'], ['19935-6', 'L/min', '480.00']]],
  ['coagulation', 'Coagulation', { inr: metric(2.5, ''), prothrombinTime: metric(28, 's') }, undefined, 'coagulation', [['46418-0', '{INR}', '2.50'], ['urn:vitalgate:code:prothrombin-time', 's', '28.00']]],
  ['coagulation under its other name', 'INR', { inr: metric(2.5, 'INR') }, (device) => observation(loinc('46418-0'), device, at, { valueQuantity: quantity(2.5, '{INR}') }), 'coagulation', [['46418-0', '{INR}', '2.50']]],
  ['pill dispenser', 'PillDispenser', { event: 'taken', compartment: 3 }, undefined, 'medication-dispensing', [['urn:vitalgate:code:pill-taken', '{event}', '1.00']]],
];
const codeUrl = (code: string) => (code.startsWith('urn:') ? code : `https://loinc.org/${code}`);

describe('each type of measurement', () => {
  interface Record {
    readonly state: string;
    readonly reason?: string;
    readonly patientId: string;
    readonly rawDataFormat: string;
    readonly normalizedDataType: string;
    readonly normalizedData: { period: object; observations: { code: string; name: string; unit: string; unitCode: string; value: number }[]; attachments?: object[] };
  }
  let vitalgate: TestVitalgate;
  let sender: Client;
  const patient = newPatient();
  const device = { ...cuff('Maker:Model:S-1'), serialNumber: 'S-1' };
  const keptAs = async (contentType: string, body: string): Promise<Record> => {
    const { _id } = await answered<{ _id: string }>(sender.send('/health-data/medisante', { method: 'POST', headers: { 'content-type': contentType }, body }));
    return eventually(() => answered<Record>(service(vitalgate).get(`/health-data/${_id}`)), ({ state }) => state === 'normalized' || state === 'normalization-failed');
  };
  const kept = (body: object) => keptAs('application/json', JSON.stringify(body));

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
    await answered(service(vitalgate, patient).post('/devices/assign', { ...device, assignedFrom: '2024-03-01T00:00:00Z' }));
  });
  afterAll(() => vitalgate.stop());

  test.each(table)('%s: the same record from Medisanté and from FHIR, from JSON and from XML, for the patient who had the device', async (_situation, type, metrics, fhir, normalizedType, expected) => {
    const delivery = () => ({ ...medisante(type, metrics), device: { serialNumber: 'S-1' } });
    const resource = fhir?.('S-1') as { resourceType: string } | undefined;
    // A millisecond later, or it would be the same reading.
    const later = '2024-03-02T09:10:11.124Z';
    const [record, inXml, inFhir, inFhirXml] = await Promise.all([
      kept(delivery()), keptAs('application/xml', medisanteXml(delivery())),
      resource && kept(resource), resource && keptAs('application/fhir+xml', fhirXml(resource).replace(at, later)),
    ]);
    expect(record).toMatchObject({ state: 'normalized', patientId: patient, normalizedDataType: normalizedType, normalizedData: { period: { startDate: at } } });
    expect(record.normalizedData.observations.map(({ code, unitCode, value }) => [code, unitCode, value.toFixed(2)])).toEqual(expected.map(([code, ...rest]) => [codeUrl(code), ...rest]));
    const plain = ({ normalizedData: { period, observations }, ...rest }: Record) =>
      ({ state: rest.state, reason: rest.reason, patientId: rest.patientId, type: rest.normalizedDataType, period, observations: observations.map(({ code, name, unit, unitCode, value }) => ({ code, name, unit, unitCode, value })) });
    expect({ ...plain(inXml), format: inXml.rawDataFormat }).toEqual({ ...plain(record), format: 'medisantestandard-xml' });
    if (inFhir === undefined || inFhirXml === undefined) return;
    expect(plain(inFhir)).toEqual(plain(record));
    expect({ ...plain(inFhirXml), format: inFhirXml.rawDataFormat }).toEqual({ ...plain(record), period: { startDate: later }, format: 'fhir-xml' });
  });

  test('attachments of an electrocardiogram stand in rawData where the record says, in either format', async () => {
    const report = await kept({ ...medisante('ECG', { documents: { ecgReportBase64PDF: pdf } }), device: { serialNumber: 'S-1' } });
    expect(report.normalizedData.attachments).toEqual([{ kind: 'document', code: 'https://loinc.org/11524-6', name: 'EKG study', contentType: 'application/pdf', sizeBytes: Buffer.from(pdf, 'base64').length, pointer: '/measurements/documents/ecgReportBase64PDF' }]);
    const samples = await kept({ ...observation(mdc('131328'), 'S-1', '2024-03-02T10:00:00Z', { component: [component(mdc('131329'), { valueSampledData: { period: 2, data: '1 2' } })] }) });
    expect(samples.normalizedData.attachments).toMatchObject([{ kind: 'sampled-data', pointer: '/component' }]);
    const both = await kept({
      resourceType: 'DiagnosticReport', status: 'final', code: loinc('11524-6'), presentedForm: [{ contentType: 'application/pdf', data: pdf }], result: [{ reference: '#e' }],
      contained: [{ ...observation(loinc('11524-6'), 'S-1', '2024-03-02T11:00:00Z', { device: { identifier: { value: 'S-1' } }, valueSampledData: { period: 2, data: '1 2' } }), contained: undefined, id: 'e' }],
    });
    expect(both.normalizedData.attachments).toMatchObject([{ kind: 'document', pointer: '/1/presentedForm/0/data' }, { kind: 'sampled-data', pointer: '/0/valueSampledData' }]);
  });
});

describe('what a value must be', () => {
  test.each<[string, string, object, string]>([
    ['an unknown unit', 'BloodPressure', { systolicBloodPressure: metric(128, 'furlong'), diastolicBloodPressure: metric(82, 'mmHg') }, 'unit-unknown'],
    ['a unit that every object inherits', 'INR', { inr: metric(2.5, 'constructor') }, 'unit-unknown'],
    ['a unit of something else', 'BloodPressure', { systolicBloodPressure: metric(128, 'stone'), diastolicBloodPressure: metric(82, 'mmHg') }, 'unit-not-for-type'],
    ['a unit of mass for a ketone that has no such factor', 'Ketone', { ketone: metric(1, 'g') }, 'unit-not-for-type'],
    ['no unit', 'BodyWeight', { bodyWeight: { value: 80 } }, 'unit-missing'],
    ['an empty unit', 'BodyWeight', { bodyWeight: metric(80, ' ') }, 'unit-missing'],
    ['a unit that is a number', 'BodyWeight', { bodyWeight: { value: 80, unit: 7 } }, 'unit-missing'],
    ['an unknown unit of a pulse beside', 'SpO2', { SpO2: metric(97, '%'), pulse: metric(64, 'Hzz') }, 'unit-unknown'],
    ['a number as text', 'BodyWeight', { bodyWeight: metric('80', 'kg') }, 'value-not-a-number'],
    ['a truth value', 'BodyWeight', { bodyWeight: metric(true, 'kg') }, 'value-not-a-number'],
    ['no value', 'BodyWeight', { bodyWeight: { unit: 'kg' } }, 'value-missing'],
    ['no metric', 'BodyWeight', {}, 'value-missing'],
    ['half a blood pressure', 'BloodPressure', { systolicBloodPressure: metric(128, 'mmHg') }, 'value-missing'],
    ['reasons for all values', 'BloodPressure', { systolicBloodPressure: { absentReason: 'masked' }, diastolicBloodPressure: { absentReason: 'masked' } }, 'value-absent'],
    ['an electrocardiogram without content', 'ECG', {}, 'value-missing'],
    ['a report that is no PDF', 'ECG', { documents: { ecgReportBase64PDF: Buffer.from('<html>').toString('base64') } }, 'document-invalid'],
    ['a report that is no base64', 'ECG', { documents: { ecgReportBase64PDF: 'JVBERi0-*' } }, 'document-invalid'],
    ['an unknown event', 'PillDispenser', { event: 'exploded' }, 'event-unknown'],
    ['an inherited event', 'PillDispenser', { event: 'constructor' }, 'event-unknown'],
    ['no event', 'PillDispenser', {}, 'value-missing'],
    ['an unknown type', 'Mood', { mood: metric(1, '1') }, 'no-rule'],
  ])('%s is not normalized, and says why', (_situation, type, metrics, reason) => {
    expect(normalized(medisante(type, metrics))).toEqual({ reason });
  });

  test.each<[string, string, object, object]>([
    ['an implausible value', 'BloodPressure', { systolicBloodPressure: metric(1280, 'mmHg'), diastolicBloodPressure: metric(82, 'mmHg') }, [{ value: 1280, annotation: { implausible: 'true' } }, { value: 82 }]],
    ['a systolic below its diastolic', 'BloodPressure', { systolicBloodPressure: metric(80, 'mmHg'), diastolicBloodPressure: metric(120, 'mmHg') }, [{ value: 80, annotation: { contradictory: 'true' } }, { value: 120, annotation: { contradictory: 'true' } }]],
    ['a mean above the systolic', 'BloodPressure', { systolicBloodPressure: metric(120, 'mmHg'), diastolicBloodPressure: metric(80, 'mmHg'), meanBloodPressure: metric(130, 'mmHg') }, [{ annotation: { contradictory: 'true' } }, {}, { annotation: { contradictory: 'true' } }]],
    ['isInRange false', 'BodyWeight', { bodyWeight: metric(80, 'kg', { isInRange: false }) }, [{ annotation: { isInRange: 'false' } }]],
    ['isInRange "false"', 'BodyWeight', { bodyWeight: metric(80, 'kg', { isInRange: 'false' }) }, [{ annotation: { isInRange: 'false' } }]],
    ['a half of a blood pressure that has a reason', 'BloodPressure', { systolicBloodPressure: metric(107, 'mmHg'), diastolicBloodPressure: { absentReason: 'not-performed' } }, [{ value: 107, annotation: { incomplete: 'true', diastolicBloodPressureAbsent: 'not-performed' } }]],
    ['irregular heart beats, as text', 'SpO2', { SpO2: metric(97, '%'), annotations: { irregularHeartBeat: 'true', mealTag: 2 } }, [{ annotation: { irregularHeartBeat: 'true', mealTag: '2', sameAs: 'https://loinc.org/2708-6' } }]],
  ])('%s is kept and marked', (_situation, type, metrics, observations) => {
    expect(recordOf(medisante(type, metrics)).observations).toMatchObject(observations);
  });

  test.each<[string, string, string | undefined]>([
    ['before 2000', '1970-01-01T00:12:00Z', 'true'],
    ['later than its receipt', '2024-03-02T09:30:00Z', 'true'],
    ['a minute later, as clocks are', '2024-03-02T09:11:00Z', undefined],
    ['two weeks before its receipt', '2024-02-17T09:10:11Z', undefined],
  ])('a measurement %s', (_situation, start, clockSuspect) => {
    const annotation = recordOf(medisante('BodyWeight', { bodyWeight: metric(80, 'kg') }), start).observations[0]?.annotation;
    expect([annotation?.['clockSuspect'], annotation?.['receivedTime']]).toEqual(clockSuspect === undefined ? [undefined, undefined] : [clockSuspect, at]);
  });

  test.each<[string, Record<string, object>, number]>([
    ['by its own name', { heartRate: metric(60, 'bpm') }, 60],
    ['as the pulse', { pulse: metric(62, 'bpm') }, 62],
    ['under both names, which is one value', { heartRate: metric(60, 'bpm'), pulse: metric(62, 'bpm') }, 60],
    ['as the pulse, where under its own name it says that there is none', { heartRate: { absentReason: 'error' }, pulse: metric(62, 'bpm') }, 62],
  ])('a heart rate %s', (_situation, measurements, expected) => {
    expect(recordOf(medisante('HeartRate', measurements)).observations.map(({ value }) => value)).toEqual([expected]);
  });

  test('two values of one code are two resources in FHIR, each with a name of its own', () => {
    const ofPulse = recordOf(medisante('HeartRate', { pulse: metric(60, 'bpm') }));
    const record = { ...ofPulse, observations: ofPulse.observations.flatMap((one) => [one, { ...one, value: 62 }]) };
    const head = 'a'.repeat(32);
    const measured = { head, patientId: 'anna', device: 'd', provider: 'medisante', dataType: 'HeartRate', normalizedType: 'heart-rate', status: undefined, withdrawn: false, uuid: undefined, receivedAt: at, updatedAt: at, record };
    expect(observationsOf(measured).map(({ id, identifier, valueQuantity }) => [id, identifier.at(-1)?.value, valueQuantity?.value])).toEqual([
      [`${head}-8867-4`, `${head}-8867-4`, 60], [`${head}-8867-4-2`, `${head}-8867-4-2`, 62],
    ]);
  });

  test('metrics nobody knows are named, and the others normalized', () => {
    const outcome = normalized(medisante('BodyWeight', { bodyWeight: metric(80, 'kg'), skinTemperature: metric(31, '°C'), __proto: 1 }));
    expect(outcome).toMatchObject({ remark: 'metric-unknown', record: { observations: [{ value: 80 }], unrecognized: ['skinTemperature', '__proto'] } });
  });
});

interface Schema { readonly enum?: readonly string[]; readonly required?: readonly string[]; readonly properties?: Readonly<Record<string, Schema>>; readonly 'x-status'?: string }
const types = (fixture('medisante.schema.json')['$defs'] as { measurements: Record<string, Schema> }).measurements;
const units = Object.entries(types).flatMap(([type, { properties = {} }]) => Object.entries(properties).flatMap(([name, { properties: parts }]) => (parts?.['unit']?.enum ?? []).map((unit) => [type, name, unit] as const)));
const typical: Readonly<Record<string, string>> = { systolicBloodPressure: 'mmHg', diastolicBloodPressure: 'mmHg', bodyWeight: 'kg', SpO2: '%', glucose: 'mmol/L', steps: 'steps', inr: 'INR' };

test.each(units)('%s.%s in %s is read', (type, name, unit) => {
  const others = Object.fromEntries((types[type]?.required ?? []).filter((one) => one in typical).map((one) => [one, metric(1, typical[one] ?? '')] as const));
  expect(recordOf(medisante(type, { ...others, [name]: metric(1, unit) }))).not.toHaveProperty('unrecognized');
});

test('rules say of the same types as the schema that they are assumptions', () => {
  const assumed = Object.entries(types).filter(([, schema]) => schema['x-status'] === 'assumption').map(([type]) => type);
  const known = (catalogue as unknown as HealthDataType[]).filter(({ dataTypes }) => dataTypes.some((one) => one in types));
  expect(known.filter((rule) => rule.assumed === true).map(({ dataTypes }) => dataTypes[0]).toSorted()).toEqual(assumed.toSorted());
});
