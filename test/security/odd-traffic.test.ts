import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClientTokens } from '../../src/user-manager/client-tokens.ts';
import { specifications } from '../contract/specifications.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { bearer, createCallers, mayPass, type Callers, type Headers } from './callers.ts';
import { operationsOf } from './fuzz/operations.ts';

let vitalgate: TestVitalgate;
let callers: Callers;
let anna: Headers;
beforeAll(async () => {
  vitalgate = await startTestVitalgate();
  callers = await createCallers(vitalgate);
  anna = await callers.session(callers.anna);
}, 120_000);
afterAll(() => vitalgate.stop(), 60_000);

const urlOf = (service: string): string => ({ bff: vitalgate.urls.bff, 'device-manager': vitalgate.urls.deviceManager, 'user-manager': vitalgate.urls.userManager })[service] ?? '';

/** Everything the BFF sends over one raw connection until it closes it. */
const converse = async (text: string): Promise<string> => {
  const socket = connect(Number(new URL(vitalgate.urls.bff).port), '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => undefined).setTimeout(10_000, () => socket.destroy());
  socket.write(text, 'latin1');
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('latin1');
};
const get = (...lines: string[]): string => `${['GET /profile HTTP/1.1', 'Host: localhost', ...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`;
const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);

describe('who asks', () => {
  test.each(['miauserid', 'x-user-id', 'x-forwarded-user', 'miausergroups', 'isbackoffice', 'x-original-user', 'x-remote-user'])('D4 the header %s from outside changes nothing', async (name) => {
    const headers = { ...anna, [name]: callers.ben.id };
    const { sub } = (await (await fetch(`${vitalgate.urls.bff}/profile`, { headers })).json()) as { sub: string };
    expect(sub).toBe(callers.anna.id);
    // Without a credential it is none; behind the service credential alone it counts.
    expect((await fetch(`${vitalgate.urls.deviceManager}/devices`, { headers: { [name]: callers.ben.id } })).status).toBe(401);
  });

  test('D5 the session of a patient opens nothing at the Device Manager and at the User Manager but what is about the session', async () => {
    const opened: string[] = [];
    for (const { service, spec } of specifications.filter((one) => one.service !== 'bff')) {
      for (const { id, method, template, platform } of spec.operations) {
        if (platform || mayPass(service, id, 'nobody')) continue;
        // With a body of the type that is taken, as framing is judged before credentials.
        const [form] = operationsOf(service).find((one) => one.id === id)?.bodies ?? [];
        const body = form === undefined ? {} : { body: '{}', headers: { ...anna, 'content-type': form.mediaType } };
        const { status } = await fetch(`${urlOf(service)}${template.replaceAll(/\{\w+\}/g, '0'.repeat(32))}`, { method, headers: anna, ...body });
        if (status !== 401 && !(service === 'user-manager' && ['getUserInfo', 'endSession', 'issueClientToken'].includes(id))) opened.push(`${id} ${String(status)}`);
      }
    }
    expect(opened).toEqual([]);
    anna = await callers.session(callers.anna);
    expect((await fetch(`${vitalgate.urls.deviceManager}/devices`, { headers: bearer(vitalgate.serviceToken) })).status).toBe(200);
  });
});

test('G7 a token under a key that was just made is taken, whatever made-up key was shown a moment before', async () => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const seconds = Math.floor(Date.now() / 1000);
  const forged = [part({ alg: 'ES256', kid: 'made-up' }), part({ iss: vitalgate.urls.userManager, aud: 'vitalgate-webhook', sub: 'portal', scope: 'webhook', exp: seconds + 60 }), 'x'.repeat(86)].join('.');
  const knock = async (token: string) => (await fetch(`${vitalgate.urls.deviceManager}/health-data/medisante`, { method: 'POST', headers: { ...bearer(token), 'content-type': 'application/json' }, body: JSON.stringify({ device: { id: 'x' }, measurements: {} }) })).status;
  // Another process of the User Manager, whose first token this is.
  const tokens = createClientTokens(vitalgate.database.pool, () => vitalgate.urls.userManager);
  expect(await knock(forged)).toBe(401);
  expect(await knock(await tokens.issue({ clientId: 'vgc_1', sender: 'portal' }))).toBe(200);
  expect(await knock(forged)).toBe(401);
});

const words = [
  'admin', 'debug', 'test', '.env', '.git/config', 'server-status', 'actuator/health', 'graphql', 'swagger.json', 'openapi.json', 'api', 'api/v1', 'metrics', 'health', 'status', 'console', 'wp-login.php', 'phpinfo.php',
  'node_modules', 'package.json', 'src/main.ts', 'server.json', 'master-key', '..%2f..%2fetc%2fpasswd', '%2e%2e/%2e%2e/etc/passwd', '-/env', '-/heapdump', '-/config', 'documentation/../../package.json', 'favicon.ico', 'robots.txt',
];

