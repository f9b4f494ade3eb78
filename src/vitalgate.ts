import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import packageFile from '../package.json' with { type: 'json' };
import { createBff } from './bff/service.ts';
import type { Config, ServiceName } from './config.ts';
import { startEmbeddedServer } from './database/embedded-server.ts';
import { openPool, type Connection, type Pool } from './database/pool.ts';
import type { TherapyMonitoringSettings } from './device-manager/dependencies.ts';
import { recordEntry } from './device-manager/storage/audit-table.ts';
import { createDeviceManager } from './device-manager/service.ts';
import type { TokenIssuer } from './device-manager/sender-tokens.ts';
import { masterKeyFaultIn, openKeys } from './keys/master-key-check.ts';
import { masterKeyNotices } from './keys/master-key-source.ts';
import { noteMasterKey } from './keys/scope-key-table.ts';
import { secretFile } from './keys/secret-file.ts';
import { listen, type Listening, type Place } from './listening.ts';
import { processGauges } from './metrics/process-gauges.ts';
import { cookiesAreSecure } from './public-address.ts';
import { migrateDeviceManager, migrateUserManager } from './schemas.ts';
import { removeServerFile, writeServerFile, type ServiceUrls } from './server-file.ts';
import { openMailer, type Mailer } from './user-manager/mail.ts';
import { createPasswords } from './user-manager/password.ts';
import { createUserManager } from './user-manager/service.ts';
import { patientIdOf } from './user-manager/patient-id.ts';
import { recordAudit as recordUserManagerAudit } from './user-manager/storage/audit-table.ts';
import { loadUserGroups } from './user-manager/user-groups.ts';

