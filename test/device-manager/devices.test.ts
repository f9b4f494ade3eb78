import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { accessTokenOf, answered, bloodPressure, clientWith, cuff, eventually, newPatient, refused, service, watch, type Client, type KeptRecord } from './client.ts';

describe('devices and who holds them', () => {
  let vitalgate: TestVitalgate;
  let operator: Client;
  let counter = 0;
  const newCuff = () => cuff(`cuff-${String((counter += 1))}`);
  const assigned = async (client: Client, device: object): Promise<string> => (await answered<{ _id: string }>(client.post('/devices/assign', device)))._id;
  const holderOf = async (deviceId: string): Promise<string | undefined> =>
    (await answered<{ assignedPatientId?: string }[]>(service(vitalgate).get(`/devices?deviceId=${deviceId}`)))[0]?.assignedPatientId;

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    operator = clientWith(vitalgate.urls.deviceManager, { authorization: `Bearer ${await accessTokenOf(vitalgate, 'operator')}` });
  });
  afterAll(() => vitalgate.stop());

  test.each<[string, (anna: string) => Client]>([
    ['a service that speaks for the patient', (anna) => service(vitalgate, anna)],
    ['a service that names the patient', () => service(vitalgate)],
    ['an operator', () => operator],
  ])('%s assigns a device, again without effect, lists it and takes it back', async (_situation, callerFor) => {
    const anna = newPatient();
    const [caller, device] = [callerFor(anna), { ...newCuff(), assignedPatientId: anna }];
    const _id = await assigned(caller, device);
    expect(_id).toMatch(/^[0-9a-f]{32}$/);
    expect(await assigned(caller, device)).toBe(_id);
    const listed = await answered<unknown[]>(caller.get(`/devices?assignedPatientId=${anna}&deviceProvider=medisante`));
    expect(listed).toMatchObject([{ _id, deviceId: device.deviceId, deviceProvider: 'Medisanté', status: 'Active', assignedPatientId: anna, serialNumber: device.serialNumber }]);
    expect((await caller.post(`/devices/${_id}/unassign`)).status).toBe(204);
    expect((await caller.post(`/devices/${device.deviceId}/unassign/`)).status).toBe(204);
    expect(await holderOf(device.deviceId)).toBeUndefined();
  });

  test('a device goes from one patient to the next, and back, with one identifier', async () => {
    const [anna, ben, device] = [newPatient(), newPatient(), newCuff()];
    const _id = await assigned(service(vitalgate, anna), device);
    for (const next of [ben, anna, ben]) {
      const holder = (await holderOf(device.deviceId)) ?? '';
      expect(await refused(service(vitalgate, next).post('/devices/assign', device))).toMatchObject({ status: 409, code: 'device-already-assigned' });
      expect((await service(vitalgate, holder).post(`/devices/${_id}/unassign`)).status).toBe(204);
      expect(await assigned(service(vitalgate, next), device)).toBe(_id);
      expect(await holderOf(device.deviceId)).toBe(next);
    }
  });

  test('a serial number that is told later releases what waits under it to the holder', async () => {
    const [anna, { serialNumber, ...device }] = [newPatient(), newCuff()];
    await assigned(service(vitalgate, anna), { ...device, assignedFrom: '2024-01-01T00:00:00Z' });
    const sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
    const { _id } = await answered<{ _id: string }>(sender.post('/health-data/medisante', bloodPressure({ serialNumber }, '2024-03-02T09:10:11Z')));
    const record = () => answered<KeptRecord>(service(vitalgate).get(`/health-data/${_id}`));
    expect(await record()).toMatchObject({ state: 'quarantined', reason: 'device-unknown' });
    await answered(operator.post('/devices', { ...device, serialNumber }));
    expect(await eventually(record, ({ state }) => state === 'normalized')).toMatchObject({ state: 'normalized', patientId: anna });
  });

  test('of fifty requests by two patients for one new device at once, those of exactly one patient win', async () => {
    const [anna, ben, device] = [newPatient(), newPatient(), newCuff()];
    const statuses = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const patientId = index % 2 === 0 ? anna : ben;
        return `${patientId} ${String((await service(vitalgate, patientId).post('/devices/assign', device)).status)}`;
      }),
    );
    const winner = await holderOf(device.deviceId);
    const loser = winner === anna ? ben : anna;
    expect(new Set(statuses)).toEqual(new Set([`${winner ?? ''} 200`, `${loser} 409`]));
    const { rowCount } = await vitalgate.database.pool.query('select from device_manager.assignment a join device_manager.device d on d._id = a.device where device_id = $1', [device.deviceId]);
    expect(rowCount).toBe(1);
  });

  test('a watch is private to its patient: the same one for two patients is two devices', async () => {
    const [anna, ben] = [newPatient(), newPatient()];
    const ids = await Promise.all([anna, ben, anna].map((patientId) => assigned(service(vitalgate, patientId), watch)));
    expect(ids[2]).toBe(ids[0]);
    expect(ids[1]).not.toBe(ids[0]);
    expect((await service(vitalgate, anna).post(`/devices/${watch.deviceId}/unassign`)).status).toBe(204);
    expect(await answered<unknown[]>(service(vitalgate, ben).get('/devices'))).toMatchObject([{ _id: ids[1], assignedPatientId: ben }]);
  });

  test('a clock that is a little ahead assigns from now on, so that the device can be used at once', async () => {
    const anna = newPatient();
    await assigned(service(vitalgate, anna), { ...watch, assignedFrom: new Date(Date.now() + 120_000).toISOString() });
    const [listed] = await answered<{ assignedFrom: string }[]>(service(vitalgate, anna).get('/devices'));
    expect(Date.parse(listed?.assignedFrom ?? '')).toBeLessThanOrEqual(Date.now());
    expect(await answered<unknown[]>(service(vitalgate, anna).post('/health-data/healthkit', [{ value: 60, type: 'HeartRate', startDate: '2024-07-01T00:00:00Z', endDate: '2024-07-01T00:00:00Z' }]))).toHaveLength(1);
  });

  describe('time that somebody held is never given to somebody else', () => {
    const march = (day: number) => `2024-03-${String(day).padStart(2, '0')}T00:00:00Z`;
    test.each<[string, string, number]>([
      ['from before the time of the other', march(5), 409],
      ['from within the time of the other', march(15), 409],
      ['from the very end of the time of the other', march(20), 200],
      ['from after it', march(25), 200],
    ])('an assignment %s', async (_situation, assignedFrom, status) => {
      const [anna, ben, device] = [newPatient(), newPatient(), newCuff()];
      const _id = await assigned(service(vitalgate, anna), { ...device, assignedFrom: march(10) });
      expect((await service(vitalgate, anna).post(`/devices/${_id}/unassign`, { assignedUntil: march(20) })).status).toBe(204);
      expect((await service(vitalgate, ben).post('/devices/assign', { ...device, assignedFrom })).status).toBe(status);
    });
  });

  describe('bad input changes nothing', () => {
    const device = cuff('of-nobody');
    test.each<[string, () => Client, string, unknown, number, string, string | undefined]>([
      ['no credential', () => clientWith(vitalgate.urls.deviceManager, {}), '/devices/assign', device, 401, 'unauthenticated', undefined],
      ['a wrong token', () => clientWith(vitalgate.urls.deviceManager, { authorization: 'Bearer wrong' }), '/devices/assign', device, 401, 'unauthenticated', undefined],
      ['a patient header without credential', () => clientWith(vitalgate.urls.deviceManager, { miauserid: 'anna' }), '/devices/assign', device, 401, 'unauthenticated', undefined],
      ['another patient than the caller speaks for', () => service(vitalgate, 'anna'), '/devices/assign', { ...device, assignedPatientId: 'ben' }, 403, 'not-your-data', undefined],
      ['nobody to assign to', () => service(vitalgate), '/devices/assign', device, 400, 'invalid-request', '/assignedPatientId'],
      ['no provider', () => service(vitalgate, 'anna'), '/devices/assign', { deviceId: 'of-nobody', deviceType: 'x' }, 400, 'invalid-request', '/deviceProvider'],
      ['a day that does not exist', () => service(vitalgate, 'anna'), '/devices/assign', { ...device, assignedFrom: '2024-02-30T00:00:00Z' }, 400, 'invalid-request', '/assignedFrom'],
      ['a start in an hour', () => service(vitalgate, 'anna'), '/devices/assign', { ...device, assignedFrom: new Date(Date.now() + 3_600_000).toISOString() }, 400, 'invalid-request', '/assignedFrom'],
      ['a NUL in the name', () => service(vitalgate, 'anna'), '/devices/assign', { ...device, name: '\0' }, 400, 'invalid-text', '/name'],
      ['an unknown device', () => service(vitalgate), '/devices/of-nobody/unassign', undefined, 404, 'not-found', undefined],
    ])('%s', async (_situation, caller, path, body, status, code, pointer) => {
      expect(await refused(caller().post(path, body))).toMatchObject({ status, code, ...(pointer !== undefined && { errors: [{ pointer }] }) });
      expect(await holderOf('of-nobody')).toBeUndefined();
    });

    test('the token of a patient, and the sid of a patient, open nothing here', async () => {
      const patient = await vitalgate.addUser();
      const cookie = await vitalgate.signIn(patient);
      for (const headers of [{ authorization: `Bearer ${await accessTokenOf(vitalgate, 'patient')}` }, { cookie }, { authorization: `Bearer ${cookie.slice(4)}` }]) {
        expect(await refused(clientWith(vitalgate.urls.deviceManager, headers).get('/devices'))).toMatchObject({ status: 401 });
      }
    });

    test('the device of another patient is not found, and stays theirs', async () => {
      const [anna, mine] = [newPatient(), newCuff()];
      const _id = await assigned(service(vitalgate, anna), mine);
      expect((await service(vitalgate, newPatient()).post(`/devices/${_id}/unassign`)).status).toBe(404);
      expect(await refused(service(vitalgate, anna).get('/devices?assignedPatientId=ben'))).toMatchObject({ status: 403, code: 'not-your-data' });
      expect(await holderOf(mine.deviceId)).toBe(anna);
    });

    test('an assignment cannot end before it began, and stays', async () => {
      const [anna, mine] = [newPatient(), newCuff()];
      const _id = await assigned(service(vitalgate, anna), { ...mine, assignedFrom: '2024-03-10T00:00:00Z' });
      const answer = service(vitalgate, anna).post(`/devices/${_id}/unassign`, { assignedUntil: '2024-03-09T00:00:00Z' });
      expect(await refused(answer)).toMatchObject({ status: 400, code: 'invalid-request', errors: [{ pointer: '/assignedUntil' }] });
      expect(await holderOf(mine.deviceId)).toBe(anna);
    });

    test.each([
      ['GET', '/devices?deviceId=%00', 400, '/query/deviceId'],
      ['POST', '/devices/%00/unassign', 400, '/path/id'],
      ['GET', '/health-data?rawDataType=%00', 400, '/query/rawDataType'],
      ['GET', '/health-data/%00', 400, '/path/_id'],
      ['GET', '/chart-data?normalizedDataType=heart-rate&_id=%00', 400, '/query/_id'],
    ])('a NUL in the address: %s %s', async (method, path, status, pointer) => {
      expect(await refused(service(vitalgate).send(path, { method }))).toMatchObject({ status, code: 'invalid-text', errors: [{ pointer }] });
    });
  });
});
