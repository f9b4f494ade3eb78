import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { request } from 'node:http';
import { createSourceReader } from '../../src/http/request-source.ts';
import { cookieOf } from '../bff/app.ts';
import { meantBy, placesOf, specifications } from '../contract/specifications.ts';
import { startFront, stopFronts, watch, type Front } from '../bff/front.ts';

const appOrigin = 'https://app.example.org';
const publicUrl = 'https://health.example.org';

/** What an answer says, and what reached the services behind. */
interface Outcome {
  readonly status: number;
  readonly code: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

const send = (url: string, method: string, headers: Record<string, string>, body?: string) =>
  new Promise<Outcome>((resolve, reject) => {
    const out = request(url, { method, headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }) } }, (answer) => {
      answer.toArray().then((chunks) => {
        const text = Buffer.concat(chunks as Buffer[]).toString();
        resolve({ status: answer.statusCode ?? 0, code: text.startsWith('{') ? (JSON.parse(text) as { code?: string }).code : undefined, headers: answer.headers });
      }, reject);
    });
    out.on('error', reject).end(body);
  });

describe('pages of others', () => {
  let front: Front;
  let cookie: string;
  beforeAll(async () => {
    front = await startFront({}, { publicUrl, allowedOrigins: [appOrigin, 'capacitor://localhost'] });
    cookie = cookieOf(await fetch(`${front.url}/oauth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username: 'anna', password: 'right' }) }));
  }, 60_000);
  afterAll(stopFronts);

  const self = () => new URL(front.url);
  const effects = () => front.upstreams.arrived.filter(({ method, url }) => method !== 'GET' || url.pathname === '/users/').length;
  const operations: readonly [string, string, () => Record<string, string>, string | undefined][] = [
    ['enrolling with the cookie', '/devices/assign', () => ({ cookie }), JSON.stringify(watch)],
    ['signing in', '/oauth/token', () => ({}), JSON.stringify({ username: 'anna', password: 'right' })],
    ['asking for a link', '/reset-password', () => ({}), JSON.stringify({ email: 'anna@example.org' })],
    ['setting a password', '/reset-password/confirm', () => ({}), JSON.stringify({ token: 'x', password: 'five oars and a paper boat' })],
    ['changing a password', '/change-password', () => ({ cookie }), JSON.stringify({ currentPassword: 'right', password: 'five oars and a paper boat' })],
    ['signing out', '/logout', () => ({ cookie: 'sid=ended' }), undefined],
  ];
  const foreign: readonly [string, () => Record<string, string>][] = [
    ['another site', () => ({ origin: 'https://evil.test' })],
    ['no origin at all, as they say', () => ({ origin: 'null' })],
    ['another port of ours', () => ({ origin: `http://${self().hostname}:${String(Number(self().port) + 1)}` })],
    ['http, where we are https', () => ({ origin: publicUrl.replace('https', 'http') })],
    ['https, where we are http', () => ({ origin: front.url.replace('http', 'https') })],
    ['a file', () => ({ origin: 'file://' })],
    ['a name that ends like ours', () => ({ origin: 'https://evil-health.example.org' })],
    ['a name that leads here, as after DNS rebinding', () => ({ origin: `http://evil.test:${self().port}`, host: `evil.test:${self().port}` })],
    ['a host that was forwarded', () => ({ origin: 'https://evil.test', 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'https' })],
    ['another site, told by the browser alone', () => ({ 'sec-fetch-site': 'cross-site' })],
    ['another origin of this site, told by the browser alone', () => ({ 'sec-fetch-site': 'same-site' })],
    ['ours, as they say, while the browser says another site', () => ({ origin: front.url, 'sec-fetch-site': 'cross-site' })],
  ];

  describe.each(foreign)('C1, C2 of %s', (_page, headersOf) => {
    test.each(operations)('%s is refused, and nothing reaches the services behind', async (_what, path, credential, body) => {
      const before = effects();
      const { status, code, headers } = await send(`${front.url}${path}`, 'POST', { ...credential(), ...headersOf() }, body);
      expect([status, code, headers['set-cookie']]).toEqual([403, 'foreign-origin', undefined]);
      expect(effects()).toBe(before);
    });
  });

  const own: readonly [string, () => Record<string, string>][] = [
    ['an app without a browser', () => ({})],
    ['the page at the address itself', () => ({ origin: front.url, 'sec-fetch-site': 'same-origin' })],
    ['the page at localhost', () => ({ origin: `http://localhost:${self().port}`, host: `localhost:${self().port}` })],
    ['the page at the public address', () => ({ origin: publicUrl, 'sec-fetch-site': 'same-origin' })],
    ['an app that was allowed', () => ({ origin: appOrigin, 'sec-fetch-site': 'cross-site' })],
    ['an app that was allowed, of a scheme of its own', () => ({ origin: 'capacitor://localhost' })],
    ['somebody who typed the address', () => ({ 'sec-fetch-site': 'none' })],
  ];

  describe.each(own)('C1 control: of %s', (_page, headersOf) => {
    test.each(operations)('%s is not refused for its page', async (_what, path, credential, body) => {
      const before = effects();
      const { code } = await send(`${front.url}${path}`, 'POST', { ...credential(), ...headersOf() }, body);
      expect(code).not.toBe('foreign-origin');
      if (path !== '/logout') expect(effects()).toBeGreaterThan(before);
    });
  });

  test('C1 reading is open to links from anywhere', async () => {
    expect((await send(`${front.url}/profile`, 'GET', { cookie, origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' })).status).toBe(200);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', ''])('C3 a body of the type "%s", which forms can send, is refused', async (type) => {
    for (const [path, credential] of [['/oauth/token', {}], ['/devices/assign', { cookie }], ['/reset-password', {}]] as const) {
      const answer = await send(`${front.url}${path}`, 'POST', { ...credential, 'content-length': '2', ...(type !== '' && { 'content-type': type }) }, undefined).catch(() => ({ status: 0 }));
      expect({ path, status: answer.status }).toEqual({ path, status: 415 });
    }
  });

  test.each<[string, string, string | undefined]>([['an app that was allowed', appOrigin, appOrigin], ['another site', 'https://evil.test', undefined], ['no origin', 'null', undefined]])('C4 answers to %s', async (_page, origin, allowed) => {
    const [asked, read] = [
      await send(`${front.url}/devices/assign`, 'OPTIONS', { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }),
      await send(`${front.url}/profile`, 'GET', { origin, cookie }),
    ];
    for (const { headers } of [asked, read]) {
      expect([headers['access-control-allow-origin'], headers['access-control-allow-credentials'], headers['vary']]).toEqual([allowed, allowed && 'true', 'Origin']);
    }
    expect([asked.status, asked.headers['access-control-allow-methods']]).toEqual(allowed === undefined ? [405, undefined] : [204, 'GET, POST, PATCH, DELETE']);
  });

  test('C4 an app that was allowed can send every header that the specification of the BFF declares', async () => {
    const { headers } = await send(`${front.url}/health-data`, 'OPTIONS', { origin: appOrigin, 'access-control-request-method': 'POST' });
    const sendable = String(headers['access-control-allow-headers']).split(', ');
    const declared = specifications.filter(({ service }) => service === 'bff').flatMap(({ spec }) => spec.operations.flatMap(({ parameters }) => parameters.filter((one) => one.in === 'header').map(({ name }) => name.toLowerCase())));
    expect(declared).toContain('vitalgate-expected-user');
    // Fetch: scripts set neither; the browser does.
    const others = ['accept-encoding', 'cookie'];
    expect(declared.filter((name) => !others.includes(name) && !sendable.includes(name))).toEqual([]);
  });

  test.each(specifications)('C4 an app that was allowed can read every header that the specification of $service declares', async ({ spec }) => {
    const { headers } = await send(`${front.url}/profile`, 'GET', { origin: appOrigin, cookie });
    const readable = String(headers['access-control-expose-headers']).split(', ');
    const declared = [...placesOf(spec.document)].filter(({ pointer }) => /\/responses\/[^/]+$/.test(pointer)).flatMap(({ node }) => Object.keys(meantBy(spec, node)['headers'] ?? {}));
    // Fetch: scripts read some of any answer, and cookies of none; a policy is for the page that it came with.
    const others = ['cache-control', 'content-length', 'set-cookie', 'content-security-policy'];
    expect([...new Set(declared.map((name) => name.toLowerCase()))].filter((name) => !others.includes(name) && !readable.includes(name))).toEqual([]);
    expect(declared).toContain('Link');
  });

  test('C5 reading asks the services behind for nothing but reading', async () => {
    const before = front.upstreams.arrived.length;
    for (const path of ['/profile', '/devices', '/health-data', '/limits', '/reset-password', '/logout', '/oauth/token', '/-/healthz']) await send(`${front.url}${path}`, 'GET', { cookie });
    expect([...new Set(front.upstreams.arrived.slice(before).map(({ method }) => method))]).toEqual(['GET']);
    await send(`${front.url}/devices/assign`, 'POST', { cookie }, JSON.stringify(watch));
    expect(front.upstreams.arrived.at(-1)?.method).toBe('POST');
  });

  test('D4 identity headers from outside do not reach the services behind', async () => {
    const names = ['x-user-id', 'miauserid', 'miausergroups', 'x-forwarded-user', 'x-forwarded-email', 'x-remote-user', 'x-auth-request-user', 'isbackoffice', 'client-type', 'x-service-token', 'x-forwarded-for', 'forwarded', 'x-api-key', 'authorization'];
    const planted = Object.fromEntries(names.map((name) => [name, 'planted']));
    const before = front.upstreams.arrived.length;
    const requests = [['GET', '/profile'], ['GET', '/devices'], ['GET', '/health-data'], ['POST', '/devices/assign', JSON.stringify(watch)], ['POST', '/oauth/token', JSON.stringify({ username: 'anna', password: 'right' })], ['POST', '/reset-password', '{"email":"anna@example.org"}']] as const;
    for (const [method, path, body] of requests) await send(`${front.url}${path}`, method, { cookie, ...planted }, body);
    const arrived = front.upstreams.arrived.slice(before);
    expect(arrived.length).toBeGreaterThanOrEqual(requests.length - 1);
    expect(arrived.filter(({ headers }) => JSON.stringify(headers).includes('planted'))).toEqual([]);
    // What the BFF itself says does arrive there.
    expect(arrived.some(({ headers }) => typeof headers['miauserid'] === 'string')).toBe(true);
  });
});

describe('B6 where a request comes from', () => {
  const proxies = ['10.0.0.0/8', 'fd00::/8'];
  const tokens = ['t'.repeat(40)];
  test.each<[string, { remoteAddress?: string; forwarded?: string; proof?: string }, string]>([
    ['a peer', { remoteAddress: '192.0.2.7' }, '192.0.2.7'],
    ['a peer that listens on both', { remoteAddress: '::ffff:192.0.2.7' }, '192.0.2.7'],
    ['a peer that claims to forward', { remoteAddress: '192.0.2.7', forwarded: '198.51.100.1' }, '192.0.2.7'],
    ['a client behind a proxy', { remoteAddress: '10.0.0.1', forwarded: '198.51.100.1' }, '198.51.100.1'],
    ['a client that plants an address before the proxy', { remoteAddress: '10.0.0.1', forwarded: '203.0.113.9, 198.51.100.1' }, '198.51.100.1'],
    ['a client behind two proxies', { remoteAddress: '10.0.0.1', forwarded: '203.0.113.9, 198.51.100.1, 10.1.1.1' }, '198.51.100.1'],
    ['a proxy that writes ports', { remoteAddress: '10.0.0.1', forwarded: '198.51.100.1:4711' }, '198.51.100.1'],
    ['a proxy that writes nothing', { remoteAddress: '10.0.0.1' }, '10.0.0.1'],
    ['a proxy that writes no address', { remoteAddress: '10.0.0.1', forwarded: 'unknown' }, '10.0.0.1'],
    ['a network of IPv6', { remoteAddress: '2001:db8:1:2:3:4:5:6' }, '2001:db8:1:2::/64'],
    ['a network of IPv6 behind a proxy', { remoteAddress: 'fd00::1', forwarded: '[2001:db8::7]:443' }, '2001:db8:0:0::/64'],
    ['a service of ours', { remoteAddress: '192.0.2.7', forwarded: '198.51.100.1', proof: 't'.repeat(40) }, '198.51.100.1'],
    ['who poses as one', { remoteAddress: '192.0.2.7', forwarded: '198.51.100.1', proof: 'x'.repeat(40) }, '192.0.2.7'],
    ['a client of a service of ours, whose address is a proxy', { remoteAddress: '192.0.2.7', forwarded: '10.0.0.1', proof: 't'.repeat(40) }, '10.0.0.1'],
  ])('%s', (_situation, { remoteAddress, forwarded, proof }, source) => {
    const headers = { ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }), ...(proof !== undefined && { 'x-service-token': proof }) };
    expect(createSourceReader({ trustedProxies: proxies, serviceTokens: tokens })({ headers, remoteAddress })).toBe(source);
  });
});
