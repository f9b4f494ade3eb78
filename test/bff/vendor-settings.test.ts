import { afterEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Answer, Ways } from '../players/foreign-upstreams.ts';
import { startTestVitalgate } from '../setup/vitalgate.ts';
import { appWith, cookieOf, heartRate, signedIn } from './app.ts';
import { json, problemIn, startFront, stopFronts, stopLater, watch } from './front.ts';

afterEach(stopFronts);

describe('CUSTOM_USER_ID_KEY', () => {
  const key = 'https://vendor.example/claims/patient';

  test.each<[string, Partial<Ways>, string | undefined, Record<string, unknown>, (user: { _id: string | undefined; authUserId: string }) => string | undefined]>([
    ['without it, the _id', {}, undefined, {}, ({ _id }) => _id],
    ['without it and without an _id, the sub', { userId: 'none' }, undefined, {}, ({ authUserId }) => authUserId],
    ['the claim it names', {}, key, { [key]: 'patient 17' }, () => 'patient 17'],
  ])('the patient’s id is, %s', async (_situation, ways, customUserIdKey, claims, idOf) => {
    const { upstreams, url } = await startFront(ways, { customUserIdKey });
    const ben = upstreams.users.add('ben', 'right', claims);
    await (await signedIn(url, 'ben', 'right')).post('/devices/assign', watch);
    expect(upstreams.arrived.at(-1)?.headers['miauserid']).toBe(idOf(ben));
  });

  test.each<[string, string, object]>([
    ['names nothing', key, {}],
    ['names what every object has', 'toString', {}],
    ['names a number', key, { [key]: 17 }],
    ['names an empty text', key, { [key]: '' }],
    ['names what no header carries', key, { [key]: 'a\r\nb' }],
    ['names more than an identifier', key, { [key]: 'x'.repeat(129) }],
  ])('nobody is taken for somebody when it %s: 502, and the log names the key', async (_situation, customUserIdKey, claims) => {
    const { url, lines } = await startFront({}, { customUserIdKey }, claims);
    const app = await signedIn(url, 'anna', 'right');
    expect(await problemIn(await app.get('/profile'))).toEqual([502, 'upstream-invalid']);
    expect(lines.join('')).toContain(`${customUserIdKey}, which CUSTOM_USER_ID_KEY names`);
  });
});

describe('CLIENT_TYPE', () => {
  test('another type for which the vendor sets a cookie is sent as it is', async () => {
    const { upstreams, url } = await startFront({}, { clientType: 'portal' });
    expect((await (await signedIn(url, 'anna', 'right')).get('/profile')).status).toBe(200);
    expect(upstreams.arrived[0]?.headers['client-type']).toBe('portal');
  });

  test.each<Ways['expireAt']>(['nanoseconds', 'seconds'])('a token answer with its expiry in %s becomes our cookie until it expires', async (expireAt) => {
    const { upstreams, url, lines } = await startFront({ expireAt }, { clientType: 'mobile' });
    const answer = await appWith(url, '').post('/oauth/token', { username: 'anna', password: 'right' });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
    const [, maxAge] = /^sid=[^;]+; Path=\/; Max-Age=(\d+); HttpOnly; SameSite=Lax$/.exec(answer.headers.getSetCookie()[0] ?? '') ?? [];
    expect(Number(maxAge)).toBeGreaterThan(3_500);
    expect(Number(maxAge)).toBeLessThanOrEqual(3_600);
    const app = appWith(url, cookieOf(answer));
    expect((await app.get('/profile')).status).toBe(200);
    const [token] = upstreams.users.credentials();
    expect(upstreams.arrived.at(-1)?.headers).toMatchObject({ authorization: `Bearer ${String(token)}` });
    expect(upstreams.arrived.at(-1)?.headers.cookie).toBeUndefined();
    expect((await app.send('/logout', { method: 'POST' })).status).toBe(204);
    expect((await app.get('/profile')).status).toBe(401);
    expect(lines.join('')).not.toContain(String(token));
  });

  test('a token presented at sign-in is ended, as a session is', async () => {
    const { upstreams, url } = await startFront({}, { clientType: 'mobile' });
    const app = await signedIn(url, 'anna', 'right');
    const [first] = upstreams.users.credentials();
    expect((await app.post('/oauth/token', { username: 'anna', password: 'right' })).status).toBe(200);
    expect(upstreams.users.credentials()).not.toContain(first);
    expect((await app.get('/profile')).status).toBe(401);
  });

  test.each<[string, Answer]>([
    ['a token for a client type that gets a cookie', json(200, { accessToken: 'abc' })],
    ['neither cookie nor token', { status: 200 }],
  ])('%s is 502, and the log says what to set', async (_situation, answer) => {
    const { upstreams, url, lines } = await startFront();
    upstreams.replace('POST /oauth/token', answer);
    expect(await problemIn(await appWith(url, '').post('/oauth/token', { username: 'anna', password: 'right' }))).toEqual([502, 'upstream-invalid']);
    expect(lines.join('')).toContain('CLIENT_TYPE must be one');
  });

  test.each([['that no cookie carries', `a;${'b'.repeat(20)}`], ['larger than a cookie', 'x'.repeat(3_801)]])('a token %s is 502', async (_situation, accessToken) => {
    const { upstreams, url } = await startFront({}, { clientType: 'mobile' });
    upstreams.replace('POST /oauth/token', json(200, { accessToken }));
    expect(await problemIn(await appWith(url, '').post('/oauth/token', { username: 'anna', password: 'right' }))).toEqual([502, 'upstream-invalid']);
  });

  test('a cookie that looks like a token stays a cookie where the client type gets cookies', async () => {
    const { upstreams, url } = await startFront();
    await appWith(url, 'sid=bearer:abc').get('/profile');
    expect(upstreams.arrived.at(-1)?.headers).toMatchObject({ cookie: 'sid=bearer:abc' });
    expect(upstreams.arrived.at(-1)?.headers.authorization).toBeUndefined();
  });

  test('a type that the vendor does not know opens nothing, and the log says why', async () => {
    const { url, lines } = await startFront({}, { clientType: 'unheard-of' });
    expect(await problemIn(await appWith(url, '').post('/oauth/token', { username: 'anna', password: 'right' }))).toEqual([401, 'sign-in-failed']);
    expect(lines.join('')).toContain('unheard-of, which CLIENT_TYPE names');
  });

  test('our own User Manager answers tokens to all but website, and the whole program works with them', async () => {
    const vitalgate = await startTestVitalgate({ CLIENT_TYPE: 'mobile' });
    stopLater(vitalgate.stop);
    const app = appWith(vitalgate.urls.bff, await vitalgate.signIn(await vitalgate.addUser()));
    expect((await app.post('/devices/assign', watch)).status).toBe(200);
    expect(await (await app.post('/health-data?type=HeartRate', [heartRate(randomUUID(), 0)])).json()).toMatchObject({ created: 1 });
    expect((await app.send('/logout', { method: 'POST' })).status).toBe(204);
    expect((await app.get('/profile')).status).toBe(401);
  });
});
