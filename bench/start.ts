/**
 * Starts the whole program on the embedded PostgreSQL, and each service alone on another one, until it is ready: time, and processor time
 * of node alone. Medians of the rounds, each way after one start that leaves tables and compiled code; `without` is without that code.
 * Usage: npm run bench -- start
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { nodeOptions, temporaryDirectory } from '../scripts/demo/program.ts';
import { startEmbeddedServer } from '../src/database/embedded-server.ts';
import { processorTimes } from './processor-time.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 7);

interface Start {
  readonly ms: number;
  readonly processorMs: number;
}

type Settings = Readonly<Record<string, string>>;

/** The addresses are told when everything listens, data last of all. */
const untilReady = async (child: ChildProcess): Promise<void> => {
  if (child.stderr === null) throw new Error('the program says nothing');
  for await (const line of createInterface({ input: child.stderr })) if (line.startsWith('Data lies in')) return;
  throw new Error('the program ended before it was ready');
};

const start = async (settings: Settings): Promise<Start> => {
  const started = performance.now();
  const child = spawn(process.execPath, [...nodeOptions, 'src/main.ts'], {
    cwd: join(import.meta.dirname, '..'), env: { PATH: process.env['PATH'], LOG_LEVEL: 'warn', BFF_PORT: '0', DEVICE_MANAGER_PORT: '0', USER_MANAGER_PORT: '0', ...settings }, stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  await untilReady(child);
  const ms = performance.now() - started;
  const { program } = processorTimes(child.pid ?? 0);
  child.kill('SIGTERM');
  await ended;
  return { ms, processorMs: program };
};

const median = (numbers: readonly number[]): string => (numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN).toFixed(0).padStart(6);

const bench = async (name: string, settings: Settings): Promise<void> => {
  await start(settings);
  const [kept, without]: [Start[], Start[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    kept.push(await start(settings));
    without.push(await start({ ...settings, NODE_DISABLE_COMPILE_CACHE: '1' }));
  }
  console.log(`${name.padEnd(16)}${[kept, without].map((starts) => `${median(starts.map(({ ms }) => ms))} ms ${median(starts.map(({ processorMs }) => processorMs))} ms of processor time`).join('   without: ')}`);
};

const directory = temporaryDirectory();
const server = await startEmbeddedServer({ dataDir: join(directory.path, 'apart') });
try {
  const { host, user, password, database } = server.connection;
  const apart = {
    DATABASE_URL: `postgres://${user}:${password}@/${database}?host=${encodeURIComponent(host)}`, DATA_DIR: join(directory.path, 'service'), MASTER_KEY: randomBytes(32).toString('hex'),
    SERVICE_TOKEN: randomBytes(32).toString('base64url'), USER_MANAGER_URL: 'http://127.0.0.1:9', DEVICE_MANAGER_URL: 'http://127.0.0.1:9',
  };
  await bench('everything', { DATA_DIR: join(directory.path, 'everything') });
  for (const SERVICES of ['user-manager', 'device-manager', 'bff']) await bench(SERVICES, { ...apart, SERVICES });
} finally {
  await server.stop();
  directory.remove();
}
