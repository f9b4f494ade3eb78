import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import userManager from '../../generated/user-manager.json' with { type: 'json' };
import { loadConfig } from '../../src/config.ts';
import { createSenderTokens } from '../../src/device-manager/sender-tokens.ts';
import { createUpstream } from '../../src/http/upstream.ts';
import { openMailer } from '../../src/user-manager/mail.ts';
import { startFront, stopFronts } from '../bff/front.ts';
import { startMailServer } from '../setup/mail-server.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';

const tls = (name: string) => readFileSync(join(import.meta.dirname, '..', 'fixtures', 'tls', name));

describe('what is sent', () => {
  let vitalgate: TestVitalgate;
  let cookie: string;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate({ PUBLIC_URL: 'https://health.example.org' });
    cookie = await vitalgate.signIn(await vitalgate.addUser());
  }, 60_000);
  afterAll(() => vitalgate.stop());

  const strict = {
    'cache-control': 'no-store', 'content-security-policy': "default-src 'none';frame-ancestors 'none'", 'cross-origin-opener-policy': 'same-origin', 'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer', 'strict-transport-security': 'max-age=31536000; includeSubDomains', 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY',
  };
  const policyOf = ({ headers }: Response) => Object.fromEntries(Object.keys(strict).map((name) => [name, headers.get(name)]));
  const ask = (service: 'bff' | 'deviceManager' | 'userManager', path: string, init: RequestInit = {}) => fetch(`${vitalgate.urls[service]}${path}`, { redirect: 'manual', ...init });
  const json = { 'content-type': 'application/json' };
  const asService = () => ({ authorization: `Bearer ${vitalgate.serviceToken}` });

  test.each<[string, () => Promise<Response>, number, string | null, object]>([
    ['an answer about a person', () => ask('bff', '/profile', { headers: { cookie } }), 200, 'application/json; charset=utf-8', {}],
    ['a refusal', () => ask('bff', '/profile'), 401, 'application/problem+json; charset=utf-8', {}],
    ['a path nobody knows', () => ask('bff', '/nowhere'), 404, 'application/problem+json; charset=utf-8', {}],
    ['a method nobody knows', () => ask('bff', '/profile', { method: 'PUT', headers: { cookie } }), 405, 'application/problem+json; charset=utf-8', {}],
    ['a body that is no JSON', () => ask('bff', '/oauth/token', { method: 'POST', headers: json, body: '{' }), 400, 'application/problem+json; charset=utf-8', {}],
    ['an answer without a body', () => ask('bff', '/reset-password', { method: 'POST', headers: json, body: '{"email":"nobody@example.org"}' }), 204, null, {}],
    ['the page to set a password', () => ask('bff', '/reset-password'), 200, 'text/html; charset=utf-8', { 'content-security-policy': expect.stringMatching(/^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; [^]*base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'/) }],
    ['the page of the documentation', () => ask('bff', '/documentation'), 200, 'text/html; charset=utf-8', { 'content-security-policy': expect.stringMatching(/default-src 'none'/) }],
    ['the health of a service', () => ask('bff', '/-/healthz'), 200, 'application/json; charset=utf-8', {}],
    ['metrics', () => ask('deviceManager', '/-/metrics'), 200, expect.stringMatching(/^text\/plain;.*charset=utf-8/) as unknown as string, {}],
    ['an OperationOutcome', () => ask('deviceManager', '/fhir/Observation/0', { headers: asService() }), 404, 'application/fhir+json; charset=utf-8', {}],
    ['people, for a service', () => ask('userManager', '/users', { headers: asService() }), 200, 'application/json; charset=utf-8', {}],
  ])('F3, F4, F6 %s has the headers of its class', async (_kind, send, status, type, more) => {
    const answer = await send();
    expect([answer.status, answer.headers.get('content-type'), policyOf(answer)]).toEqual([status, type, { ...strict, ...more }]);
    await answer.body?.cancel();
  });

  test('F4 what the documentation loads is open to caches, and nothing else is', async () => {
    const page = await (await ask('bff', '/documentation')).text();
    const [, path = ''] = /src="([^"]+\.js)"/.exec(page) ?? [];
    const script = await ask('bff', path.startsWith('/') ? path : `/documentation/${path}`);
    expect([script.status, script.headers.get('cache-control'), script.headers.get('x-content-type-options')]).toEqual([200, 'public, max-age=3600', 'nosniff']);
    await script.body?.cancel();
  });

  test('F5 no answer names the software or what happened inside', async () => {
    const answers = await Promise.all([
      ask('bff', '/profile'), ask('bff', '/%c0%ae'), ask('bff', '/oauth/token', { method: 'POST', headers: json, body: '{"username":1}' }), ask('userManager', '/users?_q=%7B', { headers: asService() }),
      ask('deviceManager', '/health-data?_q=%7B', { headers: asService() }), ask('deviceManager', '/health-data/medisante', { method: 'POST', headers: { ...json, 'x-api-key': 'x' }, body: '{}' }),
    ]);
    for (const answer of answers) {
      expect([answer.headers.get('x-powered-by'), answer.headers.get('server')]).toEqual([null, null]);
      expect(await answer.text()).not.toMatch(/\bat .*\.[jt]s:|node_modules|SELECT |select .* from|ECONN|Cannot read|\/src\/|express|postgres/);
    }
  });

  test('F3 over plain http on this machine, and without a public address, nothing promises https', async () => {
    const { url } = await startFront();
    expect((await fetch(`${url}/-/healthz`)).headers.get('strict-transport-security')).toBeNull();
    await stopFronts();
  });

  const raw = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const { port } = new URL(vitalgate.urls.bff);
      const socket = connect(Number(port), '127.0.0.1', () => socket.end(text));
      let said = '';
      socket.setEncoding('utf8').on('data', (piece: string) => (said += piece)).on('end', () => resolve(said)).on('error', reject);
    });

  test.each<[string, string, RegExp]>([
    ['one Host line', 'GET /-/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 200/],
    ['two Host lines on a page', 'GET /-/healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 400[^]*exactly one Host/],
    ['two Host lines on an operation', 'GET /profile HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 400[^]*exactly one Host/],
    ['no Host line', 'GET /-/healthz HTTP/1.1\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 400/],
    ['TRACE on an operation', 'TRACE /profile HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 405[^]*Allow: GET/i],
    ['TRACE on a page', 'TRACE /-/healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 405[^]*Allow: GET, HEAD/i],
    ['a method that HTTP does not have', 'STEAL /profile HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 400/],
  ])('E14 %s', async (_kind, request, expected) => {
    expect(await raw(request)).toMatch(expected);
  });
});

test.each<[string, string | undefined, boolean]>([['left out', undefined, true], ['1', '1', true], ['0', '0', false], ['empty', '', false]])('F7 NODE_TLS_REJECT_UNAUTHORIZED that is %s', (_situation, value, starts) => {
  const load = () => loadConfig({ ...(value !== undefined && { NODE_TLS_REJECT_UNAUTHORIZED: value }) });
  if (starts) expect(load().config.HOST).toBe('127.0.0.1');
  else expect(load).toThrow(/NODE_TLS_REJECT_UNAUTHORIZED would let anybody pose/);
});

test.each<[string, boolean]>([['smtps://mail.example.org', true], ['smtps://mail.example.org/?tls.rejectUnauthorized=false', false]])('F7 a mail server at %s', (url, starts) => {
  const load = () => loadConfig({ SMTP_URL: url, PUBLIC_URL: 'https://health.example.org' });
  if (starts) expect(load().config.SMTP_URL).toBe(url);
  else expect(load).toThrow(/^.*\n {2}SMTP_URL switches off the check of certificates/);
});

describe('what is called', () => {
  const before = getCACertificates('default');
  beforeAll(() => setDefaultCACertificates([...before, tls('upstream/ca-cert.pem').toString()]));
  afterAll(() => setDefaultCACertificates(before));

  const certificates = {
    'of a CA that is trusted': { key: tls('upstream/good-key.pem'), cert: tls('upstream/good-cert.pem') },
    'that signed itself': { key: tls('first-key.pem'), cert: tls('first-cert.pem') },
    'that has expired': { key: tls('upstream/expired-key.pem'), cert: tls('upstream/expired-cert.pem') },
    'of another name': { key: tls('upstream/wrong-name-key.pem'), cert: tls('upstream/wrong-name-cert.pem') },
  } as const;
  type Situation = keyof typeof certificates;
  const situations = Object.keys(certificates) as Situation[];
  const good: Situation = 'of a CA that is trusted';

  /** Answers everything and counts it; `use` has it stopped at the end. */
  const withServer = async (answer: (request: IncomingMessage, response: ServerResponse) => void, situation: Situation | undefined, use: (url: string, arrived: () => number) => Promise<void>) => {
    let arrived = 0;
    const listener = (request: IncomingMessage, response: ServerResponse) => {
      arrived += 1;
      answer(request, response);
    };
    const server = situation === undefined ? createPlainServer(listener) : createServer(certificates[situation], listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await use(`${situation === undefined ? 'http' : 'https'}://127.0.0.1:${String((server.address() as AddressInfo).port)}`, () => arrived);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };
  const person = (_request: IncomingMessage, response: ServerResponse) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"sub":"anna"}');
  interface Paths { '/userinfo': { get: { responses: { 200: { content: { 'application/json': { sub: string } } } } } } }
  const callUserInfo = async (baseUrl: string, maxBytes = 10_000) => {
    const upstream = createUpstream<Paths>({ baseUrl, spec: userManager, timeoutMs: 5_000, maxBytes });
    try {
      return (await upstream.GET('/userinfo', { headers: { cookie: 'sid=secret' } })).data;
    } finally {
      await upstream.close();
    }
  };

  test.each(situations)('F7 a service with a certificate %s', async (situation) => {
    await withServer(person, situation, async (url, arrived) => {
      if (situation === good) expect(await callUserInfo(url)).toEqual({ sub: 'anna' });
      else await expect(callUserInfo(url)).rejects.toMatchObject({ code: 'upstream-unavailable' });
      expect(arrived()).toBe(situation === good ? 1 : 0);
    });
  });

  const token = [{ alg: 'ES256', kid: 'k' }, { iss: 'https://issuer.example.org', exp: 4_102_444_800 }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).concat('c2ln').join('.');
  const senderOf = (url: string) => createSenderTokens([{ issuer: 'https://issuer.example.org', jwksUrl: `${url}/jwks`, audience: 'a' }]).senderOf(token);
  const noKeys = (_request: IncomingMessage, response: ServerResponse) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"keys":[]}');

  test.each(situations)('F7 an issuer of tokens with a certificate %s', async (situation) => {
    await withServer(noKeys, situation, async (url, arrived) => {
      if (situation === good) expect(await senderOf(url)).toBeUndefined();
      else await expect(senderOf(url)).rejects.toMatchObject({ code: 'upstream-unavailable' });
      expect(arrived()).toBe(situation === good ? 1 : 0);
    });
  });

  test.each(situations)('F7 a mail server with a certificate %s', async (situation) => {
    const server = await startMailServer({ secure: true, ...certificates[situation] });
    const mailer = openMailer({ smtpUrl: server.url, from: 'clinic@example.org', folder: '/nowhere' });
    const sent = mailer.send({ to: 'anna@example.org', subject: 'Set a new password', text: 'link' });
    if (situation === good) await sent;
    else await expect(sent).rejects.toThrow(/certificate|self.signed|altnames/i);
    expect(server.delivered).toHaveLength(situation === good ? 1 : 0);
    mailer.close();
    await server.stop();
  });

  test('F7 a mail server on another machine that does not encrypt gets no mail, unless the URL says so', async () => {
    const server = await startMailServer();
    const { port } = new URL(server.url);
    const sendBy = (query: string) => openMailer({ smtpUrl: `smtp://[::ffff:127.0.0.1]:${port}/${query}`, from: 'clinic@example.org', folder: '/nowhere' }).send({ to: 'anna@example.org', subject: 's', text: 't' });
    await expect(sendBy('')).rejects.toThrow(/STARTTLS|TLS/);
    expect(server.delivered).toHaveLength(0);
    await sendBy('?ignoreTLS=true');
    expect(server.delivered).toHaveLength(1);
    await server.stop();
  });

  test.each<[string, (request: IncomingMessage, response: ServerResponse) => void, string]>([
    ['a redirect', (request, response) => response.writeHead(302, { location: `http://${request.headers.host ?? ''}/elsewhere` }).end(), 'upstream-invalid'],
    ['more than we listen to', (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(`{"sub":"${'x'.repeat(20_000)}"}`), 'upstream-invalid'],
    ['more than it announced it would', (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      for (let piece = 0; piece < 40; piece += 1) response.write(' '.repeat(1_000));
      response.end('{"sub":"anna"}');
    }, 'upstream-invalid'],
    ['a page', (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'), 'upstream-invalid'],
    ['trouble', (_request, response) => response.writeHead(500).end(), 'upstream-unavailable'],
  ])('E19 a service that answers %s is not followed and not believed', async (_kind, answer, code) => {
    await withServer(answer, undefined, async (url, arrived) => {
      await expect(callUserInfo(url)).rejects.toMatchObject({ code });
      expect(arrived()).toBe(1);
    });
    await withServer(person, undefined, async (url) => expect(await callUserInfo(url)).toEqual({ sub: 'anna' }));
  });

  test.each<[string, (request: IncomingMessage, response: ServerResponse) => void]>([
    ['a redirect', (request, response) => response.writeHead(302, { location: `http://${request.headers.host ?? ''}/elsewhere` }).end()],
    ['a megabyte', (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(`{"keys":[],"x":"${'x'.repeat(1_000_000)}"}`)],
  ])('E19 an issuer that answers %s is not followed and not believed', async (_kind, answer) => {
    await withServer(answer, undefined, async (url, arrived) => {
      await expect(senderOf(url)).rejects.toMatchObject({ code: 'upstream-unavailable' });
      expect(arrived()).toBe(1);
    });
  });
});
