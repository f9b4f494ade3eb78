import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, eventually, newPatient, service, watch } from './client.ts';
import { faultsOf } from './r4-structure.ts';
import type { Bundle } from './vital-signs.ts';

const start = '2024-07-01T12:00:00.000Z';
const sample = (type: string, value: unknown, more: object = {}) => ({ id: randomUUID(), type, value, startDate: start, endDate: '2024-07-01T12:30:00.000Z', sourceId: 'com.apple.health', ...more });

describe('HealthKit’s types as FHIR', () => {
  let vitalgate: TestVitalgate;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
  });
  afterAll(() => vitalgate.stop());

  const uploaded = async (item: object) => {
    const patientId = newPatient();
    const client = service(vitalgate, patientId);
    await answered(client.post('/devices/assign', watch));
    await answered(client.post('/health-data/healthkit', [item]));
    await eventually(() => answered<{ state: string }[]>(client.get('/health-data')), (all) => all.every(({ state }) => state === 'normalized'));
    const search = async () => {
      const bundle = await answered<Bundle>(client.get('/fhir/Observation'));
      expect(faultsOf(bundle)).toEqual([]);
      return (bundle.entry ?? []).map(({ resource }) => resource);
    };
    return { patientId, client, search };
  };

  test.each<[string, object, object]>([
    ['a quantity with a LOINC code of its own', sample('RestingHeartRate', 55, { unit: 'bpm' }), { code: { coding: [{ system: 'http://loinc.org', code: '40443-4' }, { code: 'HKQuantityTypeIdentifierRestingHeartRate' }] }, valueQuantity: { value: 55, code: '/min' } }],
    ['a quantity under Apple’s code alone', sample('WalkingSpeed', 1.2, { unit: 'm/s' }), { code: { coding: [{ system: 'http://developer.apple.com/documentation/healthkit', code: 'HKQuantityTypeIdentifierWalkingSpeed' }] }, valueQuantity: { value: 1.2, code: 'm/s' } }],
    ['half an hour of deep sleep', sample('SleepAnalysis', 'DEEP'), { code: { coding: [{ code: 'HKCategoryTypeIdentifierSleepAnalysis/asleepDeep' }, { code: 'HKCategoryTypeIdentifierSleepAnalysis' }] }, valueQuantity: { value: 30, code: 'min' } }],
    ['a headache', sample('Headache', 3), { valueQuantity: { value: 1 } }],
  ])('%s', async (_situation, item, expected) => {
    const { search } = await uploaded(item);
    expect(await search()).toMatchObject([{ status: 'final', effectivePeriod: { start }, ...expected }]);
  });

  const pairs = (hertz: number) => Array.from({ length: 8 }, (_, index) => [index / hertz, (index - 3) * 1.25e-5]);
  const recorded = (more: object) => ({ ...sample('Electrocardiogram', undefined), averageHeartRate: 62, classification: 'AtrialFibrillation', ...more });
  const traceIn = ({ code, component }: { code?: unknown; component?: readonly unknown[] }) => (JSON.stringify(code).includes('11524-6') ? component?.[0] : undefined);
  test.each<[string, object, object]>([
    ['pairs of seconds and volts', { samplingFrequency: 512, voltageMeasurements: pairs(512) }, { valueSampledData: { origin: { value: 0, code: 'uV' }, period: 1.953125, dimensions: 1, data: '-37.5 -25 -12.5 0 12.5 25 37.5 50' } }],
    ['objects', { samplingFrequencyHz: 512, voltages: pairs(512).map(([timeSinceSampleStart, voltage]) => ({ timeSinceSampleStart, voltage, lead: 'appleWatchSimilarToLeadI' })) }, { valueSampledData: { data: '-37.5 -25 -12.5 0 12.5 25 37.5 50' } }],
    ['a gap', { samplingFrequency: 512, voltageMeasurements: [...pairs(512), [1, 0]] }, { dataAbsentReason: { coding: [{ code: 'unsupported' }] } }],
    ['no frequency', { voltageMeasurements: pairs(512) }, { dataAbsentReason: { coding: [{ code: 'unsupported' }] } }],
  ])('an electrocardiogram with %s: the trace of lead I, its rhythm, and the heart rate by itself', async (_situation, more, expected) => {
    const { client, search } = await uploaded(recorded(more));
    const found = await search();
    expect(found.map(traceIn).find((one) => one !== undefined)).toMatchObject({ code: { coding: [{ system: 'urn:oid:2.16.840.1.113883.6.24', code: '131329' }] }, ...expected });
    expect(found).toHaveLength(2);
    expect(found).toEqual(expect.arrayContaining([
      expect.objectContaining({ valueCodeableConcept: { coding: [{ system: 'http://developer.apple.com/documentation/healthkit', code: 'HKElectrocardiogram/Classification/atrialFibrillation', display: 'Electrocardiogram: atrial fibrillation' }], text: 'Electrocardiogram: atrial fibrillation' } }),
      expect.objectContaining({ valueQuantity: { value: 62, unit: 'bpm', system: 'http://unitsofmeasure.org', code: '/min' } }),
    ]));
    expect((await answered<Bundle>(client.get('/fhir/Observation?code=11524-6'))).entry).toHaveLength(1);
  });

  test('a meal is one Observation, so that a nutrient is not found twice', async () => {
    const { client, search } = await uploaded({ ...sample('Food', undefined), objects: [
      { quantityType: 'HKQuantityTypeIdentifierDietaryEnergyConsumed', quantity: 500, unit: 'kcal' }, { quantityType: 'HKQuantityTypeIdentifierDietaryProtein', quantity: 0.02, unit: 'kg' }] });
    expect(await search()).toMatchObject([{ code: { coding: [{ code: '80453-4' }, { code: 'HKCorrelationTypeIdentifierFood' }] }, component: [
      { code: { coding: [{ code: '9052-2' }] }, valueQuantity: { value: 500, code: 'kcal' } }, { valueQuantity: { value: 20, code: 'g' } }] }]);
    expect((await answered<Bundle>(client.get('/fhir/Observation?code=9052-2'))).entry).toBeUndefined();
    expect((await answered<Bundle>(client.get('/fhir/Observation?code=80453-4'))).entry).toHaveLength(1);
  });

  test('a flag of one of several values names it', async () => {
    const { search } = await uploaded({ ...sample('Audiogram', undefined), sensitivityPoints: [{ frequency: 1000, leftEarSensitivity: 20, rightEarSensitivity: 300 }] });
    expect(await search()).toMatchObject([{ component: [{ valueQuantity: { value: 20, code: 'dB{HL}' } }, {}], note: [{ text: 'Hearing threshold of the right ear at 1000 Hz: implausible: true' }] }]);
  });

  describe('clinical records', () => {
    const allergy = { resourceType: 'AllergyIntolerance', id: '1', patient: { reference: 'Patient/77' }, code: { text: 'Peanut' }, meta: { source: 'urn:example:hospital' } };
    const record = (fhirRelease: string, fhirVersion: string) => ({ id: randomUUID(), startDate: start, endDate: start, displayName: 'Peanut', fhirData: allergy, fhirRelease, fhirVersion });
    const exported = async (item: object): Promise<Record<string, unknown>[]> => {
      const { client, patientId } = await uploaded(item);
      const text = await (await client.get(`/fhir/Patient/${patientId}/$everything`)).text();
      return text.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ resourceType }) => resourceType !== 'Device');
    };

    test('of R4 are handed out as they are, under an identifier of this server', async () => {
      const [resource, ...others] = await exported(record('R4', '4.0.1'));
      expect(others).toEqual([]);
      expect(resource).toEqual({ ...allergy, id: expect.stringMatching(/^[0-9a-f]{32}$/), meta: { source: 'urn:example:hospital', tag: [{ system: 'urn:vitalgate:origin', code: 'healthkit-clinical-record' }] } });
    });

    test('with a narrative of 60 kB are handed out whole', async () => {
      const text = { status: 'generated', div: `<div>${'Peanut. '.repeat(7500)}</div>` };
      const [resource] = await exported({ ...record('R4', '4.0.1'), fhirData: { ...allergy, text } });
      expect(resource).toMatchObject({ resourceType: 'AllergyIntolerance', text });
    });

    test.each([['DSTU2', '1.0.2', 'application/fhir+json; fhirVersion=1.0'], ['unknown', '', 'application/fhir+json; fhirVersion=unknown']])('of %s are kept inside of a document, marked and not converted', async (release, version, contentType) => {
      const [resource] = (await exported(record(release, version))) as unknown as { resourceType: string; content: { attachment: { contentType: string; data: string; title: string } }[] }[];
      expect(resource).toMatchObject({ resourceType: 'DocumentReference', status: 'current', content: [{ attachment: { contentType, title: 'Peanut' } }] });
      expect(JSON.parse(Buffer.from(resource?.content[0]?.attachment.data ?? '', 'base64').toString('utf8'))).toEqual(allergy);
    });
  });

  test.each(['submitted', 'submission-failed'])('what is %s is there as before, and in the chart', async (state) => {
    const { patientId, client, search } = await uploaded(sample('HeartRate', 71, { unit: 'bpm' }));
    await vitalgate.database.pool.query(
      `update device_manager.sample s set state = $1, normalized_type = w.normalized_type, rule_id = w.rule_id, rule_version = w.rule_version
       from device_manager.whole_sample w where w.patient_id = $2 and s.patient_id = w.patient_id and s._id = w._id`,
      [state, patientId],
    );
    expect(await search()).toMatchObject([{ status: 'final', valueQuantity: { value: 71 } }]);
    expect(await answered(client.get('/chart-data?normalizedDataType=heart-rate'))).toMatchObject([{ data: [{ y: 71 }] }]);
  });
});
