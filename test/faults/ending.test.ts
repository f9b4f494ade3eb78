import { afterAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { startProgram, temporaryDirectory, type Program } from '../../scripts/demo/program.ts';

const requests = 100;

const directories: ReturnType<typeof temporaryDirectory>[] = [];
let program: Program;
afterAll(async () => {
  await program.stop();
  directories.forEach((directory) => directory.remove());
});

/** A request of which half is sent; `finish` sends the rest and resolves to all that was answered. */
interface Halfway {
  readonly socket: Socket;
  readonly finish: () => Promise<string>;
}

const begin = (bff: string, cookie: string): Halfway => {
  const { hostname, port } = new URL(bff);
  const body = JSON.stringify({ deviceId: randomUUID(), deviceType: 'Wearable', deviceProvider: 'apple-healthkit' });
  const head = `POST /devices/assign HTTP/1.1\r\nHost: ${hostname}\r\nCookie: ${cookie}\r\nContent-Type: application/json\r\nContent-Length: ${String(body.length)}\r\n\r\n`;
  const socket = connect(Number(port), hostname, () => socket.write(head + body.slice(0, 20)));
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString())).on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  return {
    socket,
    finish: async () => {
      socket.write(body.slice(20));
      await closed;
      return answer;
    },
  };
};

describe('a program that is to end while requests are under way', () => {
  test.each([
    ['by SIGTERM', 'SIGTERM', 0],
    ['by an error nobody caught', 'SIGUSR2', 1],
  ] as const)('%s lets %s finish them, takes no new one and exits with %i', async (_situation, signal, exitCode) => {
    const directory = temporaryDirectory();
    directories.push(directory);
    // As a bug anywhere in the program would throw.
    const bug = join(directory.path, 'bug.mjs');
    writeFileSync(bug, `process.on('SIGUSR2', () => setTimeout(() => { throw new TypeError('planted'); }));`);
    program = await startProgram(directory.path, { NODE_OPTIONS: `--import=${pathToFileURL(bug).href}`, LOG_LEVEL: 'fatal' });
    const { bff, username, password } = program.demo;
    const signedIn = await fetch(`${bff}/oauth/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password }) });
    const cookie = signedIn.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    const underWay = Array.from({ length: requests }, () => begin(bff, cookie));
    await sleep(500);
    const ended = program.ended.then((exited) => [performance.now(), (exited as [number | null])[0]] as const);
    const started = performance.now();
    process.kill(program.pid, signal);
    await sleep(300);
    await expect(fetch(`${bff}/-/ready`)).rejects.toThrow('fetch failed');
    const answers = await Promise.all(underWay.map(({ finish }) => finish()));
    expect(answers.filter((answer) => !/^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n/i.test(answer))).toEqual([]);
    const [at, code] = await ended;
    expect(code).toBe(exitCode);
    expect(at - started).toBeLessThan(15_000);
    const lines = program.output().split('\n').filter((line) => line.includes('"level":60'));
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(exitCode === 0 ? [] : ['uncaught error']);
  }, 120_000);
});
