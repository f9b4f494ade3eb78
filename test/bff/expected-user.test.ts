import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { createBff } from '../../src/bff/service.ts';
import type { Service } from '../../src/http/service.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { appWith, heartRate, newEnrolledApp, type App } from './app.ts';

let vitalgate: TestVitalgate;
let anna: App;
let sub: string;
beforeAll(async () => {
  vitalgate = await startTestVitalgate({ JOBS: [] });
  anna = await newEnrolledApp(vitalgate);
  ({ sub } = (await (await anna.get('/profile')).json()) as { sub: string });
});
afterAll(() => vitalgate.stop());

const headersOf = (expected: string | undefined) => ({ 'content-type': 'application/json', ...(expected !== undefined && { 'vitalgate-expected-user': expected }) });
const kept = async () => Number((await vitalgate.database.pool.query<{ count: string }>('select count(*) from device_manager.sample')).rows[0]?.count);

test.each<[string, () => string | undefined, number]>([
  ['nobody', () => undefined, 200],
  ['who is signed in', () => sub, 200],
  ['who is signed in, with more encoded than needs to be', () => `%${sub.charCodeAt(0).toString(16)}${sub.slice(1)}`, 200],
  ['somebody else', () => 'f'.repeat(32), 409],
  ['nobody, by an empty text', () => '', 409],
  ['nobody, by what is no percent-encoding', () => `${sub}%`, 409],
])('an upload that names %s', async (_situation, expected, status) => {
  const before = await kept();
  const answer = await anna.send('/health-data', { method: 'POST', headers: headersOf(expected()), body: JSON.stringify([heartRate(randomUUID(), 1)]) });
  const { code } = (await answer.json()) as { code?: string };
  expect([answer.status, code, (await kept()) - before]).toEqual(status === 200 ? [200, undefined, 1] : [409, 'signed-in-as-another', 0]);
});

test('the session is judged before the name', async () => {
  const answer = await appWith(vitalgate.urls.bff, 'sid=nobodys').send('/health-data', { method: 'POST', headers: headersOf(sub), body: '[]' });
  expect(answer.status).toBe(401);
});

test('reading is answered whoever is named', async () => {
  expect((await anna.send('/profile', { headers: headersOf('somebody else') })).status).toBe(200);
});

test('a name of another User Manager may have letters that no header has', async () => {
  const profile = { sub: 'jürgen|ß%20@例', _id: 'juergen', username: 'juergen' };
  const upstream: Server = createServer((_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(profile)));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const upstreamUrl = `http://127.0.0.1:${String((upstream.address() as AddressInfo).port)}`;
  const bff: Service = createBff({ deviceManagerUrl: upstreamUrl, userManagerUrl: upstreamUrl, serviceToken: 's'.repeat(40), userIdHeader: 'miauserid', secureCookies: false, log: pino({ level: 'silent' }), version: '0.0.0', warmUp: false });
  const { url } = await bff.listen(0, '127.0.0.1');
  const codeFor = async (name: string) => ((await (await appWith(url, 'sid=of-juergen').send('/health-data', { method: 'POST', headers: headersOf(encodeURIComponent(name)), body: '{' })).json()) as { code: string }).code;
  expect([await codeFor(profile.sub), await codeFor('jürgen|ß @例')]).toEqual(['malformed-json', 'signed-in-as-another']);
  await bff.stop();
  upstream.close();
});