/** What starting needs beside the settings. */
export interface StartOptions {
  readonly log: Logger;
  /** Told once when the program cannot go on, for instance because PostgreSQL ended. */
  readonly onFatal: (reason: string) => void;
  /** Tells in the audit which settings a start had. */
  readonly configurationDigest: string;
  /** True in tests: an answer that breaks its contract is a 500. */
  readonly validateResponses?: boolean;
  /** False in tests that start often: what a route needs is compiled at its first request, and a broken spec does not stop the start. */
  readonly warmUp?: boolean;
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

interface Starting extends StartOptions, Listening {
  readonly notices: string[];
}

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

const common = ({ config, log, validateResponses = false, warmUp = true }: Starting, name: ServiceName) => ({
  log: log.child({ service: name }),
  version: packageFile.version,
  validateResponses,
  gauges: processGauges(packageFile.version, config.DATA_DIR),
  isPublicHttps: config.PUBLIC_URL?.startsWith('https:') === true,
  warmUp,
  secureCookies: cookiesAreSecure({ publicUrl: config.PUBLIC_URL, host: config.HOST, tls: config.TLS_CERT !== undefined }),
});

/** Where mails lie that were not sent. */
export const mailFolderIn = ({ DATA_DIR }: Pick<Config, 'DATA_DIR'>): string => join(DATA_DIR, 'mail');

/** Opens the way for mails; where one is missing, the operator is told before the first mail is. */
const openMail = ({ config, notices, started }: Starting): Mailer => {
  const folder = mailFolderIn(config);
  const mailer = openMailer({ smtpUrl: config.SMTP_URL, from: config.MAIL_FROM, folder });
  started.push(mailer.close);
  if (config.JOBS.some((name) => name.startsWith('password-'))) {
    if (config.SMTP_URL === undefined) notices.push(`No SMTP_URL: mails are not sent, but written to ${folder}`);
    if (config.PUBLIC_URL === undefined && !config.SERVICES.includes('bff')) notices.push('PUBLIC_URL is needed for the links in mails: none is sent before it is set.');
  }
  return mailer;
};

const startOf = ({ configurationDigest }: Starting) => ({ event: 'program-started', actor: 'program', resource: `configuration/${configurationDigest}`, requestId: `start-${randomUUID()}` }) as const;

/** Where other services of this process are, as soon as they listen. */
interface Addresses {
  readonly publicUrl: () => string | undefined;
  readonly deviceManagerUrl: () => string | undefined;
}

const startUserManager = async (starting: Starting, connection: Connection | undefined, serviceTokens: readonly string[], addresses: Addresses): Promise<Place> => {
  const pool = openServicePool(starting, connection);
  await migrateUserManager(pool);
  await recordUserManagerAudit(pool, startOf(starting));
  const { config } = starting;
  let own: Place | undefined;
  const service = await createUserManager({
    ...common(starting, 'user-manager'), pool, jobPool: openServicePool(starting, connection, 4, 30_000), jobs: config.JOBS, serviceTokens,
    ...addresses, mailer: openMail(starting), mailFolder: mailFolderIn(config), retentionDays: { sessions: config.SESSION_RETENTION_DAYS, resets: config.RESET_RETENTION_DAYS, bulkJobs: config.BULK_JOB_RETENTION_DAYS, mails: config.MAIL_RETENTION_DAYS },
    patientIdOf: (user) => patientIdOf(user, config.CUSTOM_USER_ID_KEY), passwordResetMinutes: config.PASSWORD_RESET_MINUTES, issuer: () => config.USER_MANAGER_URL ?? own?.internalUrl ?? '',
    groups: loadUserGroups(config.USER_GROUPS_FILE),
    userInfoMembers: config.USERINFO_ADDITIONAL_PROPERTIES,
    passwords: await createPasswords(config.PASSWORD_MIN_LENGTH),
    allowedOrigins: config.ALLOWED_ORIGINS, trustedProxies: config.TRUSTED_PROXIES,
    sessionDurationSeconds: config.SESSION_DURATION_SECONDS,
    sessionIdleSeconds: config.SESSION_IDLE_SECONDS,
    refreshTokenDurationSeconds: config.REFRESH_TOKEN_DURATION_SECONDS,
  });
  return (own = await listen(starting, service, 'user-manager'));
};

/** Where erasures are noted apart from the database. */
export const erasureJournalIn = ({ DATA_DIR }: Pick<Config, 'DATA_DIR'>): string => join(DATA_DIR, 'erasure-journal.ndjson');

/** Our User Manager, and the issuer of others that the settings name. */
const tokenIssuersOf = ({ WEBHOOK_JWT_ISSUER: issuer, WEBHOOK_JWKS_URL: jwksUrl, WEBHOOK_JWT_AUDIENCE: audience, ...config }: Config, userManagerUrl: string): TokenIssuer[] => {
  const own = { issuer: userManagerUrl, jwksUrl: `${userManagerUrl.replace(/\/$/, '')}/.well-known/jwks.json`, audience: 'vitalgate-webhook', scope: 'webhook', keysEveryMs: 1_000 };
  if (issuer === undefined || jwksUrl === undefined || audience === undefined) return [own];
  return [own, { issuer, jwksUrl, audience, scope: config.WEBHOOK_JWT_SCOPE, sender: config.WEBHOOK_JWT_SENDER }];
};

const LONGEST_WAIT_MS = 3_600_000;

const therapyMonitoringOf = ({ TMM_SERVICE_URL: url, TMM_SERVICE_TOKEN: token, ...config }: Config): TherapyMonitoringSettings | undefined =>
  url === undefined ? undefined : { url, token, timeoutMs: config.TMM_TIMEOUT_SECONDS * 1000, pace: { firstWaitMs: config.TMM_RETRY_SECONDS * 1000, longestWaitMs: LONGEST_WAIT_MS, mostFailures: config.TMM_MAX_FAILURES } };

const startDeviceManager = async (starting: Starting, connection: Connection | undefined, serviceTokens: readonly string[], userManagerUrl: string): Promise<Place> => {
  const { config } = starting;
  const pool = openServicePool(starting, connection);
  await migrateDeviceManager(pool);
  await recordEntry(pool, startOf(starting));
  const { keyRing, masterKeys } = await openKeys(pool, config);
  starting.notices.push(...masterKeyNotices(config));
  // From now on keys may be wrapped by it: other processes that were not given it say that they are not ready.
  await noteMasterKey(pool, masterKeys.current.id);
  const { log, version, validateResponses, gauges, isPublicHttps, warmUp } = common(starting, 'device-manager');
  const service = await createDeviceManager({
    log, version, validateResponses, gauges, isPublicHttps, warmUp, pool, jobPool: openServicePool(starting, connection, 12, 30_000), jobs: config.JOBS,
    keyRing, masterKeyFault: () => masterKeyFaultIn(pool, masterKeys), serviceTokens, userManagerUrl,
    userIdHeader: config.USERID_HEADER_KEY, tokenIssuers: tokenIssuersOf(config, userManagerUrl), therapyMonitoring: therapyMonitoringOf(config), trustedProxies: config.TRUSTED_PROXIES,
    retentionDays: {
      payloads: config.PAYLOAD_RETENTION_DAYS, healthData: config.HEALTH_DATA_RETENTION_DAYS, quarantine: config.QUARANTINE_RETENTION_DAYS, discarded: config.DISCARDED_RETENTION_DAYS,
    },
    exportDays: config.EXPORT_RETENTION_DAYS, erasureJournal: erasureJournalIn(config), backupDays: config.BACKUP_RETENTION_DAYS,
  });
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
  let bff: string | undefined = undefined;
  let deviceManager: Place | undefined = undefined;
  const addresses = { publicUrl: () => config.PUBLIC_URL ?? bff, deviceManagerUrl: () => config.DEVICE_MANAGER_URL ?? deviceManager?.internalUrl };
  const userManager = runs('user-manager') ? await startUserManager(starting, connection, serviceTokens, addresses) : undefined;
  const userManagerUrl = config.USER_MANAGER_URL ?? userManager?.internalUrl;
  deviceManager = runs('device-manager') ? await startDeviceManager(starting, connection, serviceTokens, named(userManagerUrl)) : undefined;
  const upstreams = { userManagerUrl, deviceManagerUrl: config.DEVICE_MANAGER_URL ?? deviceManager?.internalUrl };
  const startBff = () => {
    const [serviceToken = ''] = serviceTokens;
    const { USERID_HEADER_KEY: userIdHeader, CLIENT_TYPE: clientType, CUSTOM_USER_ID_KEY: customUserIdKey, HISTORY_DAYS: historyDays, UPLOADS_PER_MINUTE: uploadsPerMinute } = config;
    const { SESSION_COOKIE: cookieName, PUBLIC_URL: publicUrl, ALLOWED_ORIGINS: allowedOrigins, TRUSTED_PROXIES: trustedProxies, PASSWORD_RESETS_PER_HOUR: resetsPerHour } = config;
    const urls = { deviceManagerUrl: named(upstreams.deviceManagerUrl), userManagerUrl: named(upstreams.userManagerUrl) };
    return createBff({ ...common(starting, 'bff'), ...urls, serviceToken, userIdHeader, clientType, customUserIdKey, historyDays, uploadsPerMinute, cookieName, publicUrl, allowedOrigins, trustedProxies, resetsPerHour });
  };
  bff = runs('bff') ? (await listen(starting, startBff(), 'bff')).url : undefined;
  return { ...(bff !== undefined && { bff }), ...(deviceManager && { deviceManager: deviceManager.url }), ...(userManager && { userManager: userManager.url }) };
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
