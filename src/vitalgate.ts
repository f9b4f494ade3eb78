import type { Config, ServiceName } from './config.ts';
import { startEmbeddedServer } from './database/embedded-server.ts';
import type { Connection } from './database/pool.ts';
import type { Place } from './listening.ts';
import { removeServerFile, writeServerFile, type ServiceUrls } from './server-file.ts';
import { serviceTokensOf } from './service-tokens.ts';
import type { Starting, StartOptions } from './starting/starting.ts';

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

const openDatabase = async ({ config, log, onFatal, notices, started }: Starting): Promise<Connection | undefined> => {
  if (config.DATABASE_URL !== undefined) return { connectionString: config.DATABASE_URL };
  if (config.SERVICES.every((service) => service === 'bff')) return undefined;
  const server = await startEmbeddedServer({ dataDir: config.DATA_DIR, tell: (text) => log.warn(text) });
  started.push(server.stop);
  server.onExit(onFatal);
  if (server.notice !== undefined) notices.push(server.notice);
  return server.connection;
};

/** The code of the services that run here, and of no other: to load it takes as long as the rest of a start. */
const codeOf = async (services: readonly ServiceName[]) => {
  const runs = (name: ServiceName): boolean => services.includes(name);
  return {
    userManager: runs('user-manager') ? await import('./starting/user-manager.ts') : undefined,
    deviceManager: runs('device-manager') ? await import('./starting/device-manager.ts') : undefined,
    bff: runs('bff') ? await import('./starting/bff.ts') : undefined,
  };
};

type Code = Awaited<ReturnType<typeof codeOf>>;

/** An upstream is the one in this process unless another is named; the settings were checked to name what is missing here. */
const named = (url: string | undefined): string => {
  if (url === undefined) throw new Error('An upstream runs neither here nor elsewhere.');
  return url;
};

const startServices = async (starting: Starting, code: Code, connection: Connection | undefined, serviceTokens: readonly [string, ...string[]]): Promise<ServiceUrls> => {
  const { config } = starting;
  let bff: Place | undefined = undefined;
  let deviceManager: Place | undefined = undefined;
  const hasDeviceManager = config.DEVICE_MANAGER_URL !== 'none';
  const addresses = { hasDeviceManager, publicUrl: () => config.PUBLIC_URL ?? bff?.url, deviceManagerUrl: () => (hasDeviceManager ? (config.DEVICE_MANAGER_URL ?? deviceManager?.internalUrl) : undefined) };
  const userManager = await code.userManager?.startUserManager(starting, connection, serviceTokens, addresses);
  const userManagerUrl = () => named(config.USER_MANAGER_URL ?? userManager?.internalUrl);
  deviceManager = await code.deviceManager?.startDeviceManager(starting, connection, serviceTokens, { url: userManagerUrl(), issuer: named(config.USER_MANAGER_URL ?? userManager?.url) });
  const upstreams = () => ({ userManagerUrl: userManagerUrl(), deviceManagerUrl: named(addresses.deviceManagerUrl()) });
  bff = await code.bff?.startBff(starting, serviceTokens, upstreams());
  return { ...(bff && { bff: bff.url }), ...(deviceManager && { deviceManager: deviceManager.url }), ...(userManager && { userManager: userManager.url }) };
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
    // PostgreSQL starts while our code is loaded.
    const [code, database] = await Promise.all([codeOf(config.SERVICES), openDatabase(starting)]);
    const serviceTokens = serviceTokensOf(config);
    const urls = await startServices(starting, code, database, serviceTokens);
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
