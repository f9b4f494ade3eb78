import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRefusalReport } from '../../src/bff/refusal-report.ts';
import { connectDeviceManager, type DeviceManager } from '../../src/bff/upstream/device-manager.ts';

/** How long the report is silent here. */
const silentMs = 400;

describe('refusals that are reported to a Device Manager', () => {
  const upstream = { status: 204, asked: 0 };
  const server = createServer((request, response) => {
    upstream.asked += 1;
    request.resume().on('end', () => response.writeHead(upstream.status).end());
  });
  let deviceManager: DeviceManager;
  beforeAll(async () => {
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    deviceManager = connectDeviceManager(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, 's'.repeat(40), 'miauserid');
  });
  afterAll(async () => {
    await deviceManager.close();
    server.close();
  });

  test.each([404, 405])('a single %i, which a proxy may have answered, silences the report for a while and not for good', async (missing) => {
    const told: string[] = [];
    const note = (_fields: object, message: string): void => void told.push(message);
    const { report } = createRefusalReport(deviceManager, { warn: note, info: note }, silentMs);
    const refuse = () => report('somebody', 'a-request', { event: 'access-refused', operation: 'getProfile', reason: 'forbidden' });
    Object.assign(upstream, { status: missing, asked: 0 });
    await refuse();
    await refuse();
    expect(upstream.asked).toBe(1);
    upstream.status = 204;
    await sleep(silentMs + 50);
    await refuse();
    await refuse();
    expect([upstream.asked, told]).toEqual([3, ['the upstream has no audit: refusals are in the access log alone']]);
  });
});
