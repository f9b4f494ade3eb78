import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pino from 'pino';
import { createBff } from '../../src/bff/service.ts';
import type { Service } from '../../src/http/service.ts';
import { startForeignUpstreams, type ForeignUpstreams, type ForeignUser } from '../players/foreign-upstreams.ts';
import { appWith, cookieOf, heartRate, signedIn, type App, type Receipt } from './app.ts';

const ids = ['B9480B59-3A05-416C-97CF-E0DE431ADCB5', '5013ECA7-4AEE-45AF-83C1-DBE3696B2E51', '5D1C4F0B-87A5-4E4C-9E0A-3B9B6C7D8E9F'] as const;

describe('the BFF in front of upstreams of another vendor', () => {
  const lines: string[] = [];
  let upstreams: ForeignUpstreams;
  let bff: Service;
  let url: string;
  let app: App;
  let anna: ForeignUser;

  beforeAll(async () => {
    upstreams = await startForeignUpstreams({ cookieAttributes: 'Domain=elsewhere.example; SameSite=None; Max-Age=1800; Path=/' });
    anna = upstreams.users.add('anna', 'right', { 'https://vendor.example/claims/clinic': 'north', name: null });
    bff = createBff({
      deviceManagerUrl: upstreams.url, userManagerUrl: upstreams.url, serviceToken: 's'.repeat(40), userIdHeader: 'miauserid', secureCookies: true,
      log: pino({ level: 'info' }, { write: (line) => lines.push(line) }), version: '0.0.0', validateResponses: true,
    });
    ({ url } = await bff.listen(0, '127.0.0.1'));
    app = await signedIn(url, 'anna', 'right');
  });
  afterEach(() => void upstreams.arrived.splice(0));
  afterAll(async () => {
    await bff.stop();
    await upstreams.stop();
  });

  const arrivedAt = (path: string) => upstreams.arrived.filter((one) => one.url.pathname === path);
  const upload = (body: string, query = '') =>
    app.send(`/health-data${query}`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-request-id': 'upload-00001' }, body });

  test('signing in asks for a cookie and hands it on under attributes of our own', async () => {
    const answer = await appWith(url, '').post('/oauth/token', { username: 'anna', password: 'right' });
    expect(arrivedAt('/oauth/token')[0]?.headers['client-type']).toBe('website');
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    expect(answer.headers.getSetCookie()).toEqual([`sid=${String(upstreams.users.credentials().at(-1))}; Path=/; Max-Age=1800; HttpOnly; SameSite=Lax; Secure`]);
  });

  test('wrong credentials, which the vendor answers 403, are 401 here', async () => {
    const answer = await appWith(url, '').post('/oauth/token', { username: 'anna', password: 'wrong' });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ code: 'sign-in-failed' });
    expect(cookieOf(answer)).toBe('');
  });

  test('the profile is handed on with the claims of the vendor, but for those that our contract has another type for', async () => {
    const profile = (await (await app.get('/profile')).json()) as object;
    expect(profile).toMatchObject({ sub: anna.authUserId, _id: anna._id, nickname: 'anna', authUserId: anna.authUserId, 'https://vendor.example/claims/clinic': 'north' });
    // What OpenID Connect has as a number is a text there, and nobody gave a name: neither fits, and neither costs the profile.
    for (const misfit of ['name', 'updated_at']) expect(profile).not.toHaveProperty(misfit);
  });

  test('an upload with nothing refused is forwarded byte by byte, for the session’s patient, with query and request id', async () => {
    const body = `[ ${JSON.stringify(heartRate(ids[0], 0))} ,\n ${JSON.stringify(heartRate(ids[1], 1)).replace('71', '7.10e1')} ]`;
    const answer = await upload(body, '?type=HeartRate&unit=count%2Fmin&deviceId=apple-12345');
    expect(await answer.json()).toMatchObject({ received: 2, created: 2, duplicates: 0, rejected: 0, anchor: { safeToAdvance: true } });
    const [forwarded] = arrivedAt('/health-data/healthkit/healthkitstandard-json');
    expect(forwarded?.bytes.toString()).toBe(body);
    expect(Object.fromEntries(forwarded?.url.searchParams ?? [])).toEqual({ type: 'HeartRate', unit: 'count/min', deviceId: 'apple-12345' });
    expect(forwarded?.headers).toMatchObject({ authorization: `Bearer ${'s'.repeat(40)}`, miauserid: anna._id, prefer: 'return=representation', 'x-request-id': 'upload-00001' });
    expect(forwarded?.headers.cookie).toBeUndefined();
  });

  test('accepted samples around a refused one keep their bytes and their positions', async () => {
    const [first, second, third] = [heartRate(ids[0], 0), heartRate(ids[1], 1, { endDate: '2020-01-01T00:00:00Z' }), heartRate(ids[2], 2)].map((item) => JSON.stringify(item, null, 1));
    const receipt = (await (await upload(`[${first},${second}, ${third}]`)).json()) as Receipt;
    expect(arrivedAt('/health-data/healthkit/healthkitstandard-json')[0]?.bytes.toString()).toBe(`[${first},${third}]`);
    expect(receipt).toMatchObject({ received: 3, created: 2, rejected: 1, anchor: { safeToAdvance: true } });
    expect(receipt.items.map(({ index, status }) => [index, status])).toEqual([[0, 'created'], [1, 'rejected'], [2, 'created']]);
    expect(receipt.items[2]?._id).toBe(upstreams.records.at(-1)?._id);
    expect(receipt.items[2]?._id).toMatch(/^[0-9a-f]{24}$/);
  });

  test.each([
    ['names its device', '', heartRate(ids[0], 0, { deviceId: ' watch ' })],
    ['names another device than the batch', '?deviceId=phone', heartRate(ids[0], 0, { deviceId: 'watch' })],
    ['names none', '', heartRate(ids[0], 0)],
  ])('a sample that %s is accepted where devices are not listed, and the log says that enrolment was not checked', async (_situation, query, item) => {
    lines.splice(0);
    expect(await (await upload(JSON.stringify([item]), query)).json()).toMatchObject({ created: 1, rejected: 0 });
    expect(lines.join('')).toContain('enrolment is not checked');
  });

  test('items that are no objects are refused one by one where devices are not listed', async () => {
    const receipt = (await (await upload('[null, 1, [], "x"]')).json()) as Receipt;
    expect(receipt.items.map(({ error }) => [error?.code, error?.pointer])).toEqual(['/0', '/1', '/2', '/3'].map((pointer) => ['invalid-item', pointer]));
  });

  test('nothing is forwarded when nothing is left', async () => {
    for (const body of ['[]', '[null]']) expect((await upload(body)).status).toBe(200);
    expect(arrivedAt('/health-data/healthkit/healthkitstandard-json')).toEqual([]);
  });

  test('enrolling forces the session’s patient', async () => {
    await app.post('/devices/assign', { deviceId: 'apple-12345', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' });
    expect(JSON.parse(String(arrivedAt('/devices/assign')[0]?.bytes))).toMatchObject({ assignedPatientId: anna._id });
  });

  test('an upstream that lists no devices makes an empty list', async () => {
    expect(await (await app.get('/devices')).json()).toEqual([]);
  });

  test('a session is asked for once a second at most, and forgotten at sign-out', async () => {
    await Promise.all([1, 2, 3, 4].map(() => app.get('/profile')));
    expect(arrivedAt('/userinfo').length).toBeLessThanOrEqual(1);
    const out = await app.send('/logout', { method: 'POST' });
    expect(out.headers.getSetCookie()).toEqual(['sid=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax; Secure']);
    upstreams.arrived.splice(0);
    await app.get('/profile');
    expect(arrivedAt('/userinfo')).toHaveLength(1);
  });
});
