import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomInt, randomUUID } from 'node:crypto';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, clientWith, cuff, eventually, newPatient, service, type Client, type KeptRecord } from './client.ts';

const measured = '2024-03-02T09:10:11Z';

/** A delivery as text, because no number of ours can say what the sender wrote. */
const written = (device: string, { peripheral = '{}', correlationId = `"${randomUUID()}"` } = {}) =>
  `{"metadata":{"correlationId":${correlationId},"measurementType":"BodyWeight"},"device":${device},"measurements":{"device":${peripheral},"timestamp":"${measured}","bodyWeight":{"value":71400,"unit":"g"}}}`;

describe('names of devices and deliveries that are numbers beyond 2^53', () => {
  let vitalgate: TestVitalgate;
  let sender: Client;
  const deliver = async (body: string) => (await answered<{ _id: string }>(sender.send('/health-data/medisante', { method: 'POST', headers: { 'content-type': 'application/json' }, body })))._id;
  const recordOf = (_id: string) => answered<KeptRecord>(service(vitalgate).get(`/health-data/${_id}`));
  const normalized = (_id: string) => eventually(() => recordOf(_id), ({ state }) => state === 'normalized');
  const heldBy = async (deviceId: string) => {
    const patient = newPatient();
    await answered(service(vitalgate, patient).post('/devices/assign', { ...cuff(deviceId), assignedFrom: '2024-01-01T00:00:00Z' }));
    return patient;
  };
  /** Two numbers of 16 digits of which the second is read as the first. */
  const neighbours = (): readonly [string, string] => {
    const first = 2n ** 53n + 4n * BigInt(randomInt(2 ** 40));
    return [String(first), String(first + 1n)];
  };

  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    sender = clientWith(vitalgate.urls.deviceManager, { 'x-api-key': (await vitalgate.createWebhookKey()).key });
  });
  afterAll(() => vitalgate.stop());

  test.each<[string, (name: string, gateway: string) => string]>([
    ['a serial number', (name) => written(`{"id":"","serialNumber":${name}}`)],
    ['an IMEI', (name) => written(`{"IMEI": ${name} ,"id":""}`)],
    ['an id', (name) => written(`{"id":${name}}`)],
    ['the serial number of a peripheral, behind a gateway that somebody else holds', (name, gateway) => written(`{"id":"${gateway}"}`, { peripheral: `{"id":"","serialNumber":${name}}` })],
  ])('%s is that of its device, and not its neighbour’s', async (_situation, body) => {
    const [one, other] = neighbours();
    const [anna, ben, gateway] = [await heldBy(one), await heldBy(other), `gateway-${randomUUID()}`];
    await heldBy(gateway);
    const ids = [await deliver(body(one, gateway)), await deliver(body(other, gateway))] as const;
    expect([await normalized(ids[0]), await normalized(ids[1])]).toMatchObject([{ patientId: anna, deviceId: one }, { patientId: ben, deviceId: other }]);
  });

  test('a peripheral that nobody holds waits under its exact number, whoever holds its gateway, and goes to who gets it', async () => {
    const [one, other] = neighbours();
    const gateway = `gateway-${randomUUID()}`;
    await heldBy(gateway);
    await heldBy(one);
    const _id = await deliver(written(`{"id":"${gateway}"}`, { peripheral: `{"serialNumber":${other}}` }));
    expect(await recordOf(_id)).toMatchObject({ state: 'quarantined', reason: 'device-unknown', deviceId: other });
    expect(await normalized(await heldBy(other).then(() => _id))).toMatchObject({ deviceId: other });
  });

  test.each([['a power of ten', '1e300', 'device-unknown'], ['a number too long for a name', `1${'0'.repeat(250)}`, 'no-device-identity']])('a peripheral named by %s is nobody’s, and not its gateway’s', async (_situation, name, reason) => {
    const gateway = `gateway-${randomUUID()}`;
    await heldBy(gateway);
    const _id = await deliver(written(`{"id":"${gateway}"}`, { peripheral: `{"serialNumber":${name}}` }));
    expect(await recordOf(_id)).toMatchObject({ state: 'quarantined', reason });
  });

  test('what waits under the rounded number since before goes to who holds the exact one', async () => {
    const [one, other] = neighbours();
    const _id = await deliver(written(`{"serialNumber":${other}}`));
    await vitalgate.database.pool.query('update device_manager.quarantined_delivery set device_identifiers = $2 where sample_id = $1::uuid', [_id, [one]]);
    await heldBy(one);
    const ben = await heldBy(other);
    expect(await normalized(_id)).toMatchObject({ patientId: ben });
  });

  test('two deliveries of neighbouring numbers are two', async () => {
    const [[one, other], device] = [neighbours(), `device-${randomUUID()}`];
    await heldBy(device);
    const ids = [await deliver(written(`{"id":"${device}"}`, { correlationId: one })), await deliver(written(`{"id":"${device}"}`, { correlationId: other }))];
    expect(new Set(ids).size).toBe(2);
    for (const _id of ids) expect(await normalized(_id)).toMatchObject({ state: 'normalized' });
  });
});
