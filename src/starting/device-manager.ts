import type { Config } from '../config.ts';
import { erasureJournalIn } from '../data-files.ts';
import type { Connection } from '../database/pool.ts';
import type { TherapyMonitoringSettings } from '../device-manager/dependencies.ts';
import type { TokenIssuer } from '../device-manager/sender-tokens.ts';
import { createDeviceManager } from '../device-manager/service.ts';
import { recordEntry } from '../device-manager/storage/audit-table.ts';
import { masterKeyFaultIn, openKeys } from '../keys/master-key-check.ts';
import { masterKeyNotices } from '../keys/master-key-source.ts';
import { noteMasterKey } from '../keys/scope-key-table.ts';
import { listen, type Place } from '../listening.ts';
import { migrateDeviceManager } from '../schemas.ts';
import { common, openServicePool, startOf, type Starting } from './starting.ts';

/** Where our User Manager is asked, and how it names itself in tokens. */
interface UserManagerNames {
  readonly url: string;
  readonly issuer: string;
}

/** Our User Manager, and the issuer of others that the settings name. */
const tokenIssuersOf = ({ WEBHOOK_JWT_ISSUER: issuer, WEBHOOK_JWKS_URL: jwksUrl, WEBHOOK_JWT_AUDIENCE: audience, ...config }: Config, userManager: UserManagerNames): TokenIssuer[] => {
  const own = { issuer: userManager.issuer, jwksUrl: `${userManager.url.replace(/\/$/, '')}/.well-known/jwks.json`, audience: 'vitalgate-webhook', scope: 'webhook', keysEveryMs: 1_000 };
  if (issuer === undefined || jwksUrl === undefined || audience === undefined) return [own];
  return [own, { issuer, jwksUrl, audience, scope: config.WEBHOOK_JWT_SCOPE, sender: config.WEBHOOK_JWT_SENDER }];
};

const LONGEST_WAIT_MS = 3_600_000;

const therapyMonitoringOf = ({ TMM_SERVICE_URL: url, TMM_SERVICE_TOKEN: token, ...config }: Config): TherapyMonitoringSettings | undefined =>
  url === undefined ? undefined : { url, token, timeoutMs: config.TMM_TIMEOUT_SECONDS * 1000, pace: { firstWaitMs: config.TMM_RETRY_SECONDS * 1000, longestWaitMs: LONGEST_WAIT_MS, mostFailures: config.TMM_MAX_FAILURES } };

/** Brings the tables of the Device Manager up to date, opens the keys, and has it listen. */
export const startDeviceManager = async (starting: Starting, connection: Connection | undefined, serviceTokens: readonly string[], userManager: UserManagerNames): Promise<Place> => {
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
    log, version, validateResponses, gauges, isPublicHttps, warmUp, pool, jobPool: openServicePool(starting, connection, 8, 30_000), jobs: config.JOBS,
    keyRing, masterKeyFault: () => masterKeyFaultIn(pool, masterKeys), serviceTokens, userManagerUrl: userManager.url, customUserIdKey: config.CUSTOM_USER_ID_KEY,
    userIdHeader: config.USERID_HEADER_KEY, tokenIssuers: tokenIssuersOf(config, userManager), therapyMonitoring: therapyMonitoringOf(config), trustedProxies: config.TRUSTED_PROXIES,
    retentionDays: {
      payloads: config.PAYLOAD_RETENTION_DAYS, healthData: config.HEALTH_DATA_RETENTION_DAYS, quarantine: config.QUARANTINE_RETENTION_DAYS, discarded: config.DISCARDED_RETENTION_DAYS,
    },
    exportDays: config.EXPORT_RETENTION_DAYS, erasureJournal: erasureJournalIn(config), backupDays: config.BACKUP_RETENTION_DAYS,
  });
  return listen(starting, service, 'device-manager');
};
