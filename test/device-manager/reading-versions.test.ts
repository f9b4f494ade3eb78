import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, clientWith, cuff, eventually, newPatient, service, type Client, type KeptRecord, type Series } from './client.ts';
import { bundle, loinc, observation, pressure, pulse, quantity } from './fhir-documents.ts';

const at = '2024-03-02T09:10:00Z';

describe('readings that FHIR sends again, corrects and withdraws', () => {
  let vitalgate: TestVitalgate;
  let sender: Client;
  const deliver = async (body: unknown) => (await answered<{ _id: string }>(sender.post('/health-data/medisante', body)))._id;
  const held = async () => {
    const [patient, device] = [newPatient(), `VERSIONS-${randomUUID()}`];
    await answered(service(vitalgate, patient).post('/devices/assign', { ...cuff(device), serialNumber: device, assignedFrom: '2024-01-01T00:00:00Z' }));
    return [patient, device] as const;
  };
  const idle = async () => expect(await eventually(async () => (await vitalgate.database.pool.query('select from graphile_worker.jobs')).rowCount, (count) => count === 0)).toBe(0);
  const charted = async (patient: string, type: string) =>
    Object.fromEntries((await answered<Series[]>(service(vitalgate, patient).get(`/chart-data?normalizedDataType=${type}`))).flatMap(({ name, data }) => (data.length > 0 ? [[name.replace(/ \[.*/, ''), data.map(({ y }) => y)]] : [])));
  const samplesOf = (patient: string) => answered<KeptRecord[]>(service(vitalgate).get(`/health-data?patientId=${patient}&_l=200&_p=rawData,rawDataType,patientId,normalizedData,reason`));
  const statesOf = async (patient: string) => (await samplesOf(patient)).map(({ state, reason }) => (reason === undefined ? state : `${state}: ${reason}`)).toSorted();
  const measured = (device: string, code: string, value: number, unit: string, more: object = {}) => observation(loinc(code), device, at, { valueQuantity: quantity(value, unit), ...more });

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
  });
  afterAll(() => vitalgate.stop());

  test.each<[string, (device: string) => readonly object[], string, Record<string, number[]>]>([
    ['three amended values of one breath', (device) => [measured(device, '19868-9', 3.9, 'L', { status: 'amended' }), measured(device, '20150-9', 3.1, 'L', { status: 'amended' }), measured(device, '19935-6', 410, 'L/min', { status: 'amended' })],
      'spirometry', { 'Forced vital capacity': [3.9], FEV1: [3.1], 'Maximum expiratory gas flow Respiratory system airway by Peak flow meter': [410] }],
    ['a saturation whose perfusion index was an error', (device) => [measured(device, '59408-5', 97, '%'), measured(device, '61006-3', 3, '%', { status: 'entered-in-error' })],
      'oxygen-saturation', { 'Oxygen saturation in Arterial blood by Pulse oximetry': [97] }],
    ['a blood pressure whose mean is corrected', (device) => [pressure(device, at, 120, 80), measured(device, '8478-0', 93, 'mm[Hg]', { status: 'corrected' })],
      'blood-pressure', { 'Systolic blood pressure': [120], 'Diastolic blood pressure': [80], 'Mean blood pressure': [93] }],
    ['steps of an hour and of the day that begins with it', (device) => [3000, 9000].map((steps, index) => ({ ...measured(device, '55423-8', steps, '{steps}', { status: 'amended' }), effectiveDateTime: undefined, effectivePeriod: { start: at, end: ['2024-03-02T10:10:00Z', '2024-03-03T09:10:00Z'][index] } })),
      'step-count', { 'Number of steps in unspecified time Pedometer': [3000, 9000] }],
  ])('without an identifier, %s are values of their own', async (_situation, bodies, type, expected) => {
    const [anna, device] = await held();
    await deliver(bundle('collection', bodies(device)));
    await idle();
    expect(await charted(anna, type)).toEqual(expected);
  });

  describe('the same measurement with other surroundings', () => {
    test.each<[string, (device: string, more: object) => readonly [object, object]]>([
      ['in a Bundle with its patient, then alone', (device, more) => {
        const reading = pulse(device, at, 61, { subject: { reference: 'Patient/p1' }, ...more });
        return [bundle('collection', [{ resourceType: 'Patient', id: 'p1', identifier: [{ value: randomUUID() }] }, reading]), reading];
      }],
      ['with the milliseconds of its instant', (device, more) => [pulse(device, at, 61, more), pulse(device, '2024-03-02T09:10:00.000Z', 61, more)]],
      ['in another time zone', (device, more) => [pulse(device, at, 61, more), pulse(device, '2024-03-02T10:10:00+01:00', 61, more)]],
      ['with an interpretation', (device, more) => [pulse(device, at, 61, more), pulse(device, at, 61, { ...more, interpretation: [{ coding: [{ code: 'N' }] }] })]],
      ['with the maker of the device', (device, more) => [pulse(device, at, 61, more), pulse(device, at, 61, { ...more, contained: [{ resourceType: 'Device', id: 'device', serialNumber: device, manufacturer: 'Maker' }] })]],
    ])('%s, is kept once, whether it has a name or not', async (_situation, both) => {
      for (const more of [{}, { identifier: [{ system: 'urn:ids', value: randomUUID() }] }]) {
        const [anna, device] = await held();
        for (const body of both(device, more)) await deliver(body);
        await idle();
        expect(await statesOf(anna)).toEqual(['normalized']);
      }
    });

    test('is another measurement once its value, unit or status differs', async () => {
      const [anna, device] = await held();
      for (const body of [pulse(device, at, 61), pulse(device, at, 62), measured(device, '8867-4', 61, '/s'), pulse(device, at, 61, { status: 'preliminary' })]) await deliver(body);
      expect(await samplesOf(anna)).toHaveLength(4);
    });

    test('is kept once it names the right patient, and nothing is doubled when what waits is released', async () => {
      const [[anna, device], [ben]] = [await held(), await held()];
      const first = await deliver(pulse(device, at, 61, { subject: { identifier: { value: ben } } }));
      expect(await answered<KeptRecord>(service(vitalgate).get(`/health-data/${first}`))).toMatchObject({ state: 'quarantined', reason: 'patient-mismatch' });
      expect(await deliver(pulse(device, at, 61, { subject: { identifier: { value: anna } } }))).toBe(first);
      await idle();
      expect([await statesOf(anna), await charted(anna, 'heart-rate')]).toEqual([['normalized'], { 'Heart rate': [61] }]);
    });
  });
});
