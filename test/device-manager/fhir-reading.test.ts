import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { standingsOf, type Version } from '../../src/device-manager/domain/version.ts';
import { readFhir } from '../../src/device-manager/providers/fhir/reading.ts';
import { documentOf } from '../../src/device-manager/providers/medisante/document.ts';
import type { Reading } from '../../src/device-manager/providers/reading.ts';
import { takeApart } from '../../src/device-manager/providers/taking-apart.ts';
import { bundle, component, containing, loinc, mdc, message, observation, pressure, pulse, quantity } from './fhir-documents.ts';
import '../setup/seed.ts';

const at = '2024-03-02T09:10:11+01:00';
const fixture = (path: string) => JSON.parse(readFileSync(new URL(`../fixtures/fhir/${path}`, import.meta.url), 'utf8')) as unknown;
const readings = (value: unknown) => readFhir(value).readings;
const measurements = (value: unknown) => (readings(value)[0]?.document as { measurements: Record<string, unknown> } | undefined)?.measurements;
const identifiersOf = (value: unknown) => readings(value)[0]?.identifiers;
const device = (more: object) => ({ resourceType: 'Device', ...more });

describe('the time of an Observation', () => {
  test.each<[string, object, string | undefined, string | undefined]>([
    ['dateTime', { effectiveDateTime: at }, at, at],
    ['instant', { effectiveInstant: at }, at, at],
    ['period', { effectivePeriod: { start: at, end: '2024-03-02T10:00:00Z' } }, at, '2024-03-02T10:00:00Z'],
    ['period without end', { effectivePeriod: { start: at } }, at, at],
    ['period without start', { effectivePeriod: { end: at } }, at, at],
    ['period that ends before it starts', { effectivePeriod: { start: at, end: '2024-03-01T10:00:00Z' } }, at, at],
    ['timing', { effectiveTiming: { event: [at, '2024-03-03T00:00:00Z'] } }, at, at],
    ['date, which is no instant', { effectiveDateTime: '2024-03-02' }, undefined, undefined],
    ['time without zone', { effectiveDateTime: '2024-03-02T09:10:11' }, undefined, undefined],
    ['none', {}, undefined, undefined],
  ])('%s', (_situation, effective, start, end) => {
    const [reading] = readings({ ...observation(loinc('8867-4'), 's', undefined), ...effective });
    expect([reading?.measuredAt?.text, reading?.endedAt?.text]).toEqual([start, end]);
  });
});

