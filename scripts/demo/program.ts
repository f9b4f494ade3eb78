import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openPool } from '../../src/database/pool.ts';
import { makeDemoPeople, type DemoAddresses, type DemoPeople } from '../../src/demo/people.ts';
import type { ServerFile } from '../../src/server-file.ts';

/** How `npm start` runs Node: young objects take 32 MiB at most, as in Node 20, where newer ones take 128 and are no quicker for it. */
export const nodeOptions = ['--max-semi-space-size=16'] as const;

const root = join(import.meta.dirname, '..', '..');

/** The people and keys of a demo, and where its services are. */
export type Demo = DemoAddresses & DemoPeople;

/** The whole program as a child process of its own, as an operator runs it. */
export interface Running {
  readonly dataDirectory: string;
  /** All that it wrote to standard output and standard error. */
  readonly output: () => string;
  /** Process id of node. */
  readonly pid: number;
  /** Resolves when node has ended, however it ended. */
  readonly ended: Promise<unknown>;
  /** SIGTERM; resolves to the exit code. */
  readonly stop: () => Promise<number | null>;
}

/** The whole program with the people and keys of a demo. */
export interface Program extends Running {
  readonly demo: Demo;
}

/** A new folder for DATA_DIR that goes when `remove` is called. */
export const temporaryDirectory = (): { path: string; remove: () => void } => {
  const path = mkdtempSync(join(tmpdir(), 'vitalgate-'));
  // Started as root, PostgreSQL runs as another user: it shall reach its files in here, and leave none elsewhere.
  chmodSync(path, 0o711);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
};

const writtenAt = (path: string): bigint => statSync(path, { bigint: true }).mtimeNs;

const writtenAfter = async (path: string, before: bigint | undefined, child: ChildProcess, output: () => string): Promise<string> => {
  for (let waitedMs = 0; waitedMs < 120_000; waitedMs += 50) {
    if (existsSync(path) && writtenAt(path) !== before) return readFileSync(path, 'utf8');
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the program ended before it was ready:\n${output()}`);
    await sleep(50);
  }
  throw new Error(`the program was not ready within 120 s:\n${output()}`);
};

const start = async (dataDirectory: string, options: readonly string[], readyFile: string, environment: Readonly<Record<string, string>>): Promise<Running & { ready: string }> => {
  const file = join(dataDirectory, readyFile);
  // A start puts a new file in place by rename; one of an earlier start names ports that are gone.
  const before = existsSync(file) ? writtenAt(file) : undefined;
  const child = spawn(process.execPath, [...nodeOptions, 'src/main.ts', ...options], {
    cwd: root,
    // Settings of the caller's are not the program's: it runs on data of its own.
    env: { PATH: process.env['PATH'], BFF_PORT: '0', DEVICE_MANAGER_PORT: '0', USER_MANAGER_PORT: '0', DATA_DIR: dataDirectory, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const written: string[] = [];
  child.stdout.on('data', (text: Buffer) => written.push(text.toString()));
  child.stderr.on('data', (text: Buffer) => written.push(text.toString()));
  const output = () => written.join('');
  const exited = once(child, 'exit');
  const ready = await writtenAfter(file, before, child, output).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('the program has no process id');
  return {
    ready,
    dataDirectory,
    output,
    pid,
    ended: exited,
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = (await exited) as [number | null];
      return code;
    },
  };
};

/** Starts `src/main.ts` on free ports and waits until server.json is in place. */
export const startPlainProgram = async (dataDirectory: string, environment: Readonly<Record<string, string>> = {}): Promise<Running & { server: ServerFile }> => {
  const { ready, ...running } = await start(dataDirectory, [], 'server.json', environment);
  return { ...running, server: JSON.parse(ready) as ServerFile };
};

/** Starts `src/main.ts --demo` on free ports and waits until demo.json is in place; what it kept goes when it stops. */
export const startDemo = async (dataDirectory: string, environment: Readonly<Record<string, string>> = {}): Promise<Program> => {
  const { ready, ...running } = await start(dataDirectory, ['--demo'], 'demo.json', environment);
  return { ...running, demo: JSON.parse(ready) as Demo };
};

const peopleOf = async (dataDirectory: string, { database }: ServerFile): Promise<DemoPeople> => {
  const file = join(dataDirectory, 'people.json');
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as DemoPeople;
  const pool = openPool(database, () => undefined, 1);
  try {
    const people = await makeDemoPeople(pool);
    writeFileSync(file, JSON.stringify(people), { mode: 0o600 });
    return people;
  } finally {
    await pool.end();
  }
};

/** Starts `src/main.ts` on free ports with the people of a demo and nothing of theirs; started again on the same folder, it has them still. */
export const startProgram = async (dataDirectory: string, environment: Readonly<Record<string, string>> = {}): Promise<Program> => {
  const { server, ...running } = await startPlainProgram(dataDirectory, environment);
  const { bff = '', deviceManager = '', userManager = '' } = server.urls;
  const serviceToken = readFileSync(join(dataDirectory, 'service-token'), 'utf8').trim();
  return { ...running, demo: { bff, deviceManager, userManager, serviceToken, ...(await peopleOf(dataDirectory, server)) } };
};
