import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type SecureVersion, type TLSSocket } from 'node:tls';
import { createClient } from '../../src/user-manager/client-tokens.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';

const fixture = (name: string) => join(import.meta.dirname, '..', 'fixtures', 'tls', name);
const ca = ['first', 'second'].map((name) => readFileSync(fixture(`${name}-cert.pem`)));

const send = (url: string, { method = 'GET', headers = {}, body = '' }: { method?: string; headers?: Record<string, string>; body?: string } = {}) =>
  new Promise<{ status: number; cookie: string; text: string }>((resolve, reject) => {
    const out = request(url, { method, headers, ca, agent: false }, (answer) => {
      answer.toArray().then((chunks) => resolve({ status: answer.statusCode ?? 0, cookie: answer.headers['set-cookie']?.[0] ?? '', text: Buffer.concat(chunks as Buffer[]).toString() }), reject);
    });
    out.on('error', reject).end(body);
  });
const json = { 'content-type': 'application/json' };

describe('the services with a certificate of their own', () => {
  let vitalgate: TestVitalgate;
  let folder: string;
  const put = (name: string) => {
    copyFileSync(fixture(`${name}-key.pem`), join(folder, 'key.pem'));
    copyFileSync(fixture(`${name}-cert.pem`), join(folder, 'cert.pem'));
  };
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vitalgate-tls-'));
    put('first');
    vitalgate = await startTestVitalgate({ TLS_CERT: join(folder, 'cert.pem'), TLS_KEY: join(folder, 'key.pem') });
  });
  afterAll(async () => {
    await vitalgate.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const shaken = (url: string, version: SecureVersion) =>
    new Promise<TLSSocket>((resolve, reject) => {
      const { hostname, port } = new URL(url);
      const socket = connect({ host: hostname, port: Number(port), ca, minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }, () => resolve(socket.destroy()));
      socket.on('error', reject);
    });

  test.each<[SecureVersion, boolean]>([['TLSv1', false], ['TLSv1.1', false], ['TLSv1.2', true], ['TLSv1.3', true]])('F1 a client that speaks %s alone is served: %s', async (version, works) => {
    for (const url of Object.values(vitalgate.urls)) await (works ? expect(shaken(url, version)).resolves.toBeDefined() : expect(shaken(url, version)).rejects.toThrow());
  });

  test.each<SecureVersion>(['TLSv1', 'TLSv1.1'])('F1 control: a server that still speaks %s serves the same client', async (version) => {
    const options = { key: readFileSync(fixture('first-key.pem')), cert: ca[0], minVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const server = createServer(options).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await expect(shaken(`https://127.0.0.1:${String((server.address() as AddressInfo).port)}`, version)).resolves.toBeDefined();
    server.close();
  });

  test('F2 plain HTTP gets no answer on their ports', async () => {
    for (const url of Object.values(vitalgate.urls)) {
      expect(url).toMatch(/^https:/);
      await expect(fetch(url.replace('https', 'http'))).rejects.toThrow();
    }
  });

  test('a phone signs in and uploads: the services reach each other, and cookies are Secure', async () => {
    const { username, password } = await vitalgate.addUser();
    const { status, cookie } = await send(`${vitalgate.urls.bff}/oauth/token`, { method: 'POST', headers: json, body: JSON.stringify({ username, password }) });
    expect([status, cookie]).toEqual([200, expect.stringMatching(/; Secure$/)]);
    const profile = await send(`${vitalgate.urls.bff}/profile`, { headers: { cookie: cookie.split(';')[0] ?? '' } });
    expect(JSON.parse(profile.text)).toMatchObject({ username });
  });

  test('a webhook credential may come over TLS, whatever a header says about proxies', async () => {
    const { key } = await vitalgate.createWebhookKey();
    const answer = await send(`${vitalgate.urls.deviceManager}/health-data/medisante`, { method: 'POST', headers: { ...json, 'x-api-key': key, 'x-forwarded-for': '203.0.113.7' }, body: '{"metadata":{"correlationId":"tls"}}' });
    expect(answer.status).toBe(200);
  });

  const servedName = async () => {
    const socket = await new Promise<TLSSocket>((resolve, reject) => {
      const { hostname, port } = new URL(vitalgate.urls.bff);
      const opened = connect({ host: hostname, port: Number(port), ca }, () => resolve(opened));
      opened.on('error', reject);
    });
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return subject.CN;
  };
  const until = async (fits: () => boolean | Promise<boolean>) => {
    for (let attempt = 0; attempt < 100; attempt += 1) {
      if (await fits()) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('it did not come to that');
  };

  test('changed files are used without a restart; broken ones are told and change nothing', async () => {
    expect(await servedName()).toBe('first.test');
    writeFileSync(join(folder, 'cert.pem'), 'no certificate');
    await until(() => vitalgate.logged().includes('cannot be used'));
    expect(await servedName()).toBe('first.test');
    put('second');
    await until(async () => (await servedName()) === 'second.test');
    expect(vitalgate.logged()).toContain('were read again');
  });
});

test.each([
  ['a key of another certificate', 'second-key.pem', /no pair of certificate and key/],
  ['no key', 'nowhere.pem', /ENOENT/],
])('with %s nothing starts, and the reason is told', async (_situation, key, reason) => {
  await expect(startTestVitalgate({ TLS_CERT: fixture('first-cert.pem'), TLS_KEY: fixture(key) })).rejects.toThrow(reason);
});

test('a webhook token is good beyond a restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-tls-restart-'));
  const settings = { DATA_DIR: folder, TLS_CERT: fixture('first-cert.pem'), TLS_KEY: fixture('first-key.pem') };
  const before = await startTestVitalgate(settings, 'own-server');
  const { userManager, deviceManager } = before.urls;
  const { clientId, clientSecret } = await createClient(before.database.pool, { sender: 'medisante' });
  const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret }).toString();
  const given = await send(`${userManager}/oauth2/token`, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form });
  const { access_token: token } = JSON.parse(given.text) as { access_token: string };
  await before.stop();
  const portOf = (url: string): number => Number(new URL(url).port);
  const after = await startTestVitalgate({ ...settings, USER_MANAGER_PORT: portOf(userManager), DEVICE_MANAGER_PORT: portOf(deviceManager) }, 'own-server');
  const answer = await send(`${deviceManager}/health-data/medisante`, { method: 'POST', headers: { ...json, authorization: `Bearer ${token}` }, body: '{"metadata":{"correlationId":"restart"}}' });
  await after.stop();
  rmSync(folder, { recursive: true, force: true });
  expect([decodeJwt(token).iss, answer.status]).toEqual([userManager, 200]);
}, 60_000);
