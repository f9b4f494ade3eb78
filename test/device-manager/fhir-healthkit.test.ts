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

  test.each(['submitted', 'submission-failed'])('what is %s is there as before, and in the chart', async (state) => {
    const { patientId, client, search } = await uploaded(sample('HeartRate', 71, { unit: 'bpm' }));
    await vitalgate.database.pool.query('update device_manager.sample set state = $1 where patient_id = $2', [state, patientId]);
    expect(await search()).toMatchObject([{ status: 'final', valueQuantity: { value: 71 } }]);
    expect(await answered(client.get('/chart-data?normalizedDataType=heart-rate'))).toMatchObject([{ data: [{ y: 71 }] }]);
  });
});
