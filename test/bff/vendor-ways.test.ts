import { afterEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Ways } from '../players/foreign-upstreams.ts';
import { appWith, cookieOf, heartRate, signedIn, type App, type Receipt } from './app.ts';
import { json, problemIn, startFront, stopFronts, watch } from './front.ts';

const upload = async (app: App, items: readonly object[]) => (await (await app.post('/health-data?type=HeartRate&unit=bpm', items)).json()) as Receipt;

afterEach(stopFronts);

describe('whatever the ways of the vendor', () => {
  test.each<[string, Partial<Ways>]>([
    ['the cookie has its attributes in another order', { cookieAttributes: 'Secure; HttpOnly; Max-Age=86400; Path=/' }],
    ['the cookie has no age', { cookieAttributes: 'Path=/' }],
    ['people have identifiers of 32 digits', { userId: '32 hex' }],
    ['people have no record in the CRUD', { userId: 'none' }],
    ['refusals tell their status as text', { statusCode: 'text' }],
    ['empty answers have no content type', { labelsEmptyAnswers: false }],
    ['there is no signing out', { signsOutByGet: false }],
    ['a device of somebody else is a bad request', { deviceTaken: 400 }],
  ])('where %s, a person signs in, enrols, uploads, reads, releases and signs out', async (_way, ways) => {
    const { upstreams, url } = await startFront(ways);
    const ben = upstreams.users.add('ben', 'right');
    const [app, bens] = [await signedIn(url, 'anna', 'right'), await signedIn(url, 'ben', 'right')];
    const enrolled = await app.post('/devices/assign', watch);
    expect(enrolled.status).toBe(200);
    const { _id } = (await enrolled.json()) as { _id: string };
    expect(await (await app.post('/devices/assign', watch)).json()).toEqual({ _id });
    expect(await problemIn(await bens.post('/devices/assign', watch))).toEqual([409, 'device-already-assigned']);
    expect(await upload(bens, [heartRate(randomUUID(), 0)])).toMatchObject({ created: 1 });
    expect(await (await bens.get('/health-data')).json()).toMatchObject([{ patientId: ben._id ?? ben.authUserId, state: 'normalized' }]);
    expect(await (await app.get('/health-data')).json()).toEqual([]);
    expect(await (await bens.get('/chart-data?normalizedDataType=heart-rate')).json()).toMatchObject([{ data: [{ y: 71 }] }]);
    for (const status of [204, 404]) expect((await app.send(`/devices/${_id}/unassign`, { method: 'POST' })).status).toBe(status);
    const out = await app.send('/logout', { method: 'POST' });
    expect([out.status, cookieOf(out)]).toEqual([204, 'sid=']);
  });

  test.each<[string, Partial<Ways>, number, string]>([
    ['403', {}, 401, 'sign-in-failed'],
    ['500 with the words of its identity provider', { wrongPassword: 500 }, 503, 'upstream-unavailable'],
  ])('a wrong password that is answered %s', async (_answer, ways, status, code) => {
    const { url } = await startFront(ways);
    expect(await problemIn(await appWith(url, '').post('/oauth/token', { username: 'anna', password: 'wrong' }))).toEqual([status, code]);
  });

  test.each([400, 403, 404] as const)('a person without a record of authentication, told so with %i, is not signed in', async (notLogged) => {
    const { upstreams, url } = await startFront({ notLogged });
    upstreams.users.add('unlinked', 'right');
    const app = await signedIn(url, 'unlinked', 'right');
    expect(await problemIn(await app.get('/profile'))).toEqual([401, 'unauthenticated']);
  });
});