describe('the device of an Observation', () => {
  const of = (reference: object, entries: readonly object[] = [], more: object = {}) =>
    bundle('collection', [{ resourceType: 'Observation', status: 'final', code: loinc('8867-4'), device: reference, ...more }, ...entries.map((entry) => entry)]);
  const withUrl = (reference: object, fullUrl: string, resource: object) => ({ ...of(reference), entry: [...of(reference).entry, { fullUrl, resource }] });

  test.each<[string, unknown, readonly string[]]>([
    ['contained', observation(loinc('8867-4'), 'S-1', at), ['S-1']],
    ['another entry by urn:uuid', withUrl({ reference: 'urn:uuid:1' }, 'urn:uuid:1', device({ serialNumber: 'S-2' })), ['S-2']],
    ['another entry by relative reference', of({ reference: 'Device/7' }, [device({ id: '7', serialNumber: 'S-3' })]), ['S-3', 'Device/7']],
    ['another entry by its address', withUrl({ reference: 'https://example.org/fhir/Device/7' }, 'https://example.org/fhir/Device/7', device({ serialNumber: 'S-4' })), ['S-4', 'https://example.org/fhir/Device/7']],
    ['an address that is not in the Bundle', of({ reference: 'https://example.org/fhir/Device/7' }, [device({ id: '7', serialNumber: 'S-5' })]), ['https://example.org/fhir/Device/7']],
    ['its identifier in the reference', of({ identifier: { system: 'urn:imei', value: '900000000000001' } }), ['900000000000001']],
    ['a search by identifier', of({ reference: 'Device?identifier=urn:imei|900000000000001' }), ['900000000000001']],
    ['a DeviceMetric of it', of({ reference: 'DeviceMetric/m' }, [{ resourceType: 'DeviceMetric', id: 'm', source: { reference: 'Device/7' } }, device({ id: '7', serialNumber: 'S-6' })]), ['S-6']],
    ['all that a Device says', of({ reference: 'Device/7' }, [device({ id: '7', identifier: [{ value: 'I-1' }, { value: 'I-2' }], serialNumber: 'S-7', manufacturer: 'Maker', modelNumber: 'M' })]), ['Maker:M:S-7', 'I-1', 'I-2', 'S-7', 'Device/7']],
    ['a display only', of({ display: 'Cuff' }), []],
    ['itself, in a circle', of({ reference: 'DeviceMetric/m' }, [{ resourceType: 'DeviceMetric', id: 'm', source: { reference: 'DeviceMetric/m' } }]), []],
  ])('%s', (_situation, value, expected) => {
    expect(identifiersOf(value)).toEqual(expected);
  });

  const gateway = { url: 'http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice', valueReference: { reference: 'Device/g' } };

  test('is the peripheral, and its gateway only describes the way, as in a Medisanté delivery', () => {
    const value = of({ reference: 'Device/p' }, [device({ id: 'p', serialNumber: 'P' }), device({ id: 'g', serialNumber: 'G' })], { extension: [gateway] });
    expect(identifiersOf(value)).toEqual(['P', 'Device/p']);
    expect(readings(value)[0]?.document).toMatchObject({ device: { serialNumber: 'G' }, measurements: { device: { serialNumber: 'P' } } });
  });

  test('is the gateway where the peripheral names itself by nothing', () => {
    expect(identifiersOf(of({ display: 'Thermometer' }, [device({ id: 'g', serialNumber: 'G' })], { extension: [gateway] }))).toEqual(['G', 'Device/g']);
  });

  test.each<[string, object, string | undefined]>([
    ['its maker and model number', { manufacturer: 'Maker', modelNumber: 'M', serialNumber: 'S' }, 'Maker:M'],
    ['an identifier as Medisanté writes one', { identifier: [{ value: '7' }, { value: 'Maker:M:S' }] }, 'Maker:M'],
    ['a name that people gave it, which is no model', { manufacturer: 'Maker', deviceName: [{ name: 'Cuff' }], serialNumber: 'S' }, undefined],
    ['identifiers that only look alike', { identifier: [{ value: 'urn:uuid:1' }, { value: '00:1A:2B:3C:4D:5E' }] }, undefined],
  ])('is of the model of %s', (_situation, more, expected) => {
    expect(readings(of({ reference: 'Device/7' }, [device({ id: '7', ...more })]))[0]?.deviceModel).toBe(expected);
  });
});

