import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import packageFile from '../package.json' with { type: 'json' };
import { createBff } from './bff/service.ts';
import type { Config, ServiceName } from './config.ts';
import { startEmbeddedServer } from './database/embedded-server.ts';
import { openPool, type Connection, type Pool } from './database/pool.ts';
import { createDeviceManager } from './device-manager/service.ts';
import type { Service } from './http/service.ts';
import { loadMasterKey } from './keys/master-key.ts';
import { createKeyRing } from './keys/scope-keys.ts';
import { secretFile } from './keys/secret-file.ts';
import { cookiesAreSecure, reachableHost } from './public-address.ts';
import { migrateDeviceManager, migrateUserManager } from './schemas.ts';
import { removeServerFile, writeServerFile, type ServiceUrls } from './server-file.ts';
import { createUserManager } from './user-manager/service.ts';

/** What starting needs beside the settings. */
export interface StartOptions {
  readonly log: Logger;
  /** Told once when the program cannot go on, for instance because PostgreSQL ended. */
  readonly onFatal: (reason: string) => void;
  /** True in tests: an answer that breaks its contract is a 500. */
  readonly validateResponses?: boolean;
}

/** The running program. */
export interface Vitalgate {
  readonly urls: ServiceUrls;
  readonly serviceToken: string;
  /** A database connection of its own, absent where no service here has a database. */
  readonly database: Connection | undefined;
  /** What the operator should know, in sentences. */
  readonly notices: readonly string[];
  /** Stops in reverse order of starting: requests drain, jobs end, then the database. May be called twice. */
  readonly stop: () => Promise<void>;
}

interface Starting extends StartOptions {
  readonly config: Config;
  readonly notices: string[];
  /** What is to be undone, last first. */
  readonly started: (() => Promise<void> | void)[];
}

const portOf = (config: Config, service: ServiceName): number =>
  config.HTTP_PORT ?? { bff: config.BFF_PORT, 'device-manager': config.DEVICE_MANAGER_PORT, 'user-manager': config.USER_MANAGER_PORT }[service];

const openDatabase = async ({ config, onFatal, notices, started }: Starting): Promise<Connection | undefined> => {
  if (config.DATABASE_URL !== undefined) return { connectionString: config.DATABASE_URL };
  if (config.SERVICES.every((service) => service === 'bff')) return undefined;
  const server = await startEmbeddedServer({ dataDir: config.DATA_DIR });
  started.push(server.stop);
  server.onExit(onFatal);
  if (server.notice !== undefined) notices.push(server.notice);
  return server.connection;
};

const openServicePool = ({ log, started }: Starting, connection: Connection | undefined, size?: number, connectWithinMs?: number): Pool => {
  if (connection === undefined) throw new Error('This service needs a database.');
  const pool = openPool(connection, (error) => log.warn({ error: error.name, code: (error as { code?: unknown }).code }, 'a database connection broke'), size, connectWithinMs);
  started.push(() => pool.end());
  return pool;
};

