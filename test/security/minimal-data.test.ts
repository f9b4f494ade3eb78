import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { cookieOf, heartRate } from '../bff/app.ts';
import { startFront, stopFronts, stopLater, watch, type Front } from '../bff/front.ts';
import { startForeignUpstreams, type Arrived, type ForeignUpstreams } from '../players/foreign-upstreams.ts';
import { startTherapyMonitoring, type TherapyMonitoringPlayer } from '../players/therapy-monitoring.ts';
import type { PrototypeSchema } from '../../src/therapy-monitoring/service.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';

const mark = (of: string): string => `${of}${randomBytes(9).toString('hex')}`;

type Heard = Pick<Arrived, 'method' | 'url' | 'headers' | 'bytes'>;
const textOf = ({ method, url, headers, bytes }: Heard): string => `${method} ${url.href} ${decodeURIComponent(url.search)} ${JSON.stringify(headers)} ${bytes.toString()}`;
const marksIn = (arrived: readonly Heard[], marks: Readonly<Record<string, string>>): string[] => {
  const all = arrived.map(textOf).join('\n');
  return Object.entries(marks).filter(([, text]) => all.includes(text)).map(([name]) => name);
};
const headerNamesIn = (arrived: readonly Heard[]): string[] => [...new Set(arrived.flatMap(({ headers }) => Object.keys(headers)))].toSorted();
const TRANSPORT = ['accept', 'accept-encoding', 'accept-language', 'connection', 'content-length', 'content-type', 'host', 'sec-fetch-mode', 'transfer-encoding', 'user-agent'];

describe('H10 of what the BFF is told', () => {
  const person = { name: mark('name'), email: `${mark('mail')}@example.org`, phone: mark('phone') };
  const health = { source: mark('source'), note: mark('note') };
  const unrelated = { header: mark('header'), agent: mark('agent'), referer: `https://app.example.org/${mark('page')}`, cookie: mark('cookie') };
  let front: Front;
  let deviceManager: ForeignUpstreams;
  let sid: string;
  beforeAll(async () => {
    deviceManager = await startForeignUpstreams();
    stopLater(deviceManager.stop);
    front = await startFront({}, { deviceManagerUrl: deviceManager.url }, { name: person.name, email: person.email, phone_number: person.phone });
    const headers = { 'content-type': 'application/json', 'x-something': unrelated.header, 'user-agent': unrelated.agent, referer: unrelated.referer };
    const post = (path: string, body: unknown, cookie = '') => fetch(`${front.url}${path}`, { method: 'POST', headers: { ...headers, cookie }, body: JSON.stringify(body) });
    const signedIn = cookieOf(await post('/oauth/token', { username: 'anna', password: 'right' }));
    sid = signedIn.replace('sid=', '');
    const cookie = `${signedIn}; other=${unrelated.cookie}`;
    for (const path of ['/profile', '/devices', '/health-data', '/chart-data?normalizedDataType=heart-rate', '/audit']) await fetch(`${front.url}${path}`, { headers: { ...headers, cookie } });
    expect((await post('/devices/assign', watch, cookie)).status).toBe(200);
    expect((await post('/health-data', [{ ...heartRate(randomUUID().toUpperCase(), 0), sourceName: health.source, metadata: { note: health.note } }], cookie)).status).toBe(200);
    await post('/reset-password', { email: person.email });
  }, 60_000);
  afterAll(stopFronts);

  test('the Device Manager hears who it is about and what was measured, and neither name, address, session nor anything of the app', () => {
    expect(marksIn(deviceManager.arrived, { ...person, sid, ...unrelated, password: 'right' })).toEqual([]);
    expect(headerNamesIn(deviceManager.arrived).filter((name) => !TRANSPORT.includes(name))).toEqual(['authorization', 'miauserid', 'prefer', 'x-request-id']);
    // Control: what it is meant to hear is found by the same search.
    expect(marksIn(deviceManager.arrived, health)).toEqual(['source', 'note']);
  });

  test('the User Manager hears of accounts and sessions, and nothing of devices and health', () => {
    expect(marksIn(front.upstreams.arrived, { ...health, device: watch.deviceId, ...unrelated })).toEqual([]);
    expect(marksIn(front.upstreams.arrived, { sid, email: person.email })).toEqual(['sid', 'email']);
  });

  test('control: a header that is forwarded would be found', () => {
    expect(marksIn([...deviceManager.arrived, { method: 'GET', url: new URL('http://upstream/'), headers: { cookie: `sid=${sid}` }, bytes: Buffer.alloc(0) }], { sid })).toEqual(['sid']);
  });
});