describe('a relative reference', () => {
  const entry = (fullUrl: string | undefined, resource: object) => ({ ...(fullUrl !== undefined && { fullUrl }), resource });
  const reading = (more: object = {}) => ({ resourceType: 'Observation', status: 'final', code: loinc('8867-4'), device: { reference: 'Device/1' }, ...more });
  const [atA, atB] = ['http://a/fhir', 'https://b/r4/fhir'];
  const ofA = entry(`${atA}/Device/1`, device({ id: '1', serialNumber: 'A' }));
  const ofB = entry(`${atB}/Device/1`, device({ id: '1', serialNumber: 'B' }));
  const namesOfB = ['B', `${atB}/Device/1`, 'Device/1'];
  const ofNoServer = (serialNumber: string) => entry(undefined, device({ id: '1', serialNumber }));
  const result = { resourceType: 'DiagnosticReport', status: 'final', code: loinc('11524-6'), contained: [reading()] };

  test.each<[string, readonly object[], readonly (readonly string[])[]]>([
    ['of two servers means the device of its own', [ofA, entry(`${atA}/Observation/1`, reading()), ofB, entry(`${atB}/Observation/1`, reading())], [['A', `${atA}/Device/1`, 'Device/1'], namesOfB]],
    ['of a version means the resource', [ofA, ofB, entry(`${atB}/Observation/1/_history/2`, reading({ device: { reference: 'Device/1/_history/3' } }))], [namesOfB]],
    ['in a contained Observation is its container’s', [ofA, ofB, entry(`${atB}/DiagnosticReport/1`, result)], [namesOfB]],
    ['of a server whose device did not come means no other’s', [ofA, entry(`${atB}/Observation/1`, reading())], [[`${atB}/Device/1`, 'Device/1']]],
    ['of a server means the device that names none', [ofNoServer('N'), ofA, entry(`${atB}/Observation/1`, reading())], [['N', `${atB}/Device/1`, 'Device/1']]],
    ['of no server means the only one', [ofA, entry('urn:uuid:1', reading())], [['A', 'Device/1']]],
    ['of no server means none of two', [ofA, ofB, entry('urn:uuid:1', reading())], [['Device/1']]],
    ['means none of two that name no server', [ofNoServer('N'), ofNoServer('M'), entry(undefined, reading())], [['Device/1']]],
  ])('%s', (_situation, entries, expected) => {
    expect(readings({ resourceType: 'Bundle', type: 'collection', entry: entries }).map(({ identifiers }) => identifiers)).toEqual(expected);
  });

  test('to a patient means the one of its own server', () => {
    const patient = (base: string, value: string) => entry(`${base}/Patient/1`, { resourceType: 'Patient', id: '1', identifier: [{ value }] });
    const of = (base: string) => entry(`${base}/Observation/1`, reading({ subject: { reference: 'Patient/1' } }));
    const value = { resourceType: 'Bundle', type: 'collection', entry: [patient(atA, 'anna'), of(atA), patient(atB, 'ben'), of(atB)] };
    expect(readings(value).map(({ subjects }) => subjects)).toEqual([['anna', '1'], ['ben', '1']]);
  });
});

