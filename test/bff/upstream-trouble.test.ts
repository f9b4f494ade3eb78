import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pino from 'pino';
import { createBff } from '../../src/bff/service.ts';
import type { Service } from '../../src/http/service.ts';
import { appWith, heartRate, signedIn, type App } from './app.ts';
import { startForeignUpstreams, type Answer, type ForeignUpstreams } from '../players/foreign-upstreams.ts';

const json = (status: number, value: unknown): Answer => ({ status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });

const troubles: readonly (readonly [string, Answer | 'nothing', number, string])[] = [
  ['breaks off', 'nothing', 503, 'upstream-unavailable'],
  ['answers 500', json(500, {}), 503, 'upstream-unavailable'],
  ['answers a page of its proxy', { status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>Bad gateway</h1>' }, 503, 'upstream-unavailable'],
  ['answers what is not JSON', { status: 200, headers: { 'content-type': 'application/json' }, body: '{"half":' }, 502, 'upstream-invalid'],
  ['answers a page', { status: 200, headers: { 'content-type': 'text/html' }, body: '<p>Welcome</p>' }, 502, 'upstream-invalid'],
  ['answers another shape', json(200, { surprise: true }), 502, 'upstream-invalid'],
  ['redirects', { status: 302, headers: { location: 'http://127.0.0.1:9/' } }, 502, 'upstream-invalid'],
  ['refuses our request', json(400, { message: 'no' }), 502, 'upstream-invalid'],
  ['refuses our credential', json(403, { message: 'no' }), 502, 'upstream-invalid'],
];

type Ask = (app: App) => Promise<Response>;
const operations: readonly (readonly [string, string, Ask])[] = [
  ['uploading', 'POST /health-data/healthkit/healthkitstandard-json', (app) => app.post('/health-data', [heartRate('B9480B59-3A05-416C-97CF-E0DE431ADCB5', 0)])],
  ['enrolling', 'POST /devices/assign', (app) => app.post('/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'healthkit' })],
  ['listing devices', 'GET /devices', (app) => app.get('/devices')],
  ['listing samples', 'GET /health-data', (app) => app.get('/health-data')],
  ['charting', 'GET /chart-data', (app) => app.get('/chart-data?normalizedDataType=heart-rate')],
];

describe('trouble behind the BFF', () => {
  let upstreams: ForeignUpstreams;
  const started: Service[] = [];
  let url: string;
  let app: App;

  const startBff = async (deviceManagerUrl: string, userManagerUrl: string): Promise<string> => {
    const service = createBff({ deviceManagerUrl, userManagerUrl, serviceToken: 's'.repeat(40), userIdHeader: 'miauserid', secureCookies: false, log: pino({ level: 'silent' }), version: '0.0.0', validateResponses: true });
    started.push(service);
    return (await service.listen(0, '127.0.0.1')).url;
  };
  const expectTrouble = async (answer: Response, status: number, code: string) => {
    expect(await answer.json()).toMatchObject({ code, status, retryable: true });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'application/problem+json; charset=utf-8']);
    if (status === 503) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  };

  beforeAll(async () => {
    upstreams = await startForeignUpstreams();
    upstreams.users.add('anna', 'right');
    url = await startBff(upstreams.url, upstreams.url);
    app = await signedIn(url, 'anna', 'right');
  });
  afterEach(() => upstreams.restore());
  afterAll(async () => {
    await Promise.all(started.map((service) => service.stop()));
    await upstreams.stop();
  });

  const table = operations.flatMap(([doing, operation, ask]) => troubles.map(([trouble, ...rest]) => [doing, trouble, operation, ask, ...rest] as const));
  test.each(table)('%s while the Device Manager %s', async (_doing, _trouble, operation, ask, answer, status, code) => {
    upstreams.replace(operation, answer);
    await expectTrouble(await ask(app), status, code);
  });

  test.each(troubles.filter(([trouble]) => !trouble.startsWith('refuses our credential')))('signing in while the User Manager %s', async (_trouble, answer, status, code) => {
    upstreams.replace('POST /oauth/token', answer);
    await expectTrouble(await appWith(url, '').post('/oauth/token', { username: 'anna', password: 'right' }), status, code);
  });

  test.each(troubles.filter(([trouble]) => !trouble.startsWith('refuses our credential')))('a session cannot be judged while the User Manager %s: that is no 401', async (_trouble, answer, status, code) => {
    upstreams.replace('GET /userinfo', answer);
    await expectTrouble(await appWith(url, `sid=${_trouble.replaceAll(' ', '-')}`).get('/profile'), status, code);
  });

  test('an answer for another number of samples is not believed', async () => {
    upstreams.replace('POST /health-data/healthkit/healthkitstandard-json', json(200, []));
    await expectTrouble(await app.post('/health-data', [heartRate('B9480B59-3A05-416C-97CF-E0DE431ADCB5', 0)]), 502, 'upstream-invalid');
  });

  test('a device that was given back between vetting and keeping: the upload is vetted once more, then asked to come again', async () => {
    const operation = '/health-data/healthkit/healthkitstandard-json';
    upstreams.replace(`POST ${operation}`, json(409, { code: 'device-not-enrolled' }));
    const before = upstreams.arrived.length;
    await expectTrouble(await app.post('/health-data', [heartRate('B9480B59-3A05-416C-97CF-E0DE431ADCB5', 0)]), 503, 'upstream-unavailable');
    const asked = upstreams.arrived.slice(before).map(({ method, url: { pathname } }) => `${method} ${pathname}`);
    expect(asked.filter((one) => one === `POST ${operation}`)).toHaveLength(2);
    expect(asked.filter((one) => one === 'GET /devices')).toHaveLength(2);
  });

  test('the upstream’s Retry-After is handed on', async () => {
    upstreams.replace('GET /health-data', { ...json(503, {}), headers: { 'retry-after': '17' } });
    expect((await app.get('/health-data')).headers.get('retry-after')).toBe('17');
  });

  describe('an archive that the Device Manager does not send whole', () => {
    const broken = { status: 200, headers: { 'content-type': 'application/zip', 'content-length': '1000' }, breaksOff: true };
    /** The address of an archive at the Device Manager is known once it was asked for. */
    const replaceArchive = async (answer: Answer): Promise<void> => {
      await app.get('/exports/7/content');
      upstreams.replace(`GET ${upstreams.arrived.at(-1)?.url.pathname ?? ''}`, answer);
    };

    test('is a problem where nothing of it came', async () => {
      await replaceArchive(broken);
      const answer = await app.get('/exports/7/content');
      await expectTrouble(answer, 503, 'upstream-unavailable');
      expect(answer.headers.get('content-disposition')).toBeNull();
    });

    test('breaks off where a part of it came', async () => {
      await replaceArchive({ ...broken, body: 'PK' });
      const answer = await app.get('/exports/7/content');
      expect([answer.status, answer.headers.get('content-length')]).toEqual([200, '1000']);
      await expect(answer.text()).rejects.toThrow();
    });
  });

  test('nobody listens at the Device Manager’s address', async () => {
    const alone = await startBff('http://127.0.0.1:9', upstreams.url);
    const cut = await signedIn(alone, 'anna', 'right');
    for (const [, , ask] of operations) await expectTrouble(await ask(cut), 503, 'upstream-unavailable');
    const checkUp = await cut.get('/-/check-up');
    expect(checkUp.status).toBe(503);
    expect(await checkUp.json()).toMatchObject({ code: 'unavailable', detail: expect.stringContaining('device-manager') });
  });

  test('nobody listens at the User Manager’s address', async () => {
    const alone = await startBff(upstreams.url, 'http://127.0.0.1:9');
    await expectTrouble(await appWith(alone, '').post('/oauth/token', { username: 'anna', password: 'right' }), 503, 'upstream-unavailable');
    await expectTrouble(await appWith(alone, 'sid=anything').get('/profile'), 503, 'upstream-unavailable');
    expect((await appWith(alone, '').get('/profile')).status).toBe(401);
    expect((await appWith(alone, '').get('/-/healthz')).status).toBe(200);
  });
});