describe('records of other vendors', () => {
  const withRecords = async (records: readonly object[]) => {
    const { upstreams, url, lines } = await startFront({ userId: 'none' }, {});
    const app = await signedIn(url, 'anna', 'right');
    upstreams.replace('GET /health-data', json(200, records));
    return { answer: await app.get('/health-data'), lines };
  };

  test.each<[string, object, object]>([
    ['no more than an identifier', { _id: 'x' }, { _id: 'x', state: 'received' }],
    ['members that are null', { _id: 'x', deviceId: null, normalizedData: null }, { _id: 'x', state: 'received' }],
    ['members unknown to us', { _id: 'x', tenant: 'north', __v: 3 }, { _id: 'x', state: 'received' }],
    ['known members of another type', { _id: 'x', ruleVersion: 'second', receivedAt: 1719820800, __STATE__: 'DRAFT' }, { _id: 'x', state: 'received' }],
    ['the body that was received', { _id: 'x', rawData: { value: 71 } }, { _id: 'x', state: 'received' }],
    [
      'more about an observation',
      { _id: 'x', normalizedData: { period: { startDate: '2024-07-01T00:00:00.000Z', zone: 'UTC' }, observations: [{ code: 'c', name: 'n', unit: 'u', unitCode: 'u', value: 1, category: 'vital-signs' }] } },
      { _id: 'x', state: 'normalized', normalizedData: { period: { startDate: '2024-07-01T00:00:00.000Z' }, observations: [{ code: 'c', name: 'n', unit: 'u', unitCode: 'u', value: 1 }] } },
    ],
    ['an observation we cannot answer', { _id: 'x', normalizedData: { observations: [{ code: 'c' }] } }, { _id: 'x', state: 'normalized' }],
  ])('with %s are answered as far as they fit', async (_situation, record, answered) => {
    const { answer } = await withRecords([record]);
    expect([answer.status, await answer.json()]).toEqual([200, [answered]]);
  });

  test.each<[string, object]>([
    ['have no identifier', { deviceId: 'apple-12345' }],
    ['have a number for one', { _id: 17 }],
    ['belong to another patient', { _id: 'x', patientId: 'somebody' }],
  ])('that %s are an invalid answer of the upstream', async (_situation, record) => {
    expect(await problemIn((await withRecords([{ _id: 'good' }, record])).answer)).toEqual([502, 'upstream-invalid']);
  });
});

describe('429 of an upstream', () => {
  test.each([
    ['17', '17'], ['0', '1'], ['86400', '3600'], ['soon', '2'], ['Wed, 21 Oct 2026 07:28:00 GMT', '2'], [undefined, '2'],
  ])('that says Retry-After: %s is handed on with %s', async (told, seconds) => {
    const { upstreams, url } = await startFront();
    const app = await signedIn(url, 'anna', 'right');
    const busy = json(429, { statusCode: 429, error: 'Too Many Requests', message: 'Rate limit exceeded' }, told === undefined ? {} : { 'retry-after': told });
    for (const operation of ['GET /health-data', 'GET /devices', 'POST /devices/assign', 'GET /chart-data', 'POST /oauth/token', 'POST /logout', 'POST /devices/x/unassign']) upstreams.replace(operation, busy);
    const asks: readonly (() => Promise<Response>)[] = [
      () => app.get('/health-data'), () => app.get('/devices'), () => app.post('/devices/assign', watch), () => app.get('/chart-data?normalizedDataType=heart-rate'),
      () => app.post('/health-data', [heartRate(randomUUID(), 0)]), () => app.post('/health-data/json', [heartRate(randomUUID(), 0)]), () => app.send('/devices/x/unassign', { method: 'POST' }),
      () => appWith(url, '').post('/oauth/token', { username: 'anna', password: 'right' }), () => app.send('/logout', { method: 'POST' }),
    ];
    for (const ask of asks) {
      const answer = await ask();
      expect(answer.headers.get('retry-after')).toBe(seconds);
      expect(await problemIn(answer)).toEqual([429, 'too-many-requests']);
    }
    upstreams.replace('GET /userinfo', busy);
    expect(await problemIn(await appWith(url, 'sid=never-seen').get('/profile'))).toEqual([429, 'too-many-requests']);
  });
});
