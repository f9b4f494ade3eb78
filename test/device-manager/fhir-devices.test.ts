import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, clientWith, cuff, eventually, newPatient, service, type Client, type KeptRecord } from './client.ts';
import { bundle, loinc, pulse, quantity } from './fhir-documents.ts';

const at = '2024-03-02T09:10:00Z';

/** A heart rate of a Device that only a reference names. */
const referring = (reference: string, value: number) => ({ resourceType: 'Observation', status: 'final', code: loinc('8867-4'), device: { reference }, effectiveDateTime: at, valueQuantity: quantity(value, '/min') });

/** A heart rate of a Device that is told more or less fully. */
const described = (device: object, value = 60) => ({ ...pulse('', at, value), contained: [{ resourceType: 'Device', id: 'device', ...device }] });

describe('the device of a FHIR reading', () => {
  let vitalgate: TestVitalgate;
  let sender: Client;
  const deliver = async (body: unknown) => (await answered<{ _id: string }>(sender.post('/health-data/medisante', body)))._id;
  const holder = async (deviceId: string, more: object = {}): Promise<string> => {
    const patient = newPatient();
    await answered(service(vitalgate, patient).post('/devices/assign', { ...cuff(deviceId), ...more, assignedFrom: '2024-01-01T00:00:00Z' }));
    return patient;
  };
  const recordsOf = (patient: string) => answered<KeptRecord[]>(service(vitalgate).get(`/health-data?patientId=${patient}&_l=200`));
  const valuesOf = async (patient: string, count: number) =>
    (await eventually(() => recordsOf(patient), (records) => records.length >= count && records.every(({ state }) => state !== 'received'))).map(({ normalizedData }) => normalizedData?.observations[0]?.value).toSorted();
  /** Addresses of the same Device 7 on servers of two organizations, and its relative reference. */
  const addresses = () => {
    const id = randomUUID();
    return { first: `https://hospital-${id}.example/fhir/Device/${id}`, second: `https://clinic-${id}.example/fhir/Device/${id}`, relative: `Device/${id}` };
  };

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
  });
  afterAll(() => vitalgate.stop());

  test('is that of its own server, where two have one of the same id', async () => {
    const { first, second } = addresses();
    const [anna, ben] = [await holder(first), await holder(second)];
    await deliver(referring(first, 61));
    await deliver(bundle('collection', [referring(second, 62)]));
    await deliver(referring(`${first}/_history/2`, 63));
    expect([await valuesOf(anna, 2), await valuesOf(ben, 1)]).toEqual([[61, 63], [62]]);
  });

  test('is found by a relative reference as before, and by no address of a server', async () => {
    const { first, second, relative } = addresses();
    const anna = await holder(relative);
    await deliver(referring(relative, 61));
    await deliver(referring(first, 62));
    expect(await valuesOf(anna, 1)).toEqual([61]);
    const ben = await holder(first);
    expect([await valuesOf(ben, 1), await valuesOf(anna, 1)]).toEqual([[62], [61]]);
    await deliver({ resourceType: 'Bundle', type: 'collection', entry: [{ fullUrl: first.replace('Device', 'Observation'), resource: referring(relative, 63) }, { fullUrl: second.replace('Device', 'Observation'), resource: referring(relative, 64) }] });
    expect([await valuesOf(ben, 2), await valuesOf(anna, 2)]).toEqual([[62, 63], [61, 64]]);
  });

  test('releases what waits since it was known without its server', async () => {
    const { first, relative } = addresses();
    await deliver(referring(first, 61));
    await vitalgate.database.pool.query('update device_manager.quarantined_delivery set device_identifiers = $2 where device_identifiers = $1', [[first], [relative]]);
    expect(await valuesOf(await holder(first), 1)).toEqual([61]);
  });

  test.each<[situation: string, bodies: (serialNumber: string) => readonly object[], values: readonly number[]]>([
    ['later', (serialNumber) => [described({ serialNumber }), described({ serialNumber, manufacturer: 'Maker', modelNumber: 'Model' })], [60]],
    ['before', (serialNumber) => [described({ serialNumber, manufacturer: 'Maker', modelNumber: 'Model' }), described({ serialNumber })], [60]],
    ['with another value, which is another version', (serialNumber) => [described({ serialNumber }), { ...described({ serialNumber, manufacturer: 'Maker', modelNumber: 'Model' }, 64), status: 'corrected' }], [60, 64]],
  ])('may be described more fully: %s', async (_situation, bodies, values) => {
    const serialNumber = `SN-${randomUUID()}`;
    const patient = await holder(`Maker:Model:${serialNumber}`, { serialNumber });
    for (const body of bodies(serialNumber)) await deliver(body);
    expect(await valuesOf(patient, values.length)).toEqual(values);
    // Of two versions the earlier is put aside once both are normalized.
    const counting = async () => (await recordsOf(patient)).filter(({ state }) => state === 'normalized').length;
    expect(await eventually(counting, (count) => count === 1)).toBe(1);
  });
});