describe('H10 of what the Device Manager keeps', () => {
  const kept = { source: mark('source'), note: mark('note'), device: mark('device'), deviceName: mark('watch') };
  let vitalgate: TestVitalgate;
  let monitoring: TherapyMonitoringPlayer;
  let anna: { readonly id: string; readonly username: string };
  let cookie: string;
  beforeAll(async () => {
    monitoring = await startTherapyMonitoring();
    vitalgate = await startTestVitalgate({ TMM_SERVICE_URL: monitoring.url });
    const user = await vitalgate.addUser({ username: mark('anna') });
    anna = user;
    monitoring.readPrototypes((await (await fetch(`${vitalgate.urls.deviceManager}/prototypes`)).json()) as PrototypeSchema[]);
    monitoring.addPlan({ _id: randomUUID(), planName: 'Pulse', prototypeId: 'heart-rate', patientId: anna.id, doctorId: 'd', startDate: '2024-01-01T00:00:00.000Z' });
    cookie = await vitalgate.signIn(user);
    const post = (path: string, body: unknown) => fetch(`${vitalgate.urls.bff}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', cookie }, body: JSON.stringify(body) });
    await post('/devices/assign', { deviceId: kept.device, deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: kept.deviceName });
    const at = '2024-07-01T10:00:00Z';
    const sample = (type: string, unit: string, value: number) => ({ id: randomUUID().toUpperCase(), type, unit, value, startDate: at, endDate: at, sourceName: kept.source, metadata: { note: kept.note } });
    // No plan asks for steps.
    expect((await post('/health-data', [sample('HeartRate', 'bpm', 71.82649137), sample('StepCount', 'count', 4711.82649137)])).status).toBe(200);
    for (const end = Date.now() + 30_000; monitoring.written.length === 0 && Date.now() < end; ) await sleep(50);
  }, 60_000);
  afterAll(async () => {
    await vitalgate.stop();
    await monitoring.kill();
  }, 60_000);

  test('the Therapy and Monitoring Manager gets what a plan asks for, member by member, and nothing else', () => {
    const detections = monitoring.arrived.filter(({ method }) => method === 'POST').flatMap(({ bytes }) => [JSON.parse(bytes.toString())].flat() as Record<string, unknown>[]);
    expect(detections).toHaveLength(1);
    expect(detections[0]).toEqual({
      planType: 'monitoring', planId: expect.any(String), patientId: anna.id, deviceId: kept.device, observedAt: '2024-07-01T10:00:00.000Z',
      value: { period: expect.any(Object), observations: [expect.objectContaining({ code: 'https://loinc.org/8867-4', value: 71.82649137 })] },
    });
    const { device, ...others } = kept;
    expect(marksIn(monitoring.arrived, { ...others, name: anna.username, sid: cookie.replace('sid=', ''), serviceToken: vitalgate.serviceToken, steps: '4711.82649137' })).toEqual([]);
    expect(headerNamesIn(monitoring.arrived).filter((name) => !TRANSPORT.includes(name))).toEqual(['idempotency-key']);
    // Control: the device, which a plan may ask for, is found by the same search.
    expect(marksIn(monitoring.arrived, { device })).toEqual(['device']);
  });
});
