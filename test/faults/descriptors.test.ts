import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../device-manager/client.ts';
import { heartRates } from './app.ts';
import { startFaultyProgram, type FaultyProgram } from './faulty-program.ts';
import { openSender, type Sender } from './load.ts';
import { phone, rows } from './use-cases.ts';

const AT_ONCE = 24;

let faulty: FaultyProgram;
let sender: Sender;
beforeAll(async () => {
  faulty = await startFaultyProgram({});
  sender = openSender(faulty.world.urls.bff, AT_ONCE);
});
afterAll(async () => {
  sender.close();
  expect(await faulty.stop()).toBe(0);
});

const openFiles = (): number => readdirSync(`/proc/${String(faulty.pid)}/fd`).length;
const limitTo = (files: number): void => {
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(faulty.pid), `--nofile=${String(files)}:`], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
};

/** Connections that ask for nothing, more than the service can take. */
const crowd = async (url: string, count: number): Promise<Socket[]> => {
  const { hostname, port } = new URL(url);
  const sockets = Array.from({ length: count }, () => connect(Number(port), hostname).on('error', () => undefined));
  await sleep(300);
  return sockets;
};

test.each([
  ['that are all taken by connections which ask for nothing', 3, 100],
  ['that are not enough for so many requests at once', 12, 0],
])('with file descriptors %s, it refuses or answers 503, keeps what it acknowledges, and is of use again without a restart', async (_situation, spare, idle) => {
  const { world } = faulty;
  const { user, cookie } = await phone(world);
  const upload = (second: number) => sender.send('POST', '/health-data?type=HeartRate&unit=bpm', { cookie }, JSON.stringify(heartRates(second, 1)));
  // The phone's connections are there before; those between the services and to the database are few.
  await Promise.all(Array.from({ length: AT_ONCE }, () => sender.send('GET', '/limits', {})));
  limitTo(openFiles() + spare);
  const sockets = await crowd(world.urls.deviceManager, idle);
  const answers = await Promise.all(Array.from({ length: 2 * AT_ONCE }, (_, second) => upload(second)));
  const taken = answers.filter(({ status }) => status === 200).length;
  const refused = answers.filter(({ status, retryAfter }) => status === 0 || (status === 503 && Number(retryAfter) > 0)).length;
  process.stderr.write(`without descriptors: ${String(taken)} uploads taken, ${String(refused)} refused\n`);
  expect([refused > 0, answers.length - taken - refused]).toEqual([true, 0]);
  for (const socket of sockets) socket.destroy();
  // The limit stays: what was given back is enough for one after the other.
  expect((await eventually(() => upload(1_000), ({ status }) => status === 200)).status).toBe(200);
  const [stored] = await rows(world, 'select count(*)::int as n from device_manager.sample where patient_id = $1', [user.id]);
  expect(stored?.['n']).toBeGreaterThanOrEqual(taken + 1);
  expect(faulty.output()).not.toMatch(/internal error|uncaught|unhandled/i);
  limitTo(10_000);
});