describe('the value of an Observation', () => {
  test.each<[string, object, object, object]>([
    ['UCUM code, whatever the unit text says', loinc('8310-5'), { valueQuantity: quantity(36.5, 'Cel', '°F') }, { temperature: { value: 36.5, unit: 'Cel' } }],
    ['unit text alone, marked', loinc('8310-5'), { valueQuantity: { value: 36.5, unit: '°C' } }, { temperature: { value: 36.5, unit: '°C', unitFromText: true } }],
    ['code of another system of units, so the text counts', loinc('8310-5'), { valueQuantity: { value: 36.5, unit: '°C', system: 'urn:other', code: '1' } }, { temperature: { value: 36.5, unit: '°C' } }],
    ['coulomb, which only Medisanté spells like Celsius', loinc('8310-5'), { valueQuantity: quantity(36.5, 'C') }, { temperature: { value: 36.5, unit: '[C]' } }],
    ['no unit at all', loinc('8310-5'), { valueQuantity: { value: 36.5 } }, { temperature: { value: 36.5, unit: '' } }],
    ['limit instead of a value, marked', loinc('14743-9'), { valueQuantity: { ...quantity(33, 'mmol/L'), comparator: '>' } }, { glucose: { value: 33, comparator: '>' } }],
    ['limit of a kind nobody knows, which is no number', loinc('14743-9'), { valueQuantity: { ...quantity(33, 'mmol/L'), comparator: 'ad' } }, { glucose: { value: ['ad', 33] } }],
    ['integer, which is a count and no percentage', loinc('55423-8'), { valueInteger: 4711 }, { steps: { value: 4711, unit: '{count}' } }],
    ['string', loinc('8867-4'), { valueString: 'high' }, { pulse: { value: 'high', unit: '' } }],
    ['concept', loinc('8867-4'), { valueCodeableConcept: { text: 'high' } }, { pulse: { value: 'high', unit: '' } }],
    ['no value, with a reason', loinc('8867-4'), { dataAbsentReason: { coding: [{ code: 'not-a-number' }] } }, { pulse: { absentReason: 'not-a-number' } }],
    ['quantity without a value', loinc('8867-4'), { valueQuantity: { unit: '/min' } }, { pulse: { absentReason: 'unknown' } }],
    ['status that is not final, marked', loinc('8867-4'), { valueQuantity: quantity(60, '/min'), status: 'preliminary' }, { annotations: { status: 'preliminary' } }],
    ['MDC code', mdc('150456'), { valueQuantity: quantity(97, '%') }, { SpO2: { value: 97, unit: '%' } }],
    ['LOINC before MDC, whatever comes first', { coding: [...mdc('149530').coding, ...loinc('59408-5').coding] }, { valueQuantity: quantity(97, '%') }, { SpO2: { value: 97 } }],
    ['code nobody knows, read by its only known part', mdc('1'), { component: [component(mdc('160184'), { valueQuantity: quantity(6.3, 'mmol/L') })] }, { glucose: { value: 6.3, unit: 'mmol/L' } }],
    ['sampled data of an electrocardiogram', loinc('11524-6'), { valueSampledData: { period: 4, data: '1 2 3' } }, { ecgSamples: { samples: [{ numberOfSamples: 3, sampleRate: 250, sampleRateUnit: 'Hz', period: 4, data: '1 2 3' }] } }],
  ])('%s', (_situation, code, value, expected) => {
    expect(measurements(observation(code, 's', at, value))).toMatchObject(expected);
  });

  test.each<[string, readonly object[], object]>([
    ['both halves and a mean without a value', [component(loinc('8480-6'), { valueQuantity: quantity(116, 'mm[Hg]') }), component(mdc('150022'), { valueQuantity: quantity(71, 'mm[Hg]') }), component(mdc('150023'), { dataAbsentReason: { coding: [{ code: 'not-a-number' }] } })],
      { systolicBloodPressure: { value: 116 }, diastolicBloodPressure: { value: 71 }, meanBloodPressure: { absentReason: 'not-a-number' } }],
    ['one half missing', [component(loinc('8480-6'), { valueQuantity: quantity(116, 'mm[Hg]') })], { systolicBloodPressure: { value: 116 }, diastolicBloodPressure: { absentReason: 'not-sent' } }],
    ['a pulse, and a part nobody knows', [component(loinc('8867-4'), { valueQuantity: quantity(60, '/min') }), component({ text: 'Cuff size' }, { valueString: 'L' }), component({ text: 'Noise' }, { valueQuantity: quantity(3, '1') })],
      { pulse: { value: 60 }, Noise: { value: 3 }, annotations: { 'Cuff size': 'L' } }],
    ['a limit for one half and a unit text for the other', [component(loinc('8480-6'), { valueQuantity: { ...quantity(299, 'mm[Hg]'), comparator: '>' } }), component(loinc('8462-4'), { valueQuantity: { value: 80, unit: 'mmHg' } })],
      { systolicBloodPressure: { value: 299, unit: 'mm[Hg]', comparator: '>' }, diastolicBloodPressure: { value: 80, unit: 'mmHg', unitFromText: true }, annotations: {} }],
  ])('blood pressure with %s', (_situation, components, expected) => {
    expect(measurements(observation(loinc('85354-9'), 's', at, { component: components }))).toMatchObject(expected);
  });
});

