import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from '../../src/user-manager/client-tokens.ts';
import { revokeApiKey } from '../../src/device-manager/storage/api-key-table.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { answered, bloodPressure, cuff, newPatient, service } from './client.ts';
import { bundle, loinc, observation, pulse, quantity } from './fhir-documents.ts';

/** An issuer of others: a server that publishes its key. */
const startIssuer = async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] };
  let broken = false;
  const server: Server = createServer((_request, response) => void response.writeHead(broken ? 500 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(keys)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return { url, privateKey, setBroken: (value: boolean) => (broken = value), stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()) };
};

describe('who may post to the webhook', () => {
  let vitalgate: TestVitalgate;
  let issuer: Awaited<ReturnType<typeof startIssuer>>;
  let client: { clientId: string; clientSecret: string };
  let apiKey: string;
  let sequence = 0;

  beforeAll(async () => {
    issuer = await startIssuer();
    vitalgate = await startTestVitalgate({ WEBHOOK_JWT_ISSUER: issuer.url, WEBHOOK_JWKS_URL: `${issuer.url}/keys`, WEBHOOK_JWT_AUDIENCE: 'hospital', WEBHOOK_JWT_SCOPE: 'post' });
    client = await createClient(vitalgate.database.pool, { sender: 'medisante' });
    ({ key: apiKey } = await vitalgate.createWebhookKey('medisante'));
  }, 60_000);
  afterAll(async () => {
    await vitalgate.stop();
    await issuer.stop();
  });

  const post = (headers: Record<string, string>, path = '/health-data/medisante') => {
    sequence += 1;
    const delivery = { metadata: { correlationId: `auth-${String(sequence)}`, measurementType: 'BodyWeight' }, device: { id: 'scale' }, measurements: {} };
    return fetch(`${vitalgate.urls.deviceManager}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(delivery) });
  };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const basic = (user: string, password: string) => ({ authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });
  const tokenOf = async ({ clientId, clientSecret }: typeof client): Promise<string> => {
    const form = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret });
    return ((await (await fetch(`${vitalgate.urls.userManager}/oauth2/token`, { method: 'POST', body: form })).json()) as { access_token: string }).access_token;
  };
  const ownToken = () => tokenOf(client);
  interface Claims {
    readonly iss?: string;
    readonly aud?: string;
    readonly scope?: string;
    readonly exp?: number;
    readonly key?: CryptoKey;
    readonly kid?: string;
    readonly devices?: unknown;
  }
  const foreignToken = ({ iss = issuer.url, aud = 'hospital', scope = 'read post', exp = Math.floor(Date.now() / 1000) + 300, key = issuer.privateKey, kid = 'one', devices }: Claims = {}) =>
    new SignJWT({ scope, ...(devices !== undefined && { device_ids: devices }) }).setProtectedHeader({ alg: 'ES256', kid }).setIssuer(iss).setAudience(aud).setSubject('whoever').setExpirationTime(exp).sign(key);

  test.each<[string, () => Promise<Record<string, string>>]>([
    ['an API key', () => Promise.resolve({ 'x-api-key': apiKey })],
    ['a token of our own issuer', async () => bearer(await ownToken())],
    ['a token of the other issuer', async () => bearer(await foreignToken())],
    ['HTTP Basic with the name of the sender and its key', () => Promise.resolve(basic('medisante', apiKey))],
  ])('%s opens it', async (_situation, headers) => {
    expect((await post(await headers())).status).toBe(200);
  });

  test('the sender is the same whatever the credential: one delivery by two ways is one', async () => {
    const ids = [];
    for (const headers of [{ 'x-api-key': apiKey }, bearer(await ownToken()), bearer(await foreignToken()), basic('medisante', apiKey)]) {
      const delivery = JSON.stringify({ metadata: { correlationId: 'same' }, device: { id: 'scale' } });
      const answer = await fetch(`${vitalgate.urls.deviceManager}/health-data/medisante`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: delivery });
      ids.push(((await answer.json()) as { _id: string })._id);
    }
    expect(new Set(ids).size).toBe(1);
  });

  test.each<[string, () => Promise<Record<string, string>>]>([
    ['nothing', () => Promise.resolve({})],
    ['a wrong key', () => Promise.resolve({ 'x-api-key': `${apiKey}x` })],
    ['the key of another sender’s name by Basic', () => Promise.resolve(basic('other', apiKey))],
    ['a wrong key by Basic', () => Promise.resolve(basic('medisante', 'wrong'))],
    ['Basic that is no base64', () => Promise.resolve({ authorization: 'Basic %%%' })],
    ['the service token', () => Promise.resolve(bearer(vitalgate.serviceToken))],
    ['a token that has ended', async () => bearer(await foreignToken({ exp: Math.floor(Date.now() / 1000) - 120 }))],
    ['a token for another audience', async () => bearer(await foreignToken({ aud: 'elsewhere' }))],
    ['a token without the scope', async () => bearer(await foreignToken({ scope: 'read' }))],
    ['a token of an issuer nobody named', async () => bearer(await foreignToken({ iss: 'http://evil.example' }))],
    ['a token in our name, signed by the other issuer', async () => bearer(await foreignToken({ iss: vitalgate.urls.userManager, aud: 'vitalgate-webhook', scope: 'webhook' }))],
    ['a token signed with another key', async () => bearer(await foreignToken({ key: (await generateKeyPair('ES256')).privateKey }))],
    ['a token whose key nobody knows', async () => bearer(await foreignToken({ kid: 'two' }))],
    ['a token without signature', () => Promise.resolve(bearer(`${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify({ iss: issuer.url, aud: 'hospital', scope: 'post', exp: 4102444800 })).toString('base64url')}.`))],
    ['a token signed with the public key as a secret', async () => bearer(await new SignJWT({ scope: 'post' }).setProtectedHeader({ alg: 'HS256', kid: 'one' }).setIssuer(issuer.url).setAudience('hospital').setExpirationTime('5m').sign(Buffer.from('public'.repeat(8))))],
    ['a token whose devices cannot be read', async () => bearer(await foreignToken({ devices: 'scale' }))],
    ['three words with dots', () => Promise.resolve(bearer('a.b.c'))],
  ])('%s does not, and nothing is kept', async (_situation, headers) => {
    const kept = async () => (await vitalgate.database.pool.query('select 1 from device_manager.delivery')).rowCount;
    const before = await kept();
    const answer = await post(await headers());
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    expect(await kept()).toBe(before);
  });

  test('a revoked key is refused at once', async () => {
    const { _id, key } = await vitalgate.createWebhookKey('medisante');
    expect((await post({ 'x-api-key': key })).status).toBe(200);
    await revokeApiKey(vitalgate.database.pool, _id);
    expect([(await post({ 'x-api-key': key })).status, (await post(basic('medisante', key))).status]).toEqual([401, 401]);
  });

  test.each<[string, Record<string, string>]>([
    ['X-Forwarded-For', { 'x-forwarded-for': '203.0.113.7' }],
    ['X-Forwarded-Proto, even if it says https', { 'x-forwarded-proto': 'https' }],
    ['Forwarded', { forwarded: 'for=203.0.113.7;proto=https' }],
    ['Via', { via: '1.1 proxy' }],
  ])('a credential over plain HTTP with %s came through a proxy that nobody trusts: 403 unjudged', async (_situation, headers) => {
    for (const credential of [{ 'x-api-key': apiKey }, { 'x-api-key': 'wrong' }, bearer(await ownToken()), basic('medisante', apiKey)] as Record<string, string>[]) {
      const answer = await post({ ...headers, ...credential });
      expect([answer.status, await answer.json()]).toEqual([403, expect.objectContaining({ code: 'insecure-transport' })]);
    }
  });

  describe('keys over HTTP', () => {
    const asOperator = async (): Promise<(method: string, path: string, body?: object) => Promise<Response>> => {
      const { username, password } = await vitalgate.addUser({ userGroup: 'operator' });
      const tokens = await fetch(`${vitalgate.urls.userManager}/oauth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password }) });
      const { accessToken } = (await tokens.json()) as { accessToken: string };
      return (method, path, body) =>
        fetch(`${vitalgate.urls.deviceManager}${path}`, { method, headers: { ...bearer(accessToken), ...(body && { 'content-type': 'application/json' }) }, ...(body && { body: JSON.stringify(body) }) });
    };

    test('an operator creates, lists and revokes them; two of a sender live at most', async () => {
      const send = await asOperator();
      const create = async () => (await (await send('POST', '/api-keys', { sender: 'hub', expiresInDays: 30 })).json()) as { _id: string; key: string; code?: string };
      const [first, second, third] = [await create(), await create(), await create()];
      expect(third.code).toBe('two-live-keys');
      expect((await post({ 'x-api-key': first.key })).status).toBe(200);
      expect([(await send('DELETE', `/api-keys/${first._id}`)).status, (await send('DELETE', `/api-keys/${first._id}`)).status, (await send('DELETE', '/api-keys/nobody')).status]).toEqual([204, 204, 404]);
      expect([(await post({ 'x-api-key': first.key })).status, (await post({ 'x-api-key': second.key })).status]).toEqual([401, 200]);
      const listed = await (await send('GET', '/api-keys')).text();
      const keys = (JSON.parse(listed) as { _id: string; isLive: boolean; sender: string }[]).filter(({ sender }) => sender === 'hub');
      expect(keys).toMatchObject([{ _id: first._id, isLive: false, revokedAt: expect.any(String), lastUsedAt: expect.any(String) }, { _id: second._id, isLive: true, expiresAt: expect.any(String) }]);
      expect(listed).not.toContain(second.key);
      expect((await create()).key).toMatch(/^vg_/);
    });

    test('a key that names devices sends for those alone; nothing of others is kept', async () => {
      const send = await asOperator();
      const { key } = (await (await send('POST', '/api-keys', { sender: 'narrow', deviceIds: ['scale-1', '90-TEST-01'] })).json()) as { key: string };
      const deliver = async (device: object, correlationId: string) =>
        (await fetch(`${vitalgate.urls.deviceManager}/health-data/medisante`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-api-key': key }, body: JSON.stringify({ metadata: { correlationId }, device, measurements: {} }) })).status;
      expect([await deliver({ id: 'scale-1' }, 'n1'), await deliver({ id: '', serialNumber: '90-TEST-01' }, 'n2'), await deliver({ id: 'scale-2' }, 'n3'), await deliver({}, 'n4')]).toEqual([200, 200, 403, 403]);
      const { rows } = await vitalgate.database.pool.query<{ correlation_id: string }>(`select correlation_id from device_manager.delivery where sender = 'narrow' order by 1`);
      expect(rows.map(({ correlation_id }) => correlation_id)).toEqual(['n1', 'n2']);
    });

    describe('a key that names devices, among devices of others', () => {
      const at = '2024-03-02T09:10:11Z';
      const limited = async (sender: string, ...deviceIds: string[]) => ({ 'x-api-key': ((await (await (await asOperator())('POST', '/api-keys', { sender, deviceIds })).json()) as { key: string }).key });
      const deliver = async (headers: Record<string, string>, body: unknown) => {
        const answer = await fetch(`${vitalgate.urls.deviceManager}/health-data/medisante`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
        return { status: answer.status, ...((await answer.json()) as { _id?: string; code?: string }) };
      };
      const hold = (patientId: string, deviceId: string, serialNumber?: string) => answered(service(vitalgate, patientId).post('/devices/assign', { ...cuff(deviceId), serialNumber, assignedFrom: '2024-01-01T00:00:00Z' }));
      const kept = async () => (await vitalgate.database.pool.query(`select from device_manager.delivery`)).rowCount;
      const peripheral = (device: object, body = bloodPressure({ id: 'scale-1' }, at)) => ({ ...body, measurements: { ...body.measurements, device } });
      beforeAll(async () => {
        await hold(newPatient(), 'scale-1', 'SN-1');
        await hold(newPatient(), 'Maker:Model:victim', 'victim');
      });

      test.each<[string, () => unknown]>([
        ['the id of another device beside its own serial number', () => bloodPressure({ id: 'Maker:Model:victim', serialNumber: 'scale-1' }, at)],
        ['the serial number of another device before its own IMEI', () => bloodPressure({ serialNumber: 'victim', IMEI: 'scale-1' }, at)],
        ['a peripheral of another behind its own device', () => peripheral({ id: 'Maker:Model:victim' })],
        ['a peripheral nobody registered behind its own device', () => peripheral({ id: 'nobody-yet' })],
        ['names that may be another’s one day beside its own, of no time', () => bloodPressure({ id: 'nobody-yet', serialNumber: 'scale-1' }, undefined)],
        ['a device nobody registered, one of whose names is not its own', () => bloodPressure({ id: 'new-1', serialNumber: 'nobody-yet' }, at)],
        ['one reading of its own and one of another', () => bundle('collection', [pulse('scale-1', at, 60), pulse('victim', at, 60)])],
        ['a withdrawal that names nothing and takes nothing back', () => ({ ...pulse('', at, 60, { status: 'entered-in-error', identifier: [{ value: randomUUID() }] }), device: undefined, contained: undefined })],
        ['nothing that is a delivery', () => ({ resourceType: 'Patient' })],
      ])('%s is answered 403, and nothing of it is noted', async (_situation, bodyOf) => {
        const [key, body, before] = [await limited(`thief-${randomUUID()}`, 'scale-1', 'new-1'), bodyOf(), await kept()];
        expect(await deliver(key, body)).toMatchObject({ status: 403, code: 'forbidden' });
        expect(await kept()).toBe(before);
      });

      test.each<[string, () => unknown]>([
        ['its id', () => bloodPressure({ id: 'scale-1', serialNumber: 'SN-1', IMEI: '900000000000001' }, at)],
        ['its serial number, where the key has its id', () => bloodPressure({ serialNumber: 'SN-1' }, at)],
        ['its serial number, beside an id nobody declared', () => bloodPressure({ id: 'Maker:Scale:SN-1', serialNumber: 'SN-1' }, at)],
        ['itself behind a gateway of others', () => peripheral({ id: 'scale-1' }, bloodPressure({ id: 'Maker:Model:victim' }, at))],
        ['a device nobody registered, by id and serial number', () => bloodPressure({ id: 'Maker:Model:new-1', serialNumber: 'new-1' }, at)],
        ['a device nobody registered, where the key has its serial number', () => bloodPressure({ id: 'Maker:Model:new-2', serialNumber: 'new-2' }, at)],
        ['several readings of its own', () => bundle('collection', [pulse('scale-1', at, 60), pulse('SN-1', at, 61)])],
      ])('a reading of %s is taken', async (_situation, bodyOf) => {
        expect(await deliver(await limited(`owner-${randomUUID()}`, 'scale-1', 'Maker:Model:new-1', 'new-2'), bodyOf())).toMatchObject({ status: 200 });
      });

      test.each<[string, object]>([
        ['takes back', { status: 'entered-in-error' }], ['takes back, without naming a device,', { status: 'cancelled', device: undefined, contained: undefined }], ['corrects', { status: 'corrected' }],
      ])('nobody %s a reading of a device that the key does not name, of the same sender', async (_situation, more) => {
        const [sender, own, other] = [`hub-${randomUUID()}`, `own-${randomUUID()}`, `other-${randomUUID()}`];
        for (const device of [own, other]) await hold(newPatient(), device);
        const [mine, theirs] = [await limited(sender, own), await limited(sender, other)];
        const identifier = [{ system: 'urn:ids', value: randomUUID() }];
        expect(await deliver(theirs, pulse(other, at, 60, { identifier }))).toMatchObject({ status: 200 });
        expect(await deliver(mine, pulse(own, at, 60, { identifier, ...more }))).toMatchObject({ status: 403 });
        expect(await deliver(theirs, pulse(other, at, 60, { identifier, ...more }))).toMatchObject({ status: 200 });
      });

      test('nor half of a blood pressure, together with the other half of its own', async () => {
        const [sender, own, other, run] = [`hub-${randomUUID()}`, `own-${randomUUID()}`, `other-${randomUUID()}`, randomUUID()];
        for (const device of [own, other]) await hold(newPatient(), device);
        const [mine, theirs] = [await limited(sender, own), await limited(sender, other)];
        const half = (device: string, code: string, status = 'final') => observation(loinc(code), device, at, { status, valueQuantity: quantity(100, 'mm[Hg]'), identifier: [{ value: `${code}-${run}` }] });
        expect([await deliver(mine, half(own, '8480-6')), await deliver(theirs, half(other, '8462-4'))]).toMatchObject([{ status: 200 }, { status: 200 }]);
        expect(await deliver(mine, bundle('collection', [half(own, '8480-6', 'corrected'), half(own, '8462-4', 'corrected')]))).toMatchObject({ status: 403 });
      });
    });

    test.each<[string, () => Promise<string>]>([
      ['our own issuer', async () => tokenOf(await createClient(vitalgate.database.pool, { sender: 'narrow', deviceIds: ['scale', 'cuff'] }))],
      ['another issuer', () => foreignToken({ devices: ['scale'] })],
    ])('a token of %s that names devices sends for those alone', async (_situation, token) => {
      const headers = { 'content-type': 'application/json', ...bearer(await token()) };
      const deliver = async (id: string) => (await fetch(`${vitalgate.urls.deviceManager}/health-data/medisante`, { method: 'POST', headers, body: JSON.stringify({ device: { id }, measurements: {} }) })).status;
      expect([await deliver('scale'), await deliver('oximeter')]).toEqual([200, 403]);
    });

    test('a key ends by itself', async () => {
      const send = await asOperator();
      const { _id, key } = (await (await send('POST', '/api-keys', { sender: 'short', expiresInDays: 1 })).json()) as { _id: string; key: string };
      expect((await post({ 'x-api-key': key })).status).toBe(200);
      await vitalgate.database.pool.query(`update device_manager.api_key set expires_at = now() - interval '1 second' where replace(_id::text, '-', '') = $1`, [_id]);
      expect((await post({ 'x-api-key': key })).status).toBe(401);
    });

    test('of five wishes at the same time two are granted', async () => {
      const send = await asOperator();
      const answers = await Promise.all(Array.from({ length: 5 }, () => send('POST', '/api-keys', { sender: 'racer' })));
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 409, 409, 409]);
    });

    test.each([['a sender in capitals', { sender: 'Hub' }], ['no sender', {}], ['an end today', { sender: 'hub', expiresInDays: 0 }], ['a member nobody knows', { sender: 'hub', key: 'x' }]])('%s is answered 400', async (_situation, body) => {
      expect((await (await asOperator())('POST', '/api-keys', body)).status).toBe(400);
    });

    test('services, senders, patients and nobody do not get there', async () => {
      for (const headers of [{}, bearer(vitalgate.serviceToken), { 'x-api-key': apiKey }, bearer(await ownToken())] as Record<string, string>[]) {
        expect((await fetch(`${vitalgate.urls.deviceManager}/api-keys`, { headers })).status).toBe(401);
      }
    });
  });

  test('a webhook credential opens the webhook alone', async () => {
    for (const headers of [{ 'x-api-key': apiKey }, bearer(await ownToken()), basic('medisante', apiKey)] as Record<string, string>[]) {
      for (const path of ['/devices', '/health-data', '/chart-data?normalizedDataType=heart-rate&_id=x']) {
        expect((await fetch(`${vitalgate.urls.deviceManager}${path}`, { headers })).status).toBe(401);
      }
    }
  });
});

describe('while the keys of an issuer cannot be read', () => {
  test('its tokens are answered 503, so that the sender comes again; other credentials work', async () => {
    const issuer = await startIssuer();
    issuer.setBroken(true);
    const vitalgate = await startTestVitalgate({ WEBHOOK_JWT_ISSUER: issuer.url, WEBHOOK_JWKS_URL: `${issuer.url}/keys`, WEBHOOK_JWT_AUDIENCE: 'hospital' });
    const token = await new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid: 'one' }).setIssuer(issuer.url).setAudience('hospital').setExpirationTime('5m').sign(issuer.privateKey);
    const { key } = await vitalgate.createWebhookKey('medisante');
    const post = (headers: Record<string, string>) =>
      fetch(`${vitalgate.urls.deviceManager}/health-data/medisante`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: '{"metadata":{"correlationId":"a"}}' });
    const refused = await post({ authorization: `Bearer ${token}` });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect((await post({ 'x-api-key': key })).status).toBe(200);
    issuer.setBroken(false);
    expect((await post({ authorization: `Bearer ${token}` })).status).toBe(200);
    await vitalgate.stop();
    await issuer.stop();
  }, 60_000);
});