describe('D9 paths and methods', () => {
  test.each(specifications)('$service has no path but the documented ones', async ({ service }) => {
    const found: string[] = [];
    for (const word of words) {
      const answer = await fetch(`${urlOf(service)}/${word}`, { headers: anna });
      if (answer.status !== 404) found.push(`${word} ${String(answer.status)}`);
    }
    expect(found).toEqual([]);
  });

  test.each(specifications)('$service answers every documented one, and no other method of it', async ({ service, spec }) => {
    for (const [template, operations] of Map.groupBy(spec.operations, ({ template: path }) => path)) {
      const path = `${urlOf(service)}${template.replaceAll(/\{\w+\}/g, '0'.repeat(32))}`;
      const methods = operations.map(({ method }) => method);
      const other = ['DELETE', 'PUT', 'PATCH', 'GET', 'POST', 'OPTIONS'].find((method) => !methods.includes(method)) ?? '';
      const [own, wrong] = [await fetch(path, { method: methods[0] ?? '' }), await fetch(path, { method: other })];
      expect({ template, known: own.status !== 404 && own.status !== 405, other: wrong.status }).toEqual({ template, known: true, other: 405 });
      expect((wrong.headers.get('allow') ?? '').split(', ')).toEqual(expect.arrayContaining(methods));
    }
  });

  test('TRACE is answered 405', async () => {
    expect(statusOf(await converse('TRACE /profile HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'))).toBe(405);
  });
});

describe('what two parsers could read differently', () => {
  test.each<[string, string]>([
    ['a length and chunks', get('Content-Length: 5', 'Transfer-Encoding: chunked')], ['two lengths', get('Content-Length: 5', 'Content-Length: 6')], ['a negative length', get('Content-Length: -1')],
    ['a length with an exponent', get('Content-Length: 1e1')], ['an odd transfer encoding', get('Transfer-Encoding: chunked, identity')], ['lines without carriage return', 'GET /profile HTTP/1.1\nHost: a\n\n'],
    ['a folded header', get('X-A: b', ' c')], ['NUL in a header', get('X-A: b\0c')], ['two Host lines', get('Host: evil.test')], ['no Host', 'GET /profile HTTP/1.1\r\nConnection: close\r\n\r\n'], ['a space in front of the colon', get('Content-Length : 5')],
    ['headers of 20 kB', get(`X-A: ${'b'.repeat(20_000)}`)], ['another protocol', '\x16\x03\x01\x02\x00\x01\x00'],
  ])('E14 %s: refused, with the headers of every answer', async (_situation, text) => {
    const answer = await converse(text);
    expect([400, 431]).toContain(statusOf(answer));
    expect(answer).toMatch(/^x-content-type-options: nosniff/im);
    expect(answer).toMatch(/^cache-control: no-store/im);
  });

  test('E14 a cookie behind two thousand other headers is not lost, or the request is refused', async () => {
    const cookie = `Cookie: ${anna['cookie'] ?? ''}`;
    expect(statusOf(await converse(get(cookie)))).toBe(200);
    expect([200, 431]).toContain(statusOf(await converse(get(...Array.from({ length: 2100 }, (_, index) => `x${String(index)}: 1`), cookie))));
  });

  test.each<[string, string, number]>([
    ['a query parameter twice', '/health-data?_l=1&_l=2', 400], ['a query parameter as a list', '/health-data?_l[]=1', 400], ['a query parameter as an object', '/health-data?_l[x]=1', 400],
    ['a query parameter once', '/health-data?_l=1', 200],
  ])('E17 %s', async (_situation, path, status) => {
    expect((await fetch(`${vitalgate.urls.bff}${path}`, { headers: anna })).status).toBe(status);
  });

  test('E17 two session cookies are none, in one header or in two', async () => {
    const cookie = anna['cookie'] ?? '';
    expect(statusOf(await converse(get(`Cookie: ${cookie}; sid=planted`)))).toBe(401);
    expect(statusOf(await converse(get('Cookie: sid=planted', `Cookie: ${cookie}`)))).toBe(401);
    expect(statusOf(await converse(get('Cookie: other=1', `Cookie: ${cookie}`)))).toBe(200);
  });
});

