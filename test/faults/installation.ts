import { randomBytes } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeOptions, temporaryDirectory } from '../../scripts/demo/program.ts';

const root = join(import.meta.dirname, '..', '..');

/** One process of an installation, which keeps its ports over restarts. */
export interface Instance {
  readonly name: string;
  /** The address of each service that it runs. */
  readonly urls: Readonly<Record<string, string>>;
  /** Its DATA_DIR. */
  readonly dataDirectory: string;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Resolves with the exit code (null after a signal) once the process has ended. */
  readonly ended: () => Promise<number | null>;
  /** Starts it (again); resolves when it is ready. */
  readonly start: () => Promise<void>;
  readonly output: () => string;
}

type ServiceName = 'bff' | 'device-manager' | 'user-manager';
const portSettings: Readonly<Record<ServiceName, string>> = { bff: 'BFF_PORT', 'device-manager': 'DEVICE_MANAGER_PORT', 'user-manager': 'USER_MANAGER_PORT' };

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};

/** Processes that share a database, a master key and a service token. */
export interface Installation {
  readonly serviceToken: string;
  /** Prepares a process that runs some services; `others` names the services it asks elsewhere. */
  readonly add: (name: string, services: readonly ServiceName[], others?: Readonly<Record<string, string>>) => Promise<Instance>;
  readonly stop: () => Promise<void>;
}

const READY_WITHIN_MS = 60_000;

const untilReady = async (urls: readonly string[], child: ChildProcess, output: () => string): Promise<void> => {
  const isReady = (url: string) => fetch(`${url}/-/ready`).then(({ status }) => status === 200, () => false);
  for (let waitedMs = 0; waitedMs < READY_WITHIN_MS; waitedMs += 50) {
    if ((await Promise.all(urls.map(isReady))).every(Boolean)) return;
    if (child.exitCode !== null) throw new Error(`an instance ended before it was ready:\n${output()}`);
    await sleep(50);
  }
  throw new Error(`an instance was not ready within 60 s:\n${output()}`);
};

/** Opens an installation on a database. */
export const openInstallation = (databaseUrl: string): Installation => {
  const serviceToken = randomBytes(32).toString('base64url');
  const shared = { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], DATABASE_URL: databaseUrl, SERVICE_TOKEN: serviceToken, MASTER_KEY: randomBytes(32).toString('hex'), LOG_LEVEL: 'warn', UPLOADS_PER_MINUTE: '1000000', PASSWORD_RESETS_PER_HOUR: '100000' };
  const children = new Set<ChildProcess>();
  const directories: { remove: () => void }[] = [];
  return {
    serviceToken,
    add: async (name, services, others = {}) => {
      const directory = temporaryDirectory();
      directories.push(directory);
      const ports = await Promise.all(services.map(async (service) => [service, await freePort()] as const));
      const urls = Object.fromEntries(ports.map(([service, port]) => [service, `http://127.0.0.1:${String(port)}`]));
      const env = { ...shared, ...others, DATA_DIR: directory.path, SERVICES: services.join(','), ...Object.fromEntries(ports.map(([service, port]) => [portSettings[service], String(port)])) };
      const written: string[] = [];
      const output = () => written.join('');
      let child: ChildProcess;
      return {
        name, urls, output, dataDirectory: directory.path,
        signal: (signal) => child.kill(signal),
        ended: async () => (child.exitCode === null && child.signalCode === null ? ((await once(child, 'exit')) as [number | null])[0] : child.exitCode),
        start: async () => {
          const launched = spawn(process.execPath, [...nodeOptions, join(root, 'src', 'main.ts')], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
          child = launched;
          children.add(launched);
          for (const stream of [launched.stdout, launched.stderr]) stream.on('data', (text: Buffer) => written.push(text.toString()));
          await untilReady(Object.values(urls), launched, output);
        },
      };
    },
    stop: async () => {
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill('SIGCONT');
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      directories.forEach((directory) => directory.remove());
    },
  };
};
