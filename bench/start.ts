import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { nodeOptions, temporaryDirectory } from '../scripts/demo/program.ts';
import { startEmbeddedServer } from '../src/database/embedded-server.ts';
import { spreadOf, type Benchmark, type Findings } from './setup/benchmark.ts';
import { benchedSettings } from './setup/person.ts';
import { processorTimes } from './setup/processor-time.ts';

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
    cwd: join(import.meta.dirname, '..'), env: { PATH: process.env['PATH'], ...benchedSettings, BFF_PORT: '0', DEVICE_MANAGER_PORT: '0', USER_MANAGER_PORT: '0', ...settings }, stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  await untilReady(child);
  const ms = performance.now() - started;
  const { program } = processorTimes(child.pid ?? 0);
  child.kill('SIGTERM');
  await ended;
  return { ms, processorMs: program };
};

const rowsOf = async (name: string, settings: Settings): Promise<string[]> => {
  await start(settings);
  const [kept, without]: [Start[], Start[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    kept.push(await start(settings));
    without.push(await start({ ...settings, NODE_DISABLE_COMPILE_CACHE: '1' }));
  }
  return [name, ...[kept, without].flatMap((starts) => [spreadOf(starts.map(({ ms }) => ms)), spreadOf(starts.map(({ processorMs }) => processorMs))])];
};

const run = async (): Promise<Findings> => {
  const directory = temporaryDirectory();
  const server = await startEmbeddedServer({ dataDir: join(directory.path, 'apart') });
  try {
    const { host, user, password, database } = server.connection;
    const apart = {
      DATABASE_URL: `postgres://${user}:${password}@/${database}?host=${encodeURIComponent(host)}`, DATA_DIR: join(directory.path, 'service'), MASTER_KEY: randomBytes(32).toString('hex'),
      SERVICE_TOKEN: randomBytes(32).toString('base64url'), USER_MANAGER_URL: 'http://127.0.0.1:9', DEVICE_MANAGER_URL: 'http://127.0.0.1:9',
    };
    const rows = [await rowsOf('everything', { DATA_DIR: join(directory.path, 'everything') })];
    for (const [name, SERVICES] of [['User Manager', 'user-manager'], ['Device Manager', 'device-manager'], ['BFF', 'bff']] as const) rows.push(await rowsOf(name, { ...apart, SERVICES }));
    return { figures: [], table: [['started', 'ms', 'of processor time', 'without kept code, ms', 'of processor time'], ...rows] };
  } finally {
    await server.stop();
    directory.remove();
  }
};

/** How long until the program is ready. */
export const benchmark: Benchmark = {
  title: 'Starting',
  about: `Starts the whole program on the embedded PostgreSQL, and each service alone on another one, until it is ready, with what Node keeps of compiled code and without it; processor time is
node's alone, and each way begins after one start that leaves tables and compiled code.`,
  remarks: `Of the start of everything, two fifths go to loading modules, two fifths to the validators of all operations (a quarter of them to the schema of OpenAPI itself, which the validator
compiles once for each service), and a twentieth to waiting for PostgreSQL, which starts while modules are loaded. All but that wait is computation of one thread, so that
starting the three services at once would not be quicker. The first start keeps what it compiled, 10 MB, in \`node_modules/.cache/vitalgate\`. A test begins with a copy of a database
that has all tables: 50 ms instead of 270 ms.`,
  run,
};
