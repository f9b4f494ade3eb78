import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { keptReadings, takeApart } from '../../src/device-manager/providers/taking-apart.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, clientWith, cuff, eventually, newPatient, service, type Client, type KeptRecord } from './client.ts';
import { bundle, containing } from './fhir-documents.ts';

const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const both = [{ kind: 'document', pointer: '/1/presentedForm/0/data' }, { kind: 'sampled-data', pointer: '/0/valueSampledData' }];

describe('Observations that another resource contains', () => {
  let vitalgate: TestVitalgate;
  let sender: Client;
  const deliver = async (body: unknown) => (await answered<{ _id: string }>(sender.post('/health-data/medisante', body)))._id;
  const recordOf = (_id: string) => answered<KeptRecord>(service(vitalgate).get(`/health-data/${_id}`));
  const holder = async (deviceId: string): Promise<string> => {
    const patient = newPatient();
    await answered(service(vitalgate, patient).post('/devices/assign', { ...cuff(deviceId), serialNumber: undefined, assignedFrom: '2024-01-01T00:00:00Z' }));
    return patient;
  };
  const idle = async () => expect(await eventually(async () => (await vitalgate.database.pool.query('select from graphile_worker.jobs')).rowCount, (count) => count === 0)).toBe(0);
  const samplesOf = async (patient: string) => {
    await idle();
    return answered<KeptRecord[]>(service(vitalgate).get(`/health-data?patientId=${patient}&_p=rawData,rawDataType,normalizedData,reason`));
  };
  const query = (sql: string, ...values: unknown[]) => vitalgate.database.pool.query(sql, values);

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
  });
  afterAll(() => vitalgate.stop());

  const electrocardiogram = (device: string, scale: string) =>
    bundle('collection', [containing.report({}, device), { ...containing.weight, contained: [{ resourceType: 'Device', id: 'device', serialNumber: scale }] }]);

  test('an electrocardiogram inside its report waits with its document, and is released with both', async () => {
    const device = randomUUID();
    const _id = await deliver(electrocardiogram(device, randomUUID()));
    expect(await recordOf(_id)).toMatchObject({ state: 'quarantined', reason: 'device-unknown', deviceId: device });
    const anna = await holder(device);
    expect(await samplesOf(anna)).toMatchObject([{ _id, state: 'normalized', rawDataType: 'ECG', normalizedData: { attachments: both } }]);
  });

  test('an electrocardiogram inside its report is kept apart from the reading of somebody else, with both', async () => {
    const [device, scale] = [randomUUID(), randomUUID()];
    const [anna, ben] = [await holder(device), await holder(scale)];
    await deliver(electrocardiogram(device, scale));
    expect(await samplesOf(anna)).toMatchObject([{ state: 'normalized', rawDataType: 'ECG', normalizedData: { attachments: both } }]);
    expect(await samplesOf(ben)).toMatchObject([{ state: 'normalized', rawDataType: 'BodyWeight' }]);
  });

  test('an excerpt from before it told what had been contained is read as the one reading that it was made for', () => {
    const { contained: [, ecg], ...report } = containing.report();
    const device = { contained: [{ resourceType: 'Device', id: 'device', serialNumber: 'ecg-device' }] };
    const { readings } = takeApart('fhir-json', { resourceType: 'Bundle', type: 'collection', entry: [{ resource: { ...report, ...device } }, { resource: { ...ecg, ...device } }] });
    expect(readings.map(({ document, identifiers }) => ({ document, identifiers }))).toEqual(takeApart('fhir-json', containing.report()).readings.map(({ document, identifiers }) => ({ document, identifiers })));
  });

  describe('of a server, with a device that only a reference names', () => {
    /** The address of a device on a server, its relative reference, and a delivery of two readings of it from there. */
    const place = () => {
      const [server, relative] = [`https://${randomUUID()}.example/fhir/`, `Device/${randomUUID()}`];
      const contained = ['a', 'b'].map((id, index) => containing.member(id, 60 + index, { device: { reference: relative } }));
      const resource = containing.report({ presentedForm: undefined, result: undefined, contained });
      return { address: `${server}${relative}`, relative, delivery: { resourceType: 'Bundle', type: 'collection', entry: [{ fullUrl: `${server}DiagnosticReport/r`, resource }] } };
    };
    const valuesOf = async (patient: string) => (await samplesOf(patient)).flatMap(({ normalizedData }) => normalizedData?.observations[0]?.value ?? []).toSorted();
    const waitAs = (_id: string, names: readonly string[]) => query('update device_manager.quarantined_delivery set device_identifiers = $2 where sample_id = $1::uuid', _id, names);

    test('they wait under its address, and are released to who gets that', async () => {
      const { address, relative, delivery } = place();
      expect(await recordOf(await deliver(delivery))).toMatchObject({ state: 'quarantined', reason: 'device-unknown', deviceId: address });
      expect((await query('select from device_manager.quarantined_delivery where device_identifiers = $1', [address, relative])).rowCount).toBe(2);
      expect(await valuesOf(await holder(address))).toEqual([60, 61]);
    });

    test('they are released to who gets that, and not to who holds one of the same reference', async () => {
      const { address, relative, delivery } = place();
      const ben = await holder(relative);
      await answered(service(vitalgate).post('/devices', { ...cuff(address), serialNumber: undefined }));
      expect(await recordOf(await deliver(delivery))).toMatchObject({ state: 'quarantined', reason: 'device-not-assigned' });
      const anna = await holder(address);
      expect([await valuesOf(anna), await valuesOf(ben)]).toEqual([[60, 61], []]);
    });

    test('an excerpt from before it told the server goes by the names that came with the delivery', async () => {
      const { address, relative } = place();
      const _id = await deliver(containing.member('a', 60, { device: { reference: relative } }));
      await waitAs(_id, [address, relative]);
      await answered(service(vitalgate).post('/devices', { ...cuff(address), serialNumber: undefined }));
      const [ben, anna] = [await holder(relative), await holder(address)];
      expect([await valuesOf(anna), await valuesOf(ben)]).toEqual([[60], []]);
    });

    test('what names another device when it is read again stays where it is', async () => {
      const [told, other] = [randomUUID(), randomUUID()];
      const _id = await deliver(containing.member('a', 60, { device: { identifier: { value: other } } }));
      await waitAs(_id, [told]);
      const [ben, anna] = [await holder(other), await holder(told)];
      expect([await samplesOf(ben), await samplesOf(anna), (await recordOf(_id)).state]).toEqual([[], [], 'quarantined']);
    });
  });

  describe('a panel that contains its members', () => {
    const members = (name: string) => ['a', 'b'].map((id, index) => containing.member(id, 60 + index, { device: { identifier: { value: name } } }));
    const panel = (name: string) => containing.panel({ contained: members(name) });

    test('adds no reading of its own, alone or beside one that waits', async () => {
      for (const beside of [[], [{ ...containing.weight, contained: [{ resourceType: 'Device', id: 'device', serialNumber: randomUUID() }] }]]) {
        const device = randomUUID();
        const anna = await holder(device);
        await deliver(bundle('collection', [panel(device), ...beside]));
        expect((await samplesOf(anna)).map(({ state, rawDataType }) => [state, rawDataType])).toEqual([['normalized', 'HeartRate'], ['normalized', 'HeartRate']]);
      }
    });

    test('reads as one beside its members', () => {
      const apart = bundle('collection', [containing.panel({ hasMember: [{ reference: 'Observation/a' }, { reference: 'Observation/b' }] }), ...members('watch')]);
      const told = (value: unknown) => takeApart('fhir-json', value).readings.map(({ document, identity }) => ({ document, identity }));
      expect(told(panel('watch'))).toEqual(told(apart));
    });

    test.each([['before, in three readings', 3, ['http://loinc.org|85353-1', 'HeartRate', 'HeartRate']], ['now', 2, ['HeartRate', 'HeartRate']]])('that was kept %s, is read as then', (_situation, count, types) => {
      expect(keptReadings('fhir-json', bytesOf(panel('watch')), count).map(({ document }) => (document as { metadata: { measurementType: string } }).metadata.measurementType)).toEqual(types);
    });
  });
});
