import { expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { nodeOptions } from '../../scripts/demo/program.ts';
import { createClient } from '../../src/client/client.ts';
import { createTestDatabase } from '../setup/test-database.ts';

/** Samples in CI; the full size is 250000. */
const count = Number(process.env['FIRST_SYNC_SAMPLES'] ?? 10_000);
const MOST_GROWTH_BYTES = 256 * 1024 * 1024;
const root = join(import.meta.dirname, '..', '..');

const residentBytesOf = (pid: number): number => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1]) * 1024;

test(`a first sync of ${String(count)} samples is stored once each, and the server stays small`, async () => {
  const database = await createTestDatabase();
  const dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-first-sync-'));
  const server = spawn(process.execPath, [...nodeOptions, join(root, 'src', 'main.ts')], {
    env: { PATH: process.env['PATH'], DATA_DIR: dataDir, DATABASE_URL: database.url, BFF_PORT: '0', DEVICE_MANAGER_PORT: '0', USER_MANAGER_PORT: '0', UPLOADS_PER_MINUTE: '100000' }, stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const urls = new Map<string, string>();
    for await (const line of createInterface({ input: server.stdout })) {
      const { service, url, msg } = line.startsWith('{') ? (JSON.parse(line) as { service?: string; url?: string; msg?: string }) : {};
      if (msg === 'listening' && service !== undefined && url !== undefined) urls.set(service, url);
      if (urls.size === 3) break;
    }
    const [bff, userManager] = [urls.get('bff') ?? '', urls.get('user-manager') ?? ''];
    const password = randomUUID() + randomUUID();
    const token = readFileSync(join(dataDir, 'service-token'), 'utf8').trim();
    await fetch(`${userManager}/users`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, body: JSON.stringify({ username: 'phone', email: 'phone@example.org', password }) });
    const client = createClient({ baseUrl: bff });
    await client.signIn({ username: 'phone', password });
    const outbox = client.openOutbox({ owner: await client.whoIsSignedIn() });
    await client.api.POST('/devices/assign', { body: { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' } });
    const at = (second: number) => new Date(Date.UTC(2023, 0, 1) + second * 60_000).toISOString();
    const samples = (from: number, length: number) => Array.from({ length }, (_, index) => ({ id: randomUUID(), value: 60 + ((from + index) % 40), startDate: at(from + index), endDate: at(from + index), sourceId: 'com.apple.health.1', sourceName: 'Watch', metadata: { HKMetadataKeyHeartRateMotionContext: 1 } }));
    // Nobody reads on; what the server says must not hold it up.
    server.stdout.resume();
    // What a running server needs anyway is not growth.
    await outbox.addSamples(samples(0, 1000), { type: 'HeartRate', unit: 'bpm' });
    await outbox.flush();
    const before = residentBytesOf(server.pid ?? 0);
    let largest = before;
    const watching = setInterval(() => {
      largest = Math.max(largest, residentBytesOf(server.pid ?? 0));
    }, 200);
    await outbox.addSamples(samples(1000, count - 1000), { type: 'HeartRate', unit: 'bpm', anchor: { name: 'HeartRate', value: 'a' } });
    const outcome = await outbox.flush();
    clearInterval(watching);
    expect(outcome).toEqual({ state: 'empty' });
    const { rows } = await database.pool.query<{ rows: string; ids: string }>('select count(*) as rows, count(distinct _id) as ids from device_manager.sample');
    expect(rows).toEqual([{ rows: String(count), ids: String(count) }]);
    process.stderr.write(`first sync: ${String(count)} samples, resident memory of the server grew by ${((largest - before) / 1024 / 1024).toFixed(0)} MiB from ${(before / 1024 / 1024).toFixed(0)} MiB\n`);
    expect(largest - before).toBeLessThan(MOST_GROWTH_BYTES);
  } finally {
    server.kill('SIGTERM');
    await new Promise((resolve) => server.once('exit', resolve));
    await database.drop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}, 60_000 + count * 4);
