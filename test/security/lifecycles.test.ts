import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';
import { createCallers, type Callers, type Headers } from './callers.ts';

/** What is made can be used at once; what has ended is gone at once, for whoever had it too. */
describe('things from their making to their end', () => {
  let vitalgate: TestVitalgate;
  let callers: Callers;
  let operator: Headers;
  let anna: Headers;
  beforeAll(async () => {
    vitalgate = await startTestVitalgate();
    callers = await createCallers(vitalgate);
    [operator, anna] = [await callers.shown.operator(), await callers.session(callers.anna)];
  }, 120_000);
  afterAll(() => vitalgate.stop(), 60_000);

  const call = async (service: keyof TestVitalgate['urls'], method: string, path: string, headers: Headers, body?: unknown): Promise<{ status: number; body: unknown }> => {
    const answer = await fetch(`${vitalgate.urls[service]}${path}`, { method, headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) }, ...(body !== undefined && { body: JSON.stringify(body) }) });
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? undefined : JSON.parse(text)) as unknown };
  };

  test('an API key opens the webhook until it is revoked; revoking again changes nothing', async () => {
    const made = (await call('deviceManager', 'POST', '/api-keys', operator, { sender: 'for-a-while' })).body as { _id: string; key: string };
    const knock = () => call('deviceManager', 'POST', '/health-data/medisante', { 'x-api-key': made.key }, {});
    expect((await knock()).status).not.toBe(401);
    expect((await call('deviceManager', 'DELETE', `/api-keys/${made._id}`, operator)).status).toBe(204);
    expect((await knock()).status).toBe(401);
    expect((await call('deviceManager', 'DELETE', `/api-keys/${made._id}`, operator)).status).toBe(204);
    expect((await knock()).status).toBe(401);
  });

  test('a user is found, signs in, and after the deletion does neither', async () => {
    const name = `user-${randomBytes(6).toString('hex')}`;
    const password = randomBytes(18).toString('base64url');
    const { status, body } = await call('userManager', 'POST', '/users', operator, { username: name, email: `${name}@example.org`, password, userGroup: 'patient' });
    const made = body as { _id: string };
    expect(status).toBe(200);
    const find = async () => (await call('userManager', 'GET', `/users?_id=${made._id}`, operator)).body;
    expect(await find()).toHaveLength(1);
    const cookie = await vitalgate.signIn({ id: made._id, username: name, password });
    expect((await call('bff', 'GET', '/profile', { cookie })).status).toBe(200);
    expect((await call('userManager', 'DELETE', `/users/${made._id}`, operator)).status).toBe(204);
    expect(await find()).toEqual([]);
    expect((await call('userManager', 'GET', '/userinfo', { cookie })).status).toBe(401);
    expect((await call('bff', 'POST', '/oauth/token', {}, { username: name, password })).status).toBe(401);
    expect((await call('userManager', 'PATCH', `/users/${made._id}`, operator, { $set: { name: 'x' } })).status).toBe(404);
  });

  test('a session ends for good, and a refresh token with it', async () => {
    const tokens = (await call('userManager', 'POST', '/oauth/token', {}, { username: callers.ben.username, password: callers.ben.password })).body as { accessToken: string };
    const bearer = { authorization: `Bearer ${tokens.accessToken}` };
    expect((await call('userManager', 'GET', '/userinfo', bearer)).status).toBe(200);
    expect((await call('userManager', 'POST', '/logout', bearer)).status).toBe(204);
    expect((await call('userManager', 'GET', '/userinfo', bearer)).status).toBe(401);
    expect((await call('userManager', 'POST', '/logout', bearer)).status).toBe(401);
  });

  test('a device is listed until it is given back; giving back again changes nothing', async () => {
    const made = (await call('bff', 'POST', '/devices/assign', anna, { deviceId: 'pen', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Pen' })).body as { _id: string };
    const held = async () => ((await call('bff', 'GET', '/devices', anna)).body as { _id: string }[]).map(({ _id }) => _id);
    expect(await held()).toContain(made._id);
    expect((await call('bff', 'POST', `/devices/${made._id}/unassign`, anna, {})).status).toBe(204);
    expect(await held()).not.toContain(made._id);
    expect((await call('bff', 'POST', `/devices/${made._id}/unassign`, anna, {})).status).toBe(204);
    expect(await held()).not.toContain(made._id);
  });

  test('a sample is read until it is deleted', async () => {
    await call('bff', 'POST', '/devices/assign', anna, { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' });
    const [uuid, at] = [randomUUID(), '2024-07-01T10:00:00Z'];
    const receipt = (await call('bff', 'POST', '/health-data', anna, [{ id: uuid, type: 'HeartRate', unit: 'bpm', value: 71, startDate: at, endDate: at }])).body as { items: { _id: string }[] };
    const read = () => call('deviceManager', 'GET', `/health-data/${receipt.items[0]?._id ?? ''}`, operator);
    expect((await read()).status).toBe(200);
    expect((await call('bff', 'POST', '/health-data/deletions', anna, { deletions: [{ uuid }] })).status).toBe(200);
    expect((await call('bff', 'GET', '/health-data', anna)).body).toEqual([]);
  });
});
