import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { specifications } from '../contract/specifications.ts';
import { startTestVitalgate } from '../setup/vitalgate.ts';
import type { Headers } from './callers.ts';
import { operationsOf } from './fuzz/operations.ts';
import { play } from './fuzz/run.ts';
import { openSender } from './fuzz/sending.ts';
import { createWorld, type World } from './fuzz/world.ts';
import { requestsWith } from './planted.ts';

/** Headers that proxies, browsers and WebDAV know addresses in. */
const headers = ['x-forwarded-host', 'forwarded', 'referer', 'x-original-url', 'x-rewrite-url', 'location', 'content-location', 'destination', 'link', 'x-callback-url', 'x-webhook-url', 'true-client-ip', 'x-wap-profile', 'traceparent'];

describe('F8 an address in a request is called by nobody', () => {
  /** What was asked of the address that is planted. */
  const called: string[] = [];
  let connections = 0;
  let trap: Server;
  let base: string;
  let world: World;
  beforeAll(async () => {
    trap = createServer((request, response) => {
      called.push(`${request.method ?? ''} ${request.url ?? ''}`);
      response.end('{}');
    }).on('connection', () => (connections += 1));
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${String((trap.address() as AddressInfo).port)}`;
    world = await createWorld();
  }, 120_000);
  afterAll(async () => {
    trap.closeAllConnections();
    await Promise.all([world.stop(), new Promise((resolve) => trap.close(resolve))]);
  }, 60_000);

  const waitUntilDone = async (): Promise<void> => {
    const waiting = async () => (await world.vitalgate.database.pool.query('select from graphile_worker.jobs where run_at <= now() and attempts < max_attempts limit 1')).rowCount;
    while ((await waiting()) !== 0) await sleep(100);
  };

  test.each(specifications)('in no parameter, member or header of an operation of $service', async ({ service }) => {
    const sender = openSender(world.urlOf(service));
    const statuses = new Map<number, number>();
    for (const operation of operationsOf(service)) {
      for (const request of requestsWith(operation, world.samples, headers, (place) => `${base}/${place}`)) {
        const { answer } = await play(world, sender, request);
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      }
    }
    await sender.close();
    await waitUntilDone();
    expect([called, connections]).toEqual([[], 0]);
    // Requests that all are refused would call nobody anyway.
    const [all, taken] = [[...statuses.values()].reduce((sum, count) => sum + count, 0), statuses.get(200) ?? 0];
    expect(all).toBeGreaterThan(300);
    expect(taken).toBeGreaterThan(all / 10);
  }, 300_000);

  test('in no token: neither issuer nor what says where its key is', async () => {
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const places: readonly [object, object][] = [
      [{}, { iss: base }], [{ jku: `${base}/jku` }, {}], [{ x5u: `${base}/x5u` }, {}], [{ kid: `${base}/kid` }, {}], [{ jwk: { kty: 'EC', x5u: `${base}/jwk` } }, {}], [{}, { aud: base, azp: base }],
    ];
    for (const [head, claims] of places) {
      const token = [part({ alg: 'ES256', kid: 'k', ...head }), part({ iss: world.urlOf('user-manager'), aud: 'vitalgate-webhook', sub: 'portal', exp: 4_102_444_800, ...claims }), 'x'.repeat(86)].join('.');
      const shown: Headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      for (const [service, path] of [['device-manager', '/health-data/medisante'], ['user-manager', '/logout'], ['bff', '/logout']] as const) {
        expect((await fetch(`${world.urlOf(service)}${path}`, { method: 'POST', headers: shown, body: '{}' })).status).toBe(401);
      }
    }
    expect([called, connections]).toEqual([[], 0]);
  });

  test('control: the same address in a setting is called, so that a call would have been seen', async () => {
    const vitalgate = await startTestVitalgate({ TMM_SERVICE_URL: base });
    const cookie = await vitalgate.signIn(await vitalgate.addUser());
    const post = (path: string, body: object) => fetch(`${vitalgate.urls.bff}${path}`, { method: 'POST', headers: { cookie, 'content-type': 'application/json' }, body: JSON.stringify(body) });
    await post('/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' });
    const at = '2024-07-01T10:00:00Z';
    expect((await post('/health-data', [{ id: 'B9480B59-3A05-416C-97CF-E0DE431ADCB5', type: 'HeartRate', unit: 'bpm', value: 71, startDate: at, endDate: at }])).status).toBe(200);
    for (const end = Date.now() + 30_000; called.length === 0 && Date.now() < end; ) await sleep(50);
    await vitalgate.stop();
    expect(called.length).toBeGreaterThan(0);
  }, 60_000);
});