const listen = async ({ config, started, log }: Starting, service: Service, name: ServiceName): Promise<string> => {
  started.push(service.stop);
  const { url, port } = await service.listen(portOf(config, name), config.HOST);
  log.info({ service: name, url }, 'listening');
  const host = reachableHost(config.HOST);
  return host === config.HOST ? url : `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
};

const common = ({ config, log, validateResponses = false }: Starting, name: ServiceName) => ({
  log: log.child({ service: name }),
  version: packageFile.version,
  validateResponses,
  secureCookies: cookiesAreSecure({ publicUrl: config.PUBLIC_URL, host: config.HOST }),
});

const startUserManager = async (starting: Starting, connection: Connection | undefined, serviceTokens: readonly string[]): Promise<string> => {
  const pool = openServicePool(starting, connection);
  await migrateUserManager(pool);
  const sessionDurationSeconds = starting.config.SESSION_DURATION_SECONDS;
  const service = await createUserManager({ ...common(starting, 'user-manager'), pool, serviceTokens, sessionDurationSeconds });
  return listen(starting, service, 'user-manager');
};

const startDeviceManager = async (starting: Starting, connection: Connection | undefined, serviceTokens: readonly string[], userManagerUrl: string): Promise<string> => {
  const { config } = starting;
  const pool = openServicePool(starting, connection);
  await migrateDeviceManager(pool);
  const keyRing = createKeyRing({ masterKey: loadMasterKey({ masterKey: config.MASTER_KEY, dataDir: config.DATA_DIR }) });
  await keyRing.check(pool);
  const { log, version, validateResponses } = common(starting, 'device-manager');
  const service = await createDeviceManager({ log, version, validateResponses, pool, jobPool: openServicePool(starting, connection, 8, 30_000), keyRing, serviceTokens, userManagerUrl, jobs: config.JOBS });
  return listen(starting, service, 'device-manager');
};

/** An upstream is the one in this process unless another is named; the settings were checked to name what is missing here. */
const named = (url: string | undefined): string => {
  if (url === undefined) throw new Error('An upstream runs neither here nor elsewhere.');
  return url;
};

const startServices = async (starting: Starting, connection: Connection | undefined, serviceTokens: readonly string[]): Promise<ServiceUrls> => {
  const { config } = starting;
  const runs = (service: ServiceName): boolean => config.SERVICES.includes(service);
  const userManager = runs('user-manager') ? await startUserManager(starting, connection, serviceTokens) : undefined;
  const userManagerUrl = config.USER_MANAGER_URL ?? userManager;
  const deviceManager = runs('device-manager') ? await startDeviceManager(starting, connection, serviceTokens, named(userManagerUrl)) : undefined;
  const upstreams = { userManagerUrl, deviceManagerUrl: config.DEVICE_MANAGER_URL ?? deviceManager };
  const startBff = () => {
    const [serviceToken = ''] = serviceTokens;
    const { CLIENT_TYPE: clientType, CUSTOM_USER_ID_KEY: customUserIdKey } = config;
    return createBff({ ...common(starting, 'bff'), serviceToken, clientType, customUserIdKey, deviceManagerUrl: named(upstreams.deviceManagerUrl), userManagerUrl: named(upstreams.userManagerUrl) });
  };
  const bff = runs('bff') ? await listen(starting, startBff(), 'bff') : undefined;
  return { ...(bff !== undefined && { bff }), ...(deviceManager !== undefined && { deviceManager }), ...(userManager !== undefined && { userManager }) };
};

const serviceTokensOf = ({ SERVICE_TOKEN, SERVICE_TOKEN_PREVIOUS, DATA_DIR }: Config): readonly [string, ...string[]] => {
  const current = SERVICE_TOKEN ?? secretFile(join(DATA_DIR, 'service-token'), () => randomBytes(32).toString('base64url'));
  return SERVICE_TOKEN_PREVIOUS === undefined ? [current] : [current, SERVICE_TOKEN_PREVIOUS];
};

const undo = async ({ started, log }: Starting): Promise<void> => {
  for (const step of started.splice(0).toReversed()) {
    try {
      await step();
    } catch (error) {
      log.error({ error: error instanceof Error ? error.name : 'unknown' }, 'a part did not stop');
    }
  }
};

/**
 * Starts what the settings ask for: database, tables, keys, services, jobs. Rejects with a reason for the operator when anything
 * does not start; what had started by then is stopped again.
 */
export const startVitalgate = async (config: Config, options: StartOptions): Promise<Vitalgate> => {
  const starting: Starting = { ...options, config, notices: [], started: [] };
  try {
    const database = await openDatabase(starting);
    const serviceTokens = serviceTokensOf(config);
    const urls = await startServices(starting, database, serviceTokens);
    if (database !== undefined) {
      writeServerFile(config.DATA_DIR, { pid: process.pid, urls, database });
      starting.started.push(() => removeServerFile(config.DATA_DIR));
    }
    let stopped: Promise<void> | undefined;
    return { urls, database, serviceToken: serviceTokens[0], notices: starting.notices, stop: () => (stopped ??= undo(starting)) };
  } catch (error) {
    await undo(starting);
    throw error;
  }
};