describe('samples', () => {
  const day = '2024-07-01T10:00:00Z';
  const usual = { type: 'HeartRate', unit: 'bpm', value: 71, startDate: day, endDate: day };
  const send = async (body: string) => {
    const answer = await fetch(`${vitalgate.urls.bff}/health-data`, { method: 'POST', headers: { ...anna, 'content-type': 'application/json' }, body });
    return { status: answer.status, items: ((await answer.json()) as { items?: { status: string; _id?: string }[] }).items ?? [] };
  };
  const verdict = async (members: object): Promise<string> => {
    const { status, items } = await send(JSON.stringify([{ id: randomUUID(), ...usual, ...members }]));
    return items[0]?.status ?? String(status);
  };
  beforeAll(async () => {
    const device = { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' };
    await fetch(`${vitalgate.urls.bff}/devices/assign`, { method: 'POST', headers: { ...anna, 'content-type': 'application/json' }, body: JSON.stringify(device) });
  });

  test.each<[string, object]>([
    ['of the year 0000', { startDate: '0000-01-01T00:00:00Z', endDate: '0000-01-01T00:00:00Z' }], ['of the year 999999', { startDate: '+999999-01-01T00:00:00Z', endDate: '+999999-01-01T00:00:00Z' }],
    ['on 30 February', { startDate: '2024-02-30T00:00:00Z', endDate: '2024-02-30T00:00:00Z' }], ['without a zone', { startDate: '2024-07-01T10:00:00', endDate: '2024-07-01T10:00:00' }],
    ['with an offset of almost a day', { startDate: '2024-07-01T10:00:00+23:59', endDate: '2024-07-01T10:00:00+23:59' }], ['with the end before the start', { startDate: '2024-07-01T10:00:01Z' }],
    ['of tomorrow', { startDate: new Date(Date.now() + 86_400_000).toISOString(), endDate: new Date(Date.now() + 86_400_000).toISOString() }], ['as a number', { startDate: 1e18, endDate: 1e18 }], ['of hour 25', { startDate: '2024-07-01T25:00:00Z', endDate: '2024-07-01T25:00:00Z' }],
  ])('E9 a date %s is refused', async (_situation, dates) => {
    expect(await verdict(dates)).toBe('rejected');
  });

  test('E9 control: a sound date is taken', async () => {
    expect(await verdict({})).toBe('created');
  });

  test.each<[string, object]>([
    ['a text that is no number', { value: 'NaN' }], ['less than nothing', { type: 'BodyMass', unit: 'kg', value: -71 }], ['of 150 percent', { type: 'OxygenSaturation', unit: '%', value: 150 }],
  ])('E7 a value %s is refused', async (_situation, members) => {
    expect(await verdict(members)).toBe('rejected');
  });

  test('E7 a value that no double holds is refused alone', async () => {
    const sample = () => JSON.stringify({ id: randomUUID(), ...usual });
    expect((await send(`[${sample().replace('"value":71', '"value":1e999')},${sample()}]`)).items.map(({ status }) => status)).toEqual(['rejected', 'created']);
  });

  test('E7 a value keeps its digits', async () => {
    const values = ['71.82649137', '66.899999999999991', '59.00000000000001', '6.1e1'];
    const { items } = await send(`[${values.map((value) => JSON.stringify({ id: randomUUID(), ...usual }).replace('"value":71', `"value":${value}`)).join()}]`);
    const service = { ...bearer(vitalgate.serviceToken), miauserid: callers.anna.id };
    const valueOf = async (id: string): Promise<unknown> => {
      const record = (await (await fetch(`${vitalgate.urls.deviceManager}/health-data/${id}`, { headers: service })).json()) as { normalizedData?: { observations: { value: number }[] } };
      return record.normalizedData?.observations[0]?.value;
    };
    for (const [index, { _id = '' }] of items.entries()) {
      let seen = await valueOf(_id);
      for (const end = Date.now() + 30_000; seen === undefined && Date.now() < end; seen = await valueOf(_id)) await sleep(50);
      expect(seen).toBe(Number(values[index]));
    }
  }, 60_000);
});

describe('E15 slow clients', () => {
  test.each<[string, string, string, number, number]>([
    ['headers', 'POST /oauth/token HTTP/1.1\r\nHost: a\r\n', 'X-A: b\r\n', 8000, 30_000],
    ['body', 'POST /oauth/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"username":"', 'a', 4500, 30_000],
  ])('that never finish their %s are cut off, and keep nobody waiting', async (_part, start, piece, leastMs, mostMs) => {
    const { port } = new URL(vitalgate.urls.bff);
    const closed: number[] = [];
    const started = Date.now();
    const sockets = Array.from({ length: 200 }, (): Socket => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => undefined).once('close', () => closed.push(Date.now() - started));
      socket.write(start);
      return socket.resume();
    });
    const drip = setInterval(() => sockets.forEach((socket) => socket.writable && socket.write(piece)), 1000);
    await sleep(3000);
    const asked = Date.now();
    expect((await fetch(`${vitalgate.urls.bff}/profile`, { headers: anna })).status).toBe(200);
    expect(Date.now() - asked).toBeLessThan(3000);
    while (closed.length < sockets.length && Date.now() - started < mostMs + 5000) await sleep(250);
    clearInterval(drip);
    sockets.forEach((socket) => socket.destroy());
    expect(closed).toHaveLength(200);
    // Not at once, either: an honest client on a slow line has ten seconds for headers, and five for each kilobyte of a body.
    expect(Math.min(...closed)).toBeGreaterThan(leastMs);
    expect(Math.max(...closed)).toBeLessThan(mostMs);
  }, 90_000);
});
