import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, bloodPressure, chartOf, clientWith, cuff, eventually, newPatient, refused, service, type Client, type KeptRecord } from './client.ts';

const measured = '2024-03-02T09:10:11.123456789Z';
const measuredMs = Date.parse('2024-03-02T09:10:11.123Z');

describe('deliveries of Medisanté devices', () => {
  let vitalgate: TestVitalgate;
  let sender: Client;
  let counter = 0;
  const newCuff = () => cuff(`Maker:Model:${String((counter += 1))}`);
  const deliver = async (body: unknown, from = sender) => (await answered<{ _id: string }>(from.post('/health-data/medisante', body)))._id;
  const recordOf = (_id: string, client = service(vitalgate)) => answered<KeptRecord>(client.get(`/health-data/${_id}`));
  const settled = (_id: string, client?: Client) => eventually(() => recordOf(_id, client), ({ state }) => state === 'normalized' || state === 'normalization-failed');
  const hold = (patientId: string, device: object, assignedFrom: string) => answered(service(vitalgate, patientId).post('/devices/assign', { ...device, assignedFrom }));
  const rowsOf = async (sql: string, ...values: unknown[]) => (await vitalgate.database.pool.query(sql, values)).rowCount;
  const waiting = (_id: string) => rowsOf('select from device_manager.quarantined_delivery where sample_id = $1::uuid', _id);

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
  });
  afterAll(() => vitalgate.stop());

  test.each<[string, (device: { deviceId: string; serialNumber: string }) => object]>([
    ['its id', ({ deviceId }) => ({ id: deviceId })],
    ['its serial number', ({ serialNumber }) => ({ serialNumber })],
    ['its IMEI where that was declared', ({ deviceId }) => ({ id: '', IMEI: deviceId })],
  ])('a device known by %s gives its measurement to who holds it, normalized', async (_situation, named) => {
    const [anna, device] = [newPatient(), newCuff()];
    await hold(anna, device, '2024-03-01T00:00:00Z');
    const body = bloodPressure(named(device), measured);
    const _id = await deliver(body);
    const record = await settled(_id, service(vitalgate, anna));
    expect(record).toMatchObject({ state: 'normalized', patientId: anna, deviceId: device.deviceId, rawDataType: 'BloodPressure', normalizedDataType: 'blood-pressure', rawData: body });
    expect(record.normalizedData?.observations.map(({ code, unitCode, value }) => [code, unitCode, value.toFixed(2)])).toEqual([
      ['https://loinc.org/8480-6', 'mm[Hg]', '123.01'], ['https://loinc.org/8462-4', 'mm[Hg]', '79.00'], ['https://loinc.org/8867-4', '/min', '70.00'],
    ]);
    const chart = await chartOf(service(vitalgate, anna), 'BloodPressure', 3);
    expect(chart.map(({ name, data }) => [name, data.map(({ x }) => x)])).toEqual([
      ['Diastolic blood pressure [mmHg]', [measuredMs]], ['Systolic blood pressure [mmHg]', [measuredMs]], ['Heart rate [bpm]', [measuredMs]],
    ]);
  });

  test('a real capture, with an empty device id, is read', async () => {
    const capture = JSON.parse(readFileSync(new URL('../fixtures/medisante/captured/glucose-bg800-pryv.json', import.meta.url), 'utf8')) as { device: { serialNumber: string } };
    const anna = newPatient();
    await hold(anna, cuff(capture.device.serialNumber), '2020-01-01T00:00:00Z');
    expect(await settled(await deliver(capture))).toMatchObject({ patientId: anna, normalizedDataType: 'blood-glucose', rawData: capture });
  });

  test.each<[string, (name: string) => object]>([
    ['a number as IMEI', (name) => bloodPressure({ IMEI: Number(name) }, measured)],
    ['no groups but an empty text', (name) => bloodPressure({ serialNumber: name }, measured, { deviceGroups: '' })],
    ['seconds since 1970', (name) => ({ ...bloodPressure({ id: name }, measured), measurements: { ...bloodPressure({}, measured).measurements, timestamp: Math.floor(measuredMs / 1000) } })],
    ['truth values as text', (name) => ({ ...bloodPressure({ id: name }, measured), measurements: { ...bloodPressure({}, measured).measurements, annotations: { irregularHeartBeat: 'false' } } })],
    ['a gateway nobody declared before a known peripheral', (name) => ({ ...bloodPressure({ id: 'gateway' }, measured), measurements: { ...bloodPressure({}, measured).measurements, device: { id: '', serialNumber: name, IMEI: '' } } })],
    ['a known gateway before a peripheral that names itself by nothing', (name) => ({ ...bloodPressure({ id: name }, measured), measurements: { ...bloodPressure({}, measured).measurements, device: { id: '', serialNumber: ' ', IMEI: '', manufacturer: 'Fora' } } })],
    ['a serial number beside an id that was not declared', (name) => bloodPressure({ id: `Maker:Model:${name}`, serialNumber: name }, measured)],
  ])('%s: as real senders write', async (_situation, bodyOf) => {
    const [anna, name] = [newPatient(), String(900_000_000_000_100 + (counter += 1))];
    await hold(anna, cuff(name), '2024-03-01T00:00:00Z');
    expect(await settled(await deliver(bodyOf(name)))).toMatchObject({ state: 'normalized', patientId: anna });
  });

  test('a peripheral that nobody held then is not looked up by its gateway', async () => {
    const [gateway, peripheral] = [newCuff(), newCuff()];
    await hold(newPatient(), gateway, '2024-03-01T00:00:00Z');
    await hold(newPatient(), peripheral, '2024-03-10T00:00:00Z');
    const body = bloodPressure({ id: gateway.deviceId }, measured);
    expect(await recordOf(await deliver({ ...body, measurements: { ...body.measurements, device: { id: peripheral.deviceId } } }))).toMatchObject({ state: 'quarantined', reason: 'device-not-assigned' });
  });

  test('a peripheral that nobody declared waits, whoever holds its gateway, and goes to who gets it', async () => {
    const [anna, ben, gateway, peripheral] = [newPatient(), newPatient(), newCuff(), newCuff()];
    await hold(anna, gateway, '2024-03-01T00:00:00Z');
    const body = bloodPressure({ id: gateway.deviceId, serialNumber: gateway.serialNumber }, measured);
    const _id = await deliver({ ...body, measurements: { ...body.measurements, device: { id: peripheral.deviceId, serialNumber: peripheral.serialNumber, IMEI: '' } } });
    expect(await recordOf(_id)).toMatchObject({ state: 'quarantined', reason: 'device-unknown', deviceId: peripheral.deviceId });
    await hold(ben, peripheral, '2024-03-01T00:00:00Z');
    expect(await settled(_id)).toMatchObject({ state: 'normalized', patientId: ben, deviceId: peripheral.deviceId });
  });

  test.each<[string, (serialNumber: string) => object, string]>([
    ['another maker in the id', (serialNumber) => ({ id: `MakerA:X:${serialNumber}`, serialNumber }), 'quarantined'],
    ['another model in the id', (serialNumber) => ({ id: `MakerB:X:${serialNumber}`, serialNumber }), 'quarantined'],
    ['another maker, without an id', (serialNumber) => ({ id: '', serialNumber, manufacturer: 'MakerA', model: 'Y' }), 'quarantined'],
    ['the same maker and model', (serialNumber) => ({ id: '', serialNumber, manufacturer: 'makerb', model: 'Y' }), 'normalized'],
    ['a maker, and no model', (serialNumber) => ({ id: '', serialNumber, manufacturer: 'MakerA' }), 'normalized'],
  ])('a serial number with %s', async (_situation, named, state) => {
    const serialNumber = randomUUID();
    await hold(newPatient(), { ...cuff(`MakerB:Y:${serialNumber}`), serialNumber }, '2024-03-01T00:00:00Z');
    const _id = await deliver(bloodPressure(named(serialNumber), measured));
    const record = await eventually(() => recordOf(_id), (one) => one.state !== 'received');
    expect(record).toMatchObject({ state, ...(state === 'quarantined' && { reason: 'device-unknown' }) });
  });

  test('a holding that is over takes what it covers, and leaves what waits from after it to the next holder', async () => {
    const [anna, ben, device] = [newPatient(), newPatient(), newCuff()];
    const [then, later] = [await deliver(bloodPressure({ id: device.deviceId }, '2024-03-02T09:00:00Z')), await deliver(bloodPressure({ id: device.deviceId }, '2024-04-02T09:00:00Z'))];
    const give = (patientId: string, assignedFrom: string, assignedUntil?: string) => service(vitalgate, patientId).post('/devices/assign', { ...device, assignedFrom, assignedUntil });
    expect((await give(anna, '2024-03-10T00:00:00Z', '2024-03-01T00:00:00Z')).status).toBe(400);
    expect((await give(anna, '2024-03-01T00:00:00Z', '2024-03-10T00:00:00Z')).status).toBe(200);
    expect(await settled(then)).toMatchObject({ patientId: anna });
    expect(await recordOf(later)).toMatchObject({ state: 'quarantined' });
    expect((await give(ben, '2024-03-05T00:00:00Z')).status).toBe(409);
    expect((await give(ben, '2024-03-10T00:00:00Z')).status).toBe(200);
    expect(await settled(later)).toMatchObject({ patientId: ben });
    expect(await recordOf(then)).toMatchObject({ patientId: anna });
    expect((await give(anna, '2024-02-01T00:00:00Z', '2024-03-05T00:00:00Z')).status).toBe(200);
    const { rows } = await vitalgate.database.pool.query<{ patient_id: string; assigned_from: Date; assigned_until: Date | null }>(
      'select patient_id, assigned_from, assigned_until from device_manager.assignment a join device_manager.device d on d._id = a.device where d.device_id = $1 order by assigned_from', [device.deviceId],
    );
    expect(rows).toEqual([
      { patient_id: anna, assigned_from: new Date('2024-02-01'), assigned_until: new Date('2024-03-10') }, { patient_id: ben, assigned_from: new Date('2024-03-10'), assigned_until: null },
    ]);
  });

  test('a measurement belongs to who held the device then, not to who holds it now', async () => {
    const [anna, ben, device] = [newPatient(), newPatient(), newCuff()];
    await hold(anna, device, '2024-03-01T00:00:00Z');
    expect((await service(vitalgate, anna).post(`/devices/${encodeURIComponent(device.deviceId)}/unassign`, { assignedUntil: '2024-03-05T00:00:00Z' })).status).toBe(204);
    await hold(ben, device, '2024-03-05T00:00:00Z');
    const [annas, bens] = [await deliver(bloodPressure({ id: device.deviceId }, measured)), await deliver(bloodPressure({ id: device.deviceId }, '2024-03-05T00:00:00Z'))];
    expect([await settled(annas), await settled(bens)]).toMatchObject([{ patientId: anna }, { patientId: ben }]);
    expect(await refused(service(vitalgate, ben).get(`/health-data/${annas}`))).toMatchObject({ status: 404 });
  });

  describe('the same delivery again', () => {
    test('is the same sample, also five times at once', async () => {
      const [anna, device] = [newPatient(), newCuff()];
      await hold(anna, device, '2024-03-01T00:00:00Z');
      const body = bloodPressure({ id: device.deviceId }, measured);
      const ids = await Promise.all(Array.from({ length: 5 }, () => deliver(body)));
      expect(new Set(ids).size).toBe(1);
      expect(await deliver(body)).toBe(ids[0]);
      expect(await rowsOf('select from device_manager.sample where patient_id = $1', anna)).toBe(1);
    });

    test('with another body is kept aside, and the first stays', async () => {
      const [anna, device] = [newPatient(), newCuff()];
      await hold(anna, device, '2024-03-01T00:00:00Z');
      const body = bloodPressure({ id: device.deviceId }, measured);
      const _id = await deliver(body);
      expect(await deliver({ ...body, more: 1 })).toBe(_id);
      expect((await settled(_id)).rawData).toEqual(body);
      expect(await rowsOf(`select from device_manager.quarantined_delivery where sample_id = $1::uuid and reason = 'conflicting-delivery'`, _id)).toBe(1);
    });

    test('from another sender is another delivery', async () => {
      const other = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey('other')).key });
      const body = bloodPressure({ id: 'unknown' }, measured);
      expect(await deliver(body, other)).not.toBe(await deliver(body));
    });

    test('without correlation id is known by its bytes', async () => {
      const body = bloodPressure({ id: 'unknown' }, measured, { correlationId: undefined });
      const [first, again, changed] = [await deliver(body), await deliver(body), await deliver({ ...body, more: 1 })];
      expect([again === first, changed === first]).toEqual([true, false]);
    });
  });

  describe('what cannot be attributed waits in quarantine, acknowledged', () => {
    test.each<[string, () => unknown, string]>([
      ['a device nobody declared', () => bloodPressure({ id: `unknown-${randomUUID()}` }, measured), 'device-unknown'],
      ['no device identity', () => bloodPressure({}, measured), 'no-device-identity'],
      ['no time of measurement', () => bloodPressure({ id: 'unknown' }, undefined), 'missing-timestamp'],
      ['a time that is none', () => bloodPressure({ id: 'unknown' }, 'yesterday'), 'missing-timestamp'],
      ['a time in the future', () => bloodPressure({ id: 'unknown' }, '2124-03-02T09:10:11Z'), 'timestamp-in-future'],
      ['an empty object', () => ({}), 'no-device-identity'],
      ['members of other kinds than expected', () => ({ metadata: { correlationId: [7], measurementType: {} }, device: { id: {}, serialNumber: null }, measurements: { timestamp: [] }, nonce: randomUUID() }), 'no-device-identity'],
    ])('%s', async (_situation, bodyOf, reason) => {
      const body = bodyOf();
      const _id = await deliver(body);
      expect(await recordOf(_id)).toMatchObject({ _id, state: 'quarantined', reason, rawData: body });
      expect(await refused(service(vitalgate, newPatient()).get(`/health-data/${_id}`))).toMatchObject({ status: 404 });
    });

    test('a device that nobody held then', async () => {
      const device = newCuff();
      await hold(newPatient(), device, '2024-03-10T00:00:00Z');
      expect(await recordOf(await deliver(bloodPressure({ id: device.deviceId }, measured)))).toMatchObject({ state: 'quarantined', reason: 'device-not-assigned' });
    });

    test('until an assignment covers it: released to the patient under the same identifier, normalized, its key destroyed', async () => {
      const [anna, device] = [newPatient(), newCuff()];
      const bodies = ['2024-03-02T09:10:11Z', '2024-03-03T09:10:11Z', '2024-02-01T09:10:11Z'].map((timestamp) => bloodPressure({ id: device.deviceId }, timestamp));
      const ids: string[] = [];
      for (const body of bodies) ids.push(await deliver(body));
      const { rows } = await vitalgate.database.pool.query<{ scope: string }>(
        `select 'quarantine:' || replace(payload_id::text, '-', '') as scope from device_manager.quarantined_delivery where sample_id = any($1::uuid[]) and measured_at > '2024-03-01'`, [ids]);
      await hold(anna, device, '2024-03-01T00:00:00Z');
      const [first = '', second = '', tooOld = ''] = ids;
      for (const [index, _id] of [first, second].entries()) {
        expect(await settled(_id, service(vitalgate))).toMatchObject({ _id, patientId: anna, state: 'normalized', rawData: bodies[index] });
      }
      expect((await chartOf(service(vitalgate, anna), 'blood-pressure', 6)).map(({ data }) => data.length)).toEqual([2, 2, 2]);
      expect([await waiting(first), await waiting(second), await waiting(tooOld)]).toEqual([0, 0, 1]);
      expect(rows).toHaveLength(2);
      expect(await rowsOf('select from device_manager_keys.scope_key where scope = any($1)', rows.map(({ scope }) => scope))).toBe(0);
      expect(await deliver(bodies[0])).toBe(first);
      expect(await rowsOf('select from device_manager.sample where patient_id = $1', anna)).toBe(2);
    });

    test('one that cannot be opened holds up no other', async () => {
      const [anna, device] = [newPatient(), newCuff()];
      const broken = await deliver(bloodPressure({ id: device.deviceId }, '2024-03-02T00:00:00Z'));
      const sound = await deliver(bloodPressure({ id: device.deviceId }, '2024-03-03T00:00:00Z'));
      await vitalgate.database.pool.query(`update device_manager.quarantined_delivery set body = 'broken' where sample_id = $1::uuid`, [broken]);
      await hold(anna, device, '2024-03-01T00:00:00Z');
      expect(await settled(sound)).toMatchObject({ patientId: anna, state: 'normalized' });
      expect(await waiting(broken)).toBe(1);
    });

    test('reading one over and over while it is released always answers, waiting or kept', async () => {
      const anna = newPatient();
      const devices = Array.from({ length: 12 }, newCuff);
      const ids = await Promise.all(devices.map((device) => deliver(bloodPressure({ id: device.deviceId }, '2024-03-02T09:10:11Z'))));
      let released = false;
      const reading = ids.flatMap((_id) => [_id, _id]).map(async (_id) => {
        const states = new Set<string>();
        while (!released) states.add((await recordOf(_id)).state);
        return states;
      });
      await Promise.all(devices.map((device) => hold(anna, device, '2024-03-01T00:00:00Z')));
      for (const _id of ids) expect(await settled(_id)).toMatchObject({ patientId: anna, state: 'normalized' });
      released = true;
      for (const states of await Promise.all(reading)) expect(['quarantined', 'received', 'normalized']).toEqual(expect.arrayContaining([...states]));
    });

    test('reading makes no keys', async () => {
      const nobody = newPatient();
      expect(await chartOf(service(vitalgate, nobody), 'blood-pressure', 0)).toEqual([]);
      expect(await rowsOf('select from device_manager_keys.scope_key where scope = $1', `patient:${nobody}`)).toBe(0);
    });

    test('no delivery is lost while its device is assigned', async () => {
      const [anna, device] = [newPatient(), newCuff()];
      const deliveries = Array.from({ length: 6 }, (_, minute) => deliver(bloodPressure({ id: device.deviceId }, `2024-03-02T09:0${String(minute)}:00Z`)));
      const [ids] = await Promise.all([Promise.all(deliveries), hold(anna, device, '2024-03-01T00:00:00Z')]);
      for (const _id of ids) expect(await settled(_id)).toMatchObject({ patientId: anna, state: 'normalized' });
    });
  });

  test('a type that nobody knows is kept for its patient, and says so', async () => {
    const [anna, device] = [newPatient(), newCuff()];
    await hold(anna, device, '2024-03-01T00:00:00Z');
    const body = bloodPressure({ id: device.deviceId }, measured, { measurementType: 'Mood' });
    expect(await settled(await deliver(body))).toMatchObject({ patientId: anna, state: 'normalization-failed', reason: 'no-rule', rawData: body });
  });

  test.each(['/health-data/medisante/', '/health-data/medisante/MedisanteStandard-JSON', '/health-data/medisante/standard-json', '/health-data/medisante/json/'])('%s takes a delivery, with charset in its type', async (path) => {
    const body = JSON.stringify(bloodPressure({ id: 'unknown' }, measured));
    expect((await sender.send(path, { method: 'POST', headers: { 'content-type': 'application/json; charset=utf-8' }, body })).status).toBe(200);
  });

  describe('bad input keeps nothing', () => {
    const json = { 'content-type': 'application/json' };
    const post = (body: string, { client = sender, path = '/health-data/medisante' } = {}) => client.send(path, { method: 'POST', headers: json, body });
    const withKey = (key: string) => clientWith(vitalgate.urls.deviceManager, { 'x-api-key': key });
    const spoilt = async (sql: string) => {
      const { _id, key } = await vitalgate.createWebhookKey('spoilt');
      await vitalgate.database.pool.query(`update device_manager.api_key set ${sql} where _id = $1::uuid`, [_id]);
      return withKey(key);
    };
    test.each<[string, () => Promise<Response>, number, string]>([
      ['no key', () => post('{}', { client: clientWith(vitalgate.urls.deviceManager, {}) }), 401, 'unauthenticated'],
      ['a wrong key', () => post('{}', { client: withKey('vg_wrong') }), 401, 'unauthenticated'],
      ['a revoked key', async () => post('{}', { client: await spoilt('revoked_at = now()') }), 401, 'unauthenticated'],
      ['an expired key', async () => post('{}', { client: await spoilt(`expires_at = now() - interval '1 second'`) }), 401, 'unauthenticated'],
      ['the credential of a service', () => post('{}', { client: service(vitalgate) }), 401, 'unauthenticated'],
      ['an unknown format', () => post('{}', { path: '/health-data/medisante/fhir-r4' }), 400, 'unknown-format'],
      ['an array', () => post('[]'), 400, 'invalid-request'],
      ['an empty body', () => post(''), 400, 'malformed-json'],
      ['a truncated body', () => post('{"metadata":'), 400, 'malformed-json'],
      ['a duplicate key', () => post('{"a":1,"a":2}'), 400, 'duplicate-key'],
      ['a key __proto__', () => post('{"__proto__":{}}'), 400, 'forbidden-key'],
      ['a NUL', () => post('{"device":{"id":"\\u0000"}}'), 400, 'invalid-text'],
      ['a body 33 levels deep', () => post('{"a":'.repeat(33) + '1' + '}'.repeat(33)), 400, 'too-deep'],
    ])('%s', async (_situation, ask, status, code) => {
      const count = () => rowsOf('select from device_manager.delivery');
      const before = await count();
      expect(await refused(ask())).toMatchObject({ status, code });
      expect(await count()).toBe(before);
    });
  });

  test('a key notes when it was used, at most once a minute', async () => {
    const { _id, key } = await vitalgate.createWebhookKey('timed');
    const used = async () => (await vitalgate.database.pool.query<{ at: Date | null }>('select last_used_at as at from device_manager.api_key where _id = $1::uuid', [_id])).rows[0]?.at?.getTime();
    const client = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': key });
    expect(await used()).toBeUndefined();
    await deliver({ n: 1 }, client);
    const first = await used();
    await deliver({ n: 2 }, client);
    expect([typeof first, await used()]).toEqual(['number', first]);
  });
});