describe('what makes readings of a delivery', () => {
  const systolic = (more: object = {}) => observation(loinc('8480-6'), 's', at, { valueQuantity: quantity(120, 'mm[Hg]'), ...more });
  const diastolic = (more: object = {}) => observation(loinc('8462-4'), 's', at, { valueQuantity: quantity(80, 'mm[Hg]'), ...more });
  const ecg = { ...observation(loinc('11524-6'), 's', at), id: 'e' };
  const report = { resourceType: 'DiagnosticReport', status: 'final', code: loinc('11524-6'), presentedForm: [{ contentType: 'application/pdf', data: 'JVBERi0xLjQK' }] };
  const panel = { resourceType: 'Observation', status: 'final', code: loinc('85353-1'), hasMember: [{ reference: 'Observation/a' }, { reference: 'Observation/b' }] };

  test.each<[string, unknown, readonly (string | undefined)[]]>([
    ['an Observation', pulse('s', at, 60), ['HeartRate']],
    ['a message', message('h', 'b', [pulse('s', at, 60), pressure('s', at, 120, 80)]), ['HeartRate', 'BloodPressure']],
    ...(['transaction', 'batch', 'collection'] as const).map((type): [string, unknown, readonly string[]] => [`a ${type}`, bundle(type, [pulse('s', at, 60), pulse('s', at, 61)]), ['HeartRate', 'HeartRate']]),
    ['entries that delete or only ask', { ...bundle('transaction', [pulse('s', at, 60)]), entry: [{ resource: pulse('s', at, 60), request: { method: 'DELETE', url: 'Observation/1' } }, { resource: pulse('s', at, 61), request: { method: 'PUT', url: 'Observation/2' } }] }, ['HeartRate']],
    ['a panel and its members', bundle('collection', [panel, { ...pulse('s', at, 60), id: 'a' }, { ...pressure('s', at, 120, 80), id: 'b' }]), ['HeartRate', 'BloodPressure']],
    ['a panel that contains its members', { ...panel, hasMember: [{ reference: '#a' }, { reference: '#b' }], contained: [{ ...pulse('s', at, 60), id: 'a' }, { ...pressure('s', at, 120, 80), id: 'b' }] }, ['HeartRate', 'BloodPressure']],
    ['a report that contains a panel and its members', { ...report, presentedForm: undefined, contained: [{ ...pulse('s', at, 60), id: 'a' }, { ...panel, hasMember: [{ reference: '#a' }] }] }, ['HeartRate']],
    ['what names itself as its member', { ...panel, id: 'p', hasMember: [{ reference: 'Observation/p' }] }, ['http://loinc.org|85353-1']],
    ['a panel whose members are elsewhere', panel, ['http://loinc.org|85353-1']],
    ['halves of a blood pressure', bundle('collection', [systolic(), pulse('s', at, 60), diastolic()]), ['BloodPressure', 'HeartRate']],
    ['halves at different times', bundle('collection', [systolic(), diastolic({ effectiveDateTime: '2024-03-02T09:11:00Z' })]), ['BloodPressure', 'BloodPressure']],
    ['halves of different devices', bundle('collection', [systolic(), diastolic({ contained: [device({ id: 'device', serialNumber: 'other' })] })]), ['BloodPressure', 'BloodPressure']],
    ['halves of which one is withdrawn', bundle('collection', [systolic(), diastolic({ status: 'entered-in-error' })]), ['BloodPressure', 'BloodPressure']],
    ['the same half twice', bundle('collection', [systolic(), diastolic(), diastolic()]), ['BloodPressure']],
    ['three halves', bundle('collection', [systolic(), diastolic(), diastolic({ valueQuantity: quantity(81, 'mm[Hg]') })]), ['BloodPressure', 'BloodPressure', 'BloodPressure']],
    ['an electrocardiogram and its report', bundle('collection', [{ ...report, result: [{ reference: 'Observation/e' }] }, ecg]), ['ECG']],
    ['a report with its results inside', { ...report, contained: [{ ...ecg, contained: undefined, device: undefined }], result: [{ reference: '#e' }] }, ['ECG']],
    ['a report alone', report, ['ECG']],
    ['a report without a document', { ...report, presentedForm: undefined, contained: [ecg] }, ['ECG']],
    ['what stands beside a value, alone', observation(loinc('61006-3'), 's', at, { valueQuantity: quantity(4, '%') }), ['PerfusionIndex']],
    ['what stands beside a value, with it', observation(loinc('61006-3'), 's', at, { valueQuantity: quantity(4, '%'), component: [component(loinc('59408-5'), { valueQuantity: quantity(97, '%') })] }), ['SpO2']],
    ['parts that stand beside a value, without it', observation(loinc('1-8'), 's', at, { component: [component(loinc('20570-8'), { valueQuantity: quantity(41, '%') }), component(loinc('60832-3'), { valueQuantity: quantity(22, 'Cel') })] }), ['GlucoseConditions']],
    ['an unknown code', observation(loinc('1-8'), 's', at, { valueString: 'x' }), ['http://loinc.org|1-8']],
    ['no code', observation({}, 's', at, { valueString: 'x' }), [undefined]],
  ])('%s', (_situation, value, expected) => {
    expect(readings(value).map(({ measurementType }) => measurementType)).toEqual(expected);
  });

  test('halves of a blood pressure become one, with both as received', () => {
    const value = bundle('collection', [systolic(), diastolic()]);
    expect(measurements(value)).toMatchObject({ systolicBloodPressure: { value: 120 }, diastolicBloodPressure: { value: 80 } });
    expect(readings(value)[0]?.received).toEqual([systolic(), diastolic()]);
  });

  test.each<[string, unknown, string]>([
    ['a Patient', { resourceType: 'Patient' }, 'not-a-delivery'],
    ['a Bundle without Observations', bundle('collection', [device({})]), 'not-a-delivery'],
    ['an empty transaction', bundle('transaction', []), 'not-a-delivery'],
    ['entries that are none', { resourceType: 'Bundle', type: 'collection', entry: [1, null, 'x', [], {}] }, 'not-a-delivery'],
    ['no type', { resourceType: 'Bundle', entry: [{ resource: pulse('s', at, 60) }] }, 'unsupported-bundle'],
    ...(['history', 'searchset', 'document', 'transaction-response', 'batch-response'] as const).map((type): [string, unknown, string] => [`a ${type}`, bundle(type, [pulse('s', at, 60)]), 'unsupported-bundle']),
    ['a message without header', bundle('message', [pulse('s', at, 60)]), 'unsupported-bundle'],
    ['two resources of one address', { resourceType: 'Bundle', type: 'collection', entry: [{ fullUrl: 'urn:uuid:1', resource: pulse('s', at, 60) }, { fullUrl: 'urn:uuid:1', resource: pulse('s', at, 61) }] }, 'unsupported-bundle'],
  ])('%s is kept whole', (_situation, value, reason) => {
    expect(readFhir(value)).toMatchObject({ readings: [], unfit: reason });
  });

  test.each<[string, object]>([
    ['a modifier extension', { modifierExtension: [{ url: 'urn:not' }] }],
    ['one in a component', { component: [{ code: {}, modifierExtension: [{ url: 'urn:not' }] }] }],
    ['implicit rules', { implicitRules: 'urn:rules' }],
  ])('%s makes a reading nobody may use', (_situation, more) => {
    expect(readings({ ...pulse('s', at, 60), ...more })[0]?.unfit).toBe('unknown-modifier');
  });

  const modified = { modifierExtension: [{ url: 'urn:not' }] };
  const ruled = { implicitRules: 'urn:rules' };
  const used = (...resources: readonly object[]) => bundle('collection', [{ ...pulse('s', at, 60), device: { reference: 'Device/d' }, subject: { reference: 'Patient/p' } }, ...resources]);
  const gateway = (more: object) => ({ extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice', valueReference: { reference: '#g' } }], contained: [device({ id: 'g', ...more })] });

  test.each<[string, unknown]>([
    ['its device', used(device({ id: 'd', serialNumber: 'S', ...modified }))],
    ['rules for its device', used(device({ id: 'd', serialNumber: 'S', ...ruled }))],
    ['its contained device', pulse('s', at, 60, { contained: [device({ id: 'device', serialNumber: 'S', ...modified })] })],
    ['the DeviceMetric that leads to its device', bundle('collection', [{ ...pulse('s', at, 60), device: { reference: 'DeviceMetric/m' } }, { resourceType: 'DeviceMetric', id: 'm', source: { reference: 'Device/d' }, ...modified }, device({ id: 'd' })])],
    ['its gateway', { ...pulse('s', at, 60), ...gateway(modified) }],
    ['its patient', used({ resourceType: 'Patient', id: 'p', ...modified })],
    ['the panel it is in', bundle('collection', [{ ...pulse('s', at, 60), id: 'a' }, { ...panel, ...modified }])],
    ['the report that is joined to it', bundle('collection', [ecg, { ...report, result: [{ reference: 'Observation/e' }], ...modified }])],
    ['what contains it', { ...report, presentedForm: undefined, contained: [ecg], ...modified }],
    ['rules for what contains it', { ...report, presentedForm: undefined, contained: [ecg], ...ruled }],
  ])('so does one of %s, and an excerpt keeps it', (_situation, value) => {
    const taken = takeApart('fhir-json', value);
    expect(taken.readings.map(({ unfit }) => unfit)).toEqual(['unknown-modifier']);
    expect(takeApart('fhir-json', taken.excerpt(taken.readings)).readings.map(({ unfit }) => unfit)).toEqual(['unknown-modifier']);
  });

  test.each<[string, unknown]>([
    ['a device that is not its own', used(device({ id: 'd', serialNumber: 'S' }), device({ id: 'other', ...modified }))],
    ['somebody contained who says nothing about whose it is', pulse('s', at, 60, { contained: [device({ id: 'device', serialNumber: 'S' }), { resourceType: 'Practitioner', id: 'x', ...modified }] })],
  ])('not so one of %s', (_situation, value) => {
    expect(readings(value)[0]?.unfit).toBeUndefined();
  });

  const headed = (more: object) => ({ ...message('h', 'b', [pulse('s', at, 60)]), entry: message('h', 'b', [pulse('s', at, 60)]).entry.map((one, position) => (position === 0 ? { resource: { ...one.resource, ...more } } : one)) });

  test.each<[string, unknown]>([
    ['the rules of a Bundle', bundle('collection', [pulse('s', at, 60)], ruled)],
    ['the header of a message', headed(modified)],
    ['the rules of a header', headed(ruled)],
    ['an entry, beside its resource', { resourceType: 'Bundle', type: 'collection', entry: [{ resource: pulse('s', at, 60), ...modified }] }],
    ['the rules of a Bundle in XML', documentOf('fhir-xml', Buffer.from('<Bundle xmlns="http://hl7.org/fhir"><implicitRules value="urn:rules"/><type value="collection"/><entry><resource><Observation><status value="final"/></Observation></resource></entry></Bundle>'))],
  ])('%s that nobody knows keep a delivery whole', (_situation, value) => {
    expect(readFhir(value)).toMatchObject({ readings: [], unfit: 'unknown-modifier' });
  });
});

test.each<[string, unknown, number]>([
  ...(['hl7-phd/bundle-continuousnonin.json', 'hl7-phd/bundle-example-1.json'] as const).map((path, index): [string, unknown, number] => [path, fixture(path), [47, 3][index] ?? 0]),
  ['a report that contains its electrocardiogram', bundle('collection', [containing.report(), containing.weight]), 2],
  ['one without identifiers or devices of their own', bundle('collection', [containing.weight, { ...containing.report(), contained: [{ ...containing.ecg, device: undefined }] }]), 2],
  ['one that contains more than that', bundle('collection', [containing.report({ contained: [...containing.report().contained, containing.member('a', 60), containing.member('b', 61)] }), containing.weight]), 4],
  ['one that contains a panel with other Observations between', bundle('collection', [containing.report({ contained: [containing.member('a', 60), containing.ecg, containing.panel(), containing.member('c', 62), containing.member('b', 61)] })]), 4],
  ['a panel that contains its members', bundle('batch', [containing.panel({ contained: [containing.member('a', 60), containing.member('b', 61)] }), containing.weight]), 3],
  ['two reports with the same ids inside', bundle('collection', [containing.report(), containing.report({ presentedForm: [{ data: 'Mg==' }] })]), 2],
  ['Observations inside a resource of a server', { resourceType: 'Bundle', type: 'collection', entry: [{ fullUrl: 'https://a.example/fhir/DiagnosticReport/r', resource: containing.report({ contained: [containing.member('a', 60, { device: { reference: 'Device/7' } }), containing.member('b', 61, { device: { reference: 'Device/7' } })] }) }] }, 3],
])('an excerpt of %s has the chosen readings and no others, in order', (_situation, value, count) => {
  const whole = takeApart('fhir-json', value);
  expect(whole.readings).toHaveLength(count);
  const told = ({ document, identifiers, identity, deviceName }: Reading) => ({ document, identifiers, identity, deviceName });
  fc.assert(fc.property(fc.subarray([...whole.readings], { minLength: 1 }), (chosen) => {
    const excerpt = takeApart('fhir-json', whole.excerpt(chosen));
    const again = takeApart('fhir-json', excerpt.excerpt(excerpt.readings));
    for (const { readings: found } of [excerpt, again]) expect(found.map(told)).toEqual(chosen.map(told));
  }), { numRuns: 30 });
});

test('an excerpt of halves that stayed alone leaves them alone, and halves that were joined together', () => {
  const half = (code: string, value: number, effective = at) => observation(loinc(code), 's', effective, { valueQuantity: quantity(value, 'mm[Hg]') });
  const later = '2024-03-02T10:00:00Z';
  const whole = takeApart('fhir-json', bundle('collection', [half('8480-6', 120), half('8462-4', 80), half('8462-4', 81), half('8480-6', 130, later), half('8462-4', 90, later)]));
  expect(whole.readings).toHaveLength(4);
  fc.assert(fc.property(fc.subarray([...whole.readings], { minLength: 1 }), (chosen) => {
    const excerpt = takeApart('fhir-json', whole.excerpt(chosen));
    const again = takeApart('fhir-json', excerpt.excerpt(excerpt.readings));
    for (const { readings: found } of [excerpt, again]) expect(found.map(({ document }) => document)).toEqual(chosen.map(({ document }) => document));
  }));
});

describe('versions of one reading', () => {
  const version = (status: Version['status'], receivedAt: number, more: Partial<Version> = {}): Version => ({ _id: `${status}-${String(receivedAt)}`, status, named: true, issuedAt: undefined, receivedAt, ...more });
  const states = (versions: readonly Version[]) => versions.map(({ _id }) => standingsOf(versions).get(_id)?.state);

  test.each<[string, readonly Version[], readonly string[]]>([
    ['one', [version('final', 1)], ['current']],
    ['a preliminary one before the final one', [version('preliminary', 1), version('final', 2)], ['superseded', 'current']],
    ['a preliminary one after the final one', [version('final', 1), version('preliminary', 2)], ['current', 'superseded']],
    ['a correction', [version('final', 1), version('corrected', 2)], ['superseded', 'current']],
    ['corrections in order of arrival', [version('amended', 1), version('corrected', 2)], ['superseded', 'current']],
    ['corrections in order of issue', [version('amended', 1, { issuedAt: 20 }), version('corrected', 2, { issuedAt: 10 })], ['current', 'superseded']],
    ['a withdrawal', [version('final', 1), version('entered-in-error', 2)], ['withdrawn', 'withdrawn']],
    ['a withdrawal that came first', [version('cancelled', 1), version('final', 2), version('amended', 3)], ['withdrawn', 'withdrawn', 'withdrawn']],
    ['two final ones of one name', [version('final', 1), version('final', 2)], ['current', 'conflicting']],
    ['two final ones without a name, which are two readings', [version('final', 1, { named: false }), version('final', 2, { named: false })], ['current', 'current']],
  ])('%s', (_situation, versions, expected) => {
    expect(states(versions)).toEqual(expected);
  });
});
