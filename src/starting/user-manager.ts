import { mailFolderIn } from '../data-files.ts';
import type { Connection } from '../database/pool.ts';
import { listen, type Place } from '../listening.ts';
import { migrateUserManager } from '../schemas.ts';
import { openMailer, type Mailer } from '../user-manager/mail.ts';
import { createPasswords } from '../user-manager/password.ts';
import { patientIdOf } from '../user-manager/patient-id.ts';
import { createUserManager } from '../user-manager/service.ts';
import { recordAudit } from '../user-manager/storage/audit-table.ts';
import { loadUserGroups } from '../user-manager/user-groups.ts';
import { common, openServicePool, startOf, type Starting } from './starting.ts';

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

/** Where other services of this process are, as soon as they listen. */
interface Addresses {
  readonly hasDeviceManager: boolean;
  readonly publicUrl: () => string | undefined;
  readonly deviceManagerUrl: () => string | undefined;
}

/** Brings the tables of the User Manager up to date, and has it listen. */
export const startUserManager = async (starting: Starting, connection: Connection | undefined, serviceTokens: readonly string[], addresses: Addresses): Promise<Place> => {
  const pool = openServicePool(starting, connection);
  await migrateUserManager(pool);
  await recordAudit(pool, startOf(starting));
  const { config } = starting;
  let own: Place | undefined;
  const service = await createUserManager({
    ...common(starting, 'user-manager'), pool, jobPool: openServicePool(starting, connection, 3, 30_000), jobs: config.JOBS, serviceTokens,
    ...addresses, mailer: openMail(starting), mailFolder: mailFolderIn(config), retentionDays: { sessions: config.SESSION_RETENTION_DAYS, resets: config.RESET_RETENTION_DAYS, bulkJobs: config.BULK_JOB_RETENTION_DAYS, mails: config.MAIL_RETENTION_DAYS },
    patientIdOf: (user) => patientIdOf(user, config.CUSTOM_USER_ID_KEY), passwordResetMinutes: config.PASSWORD_RESET_MINUTES, issuer: () => config.USER_MANAGER_URL ?? own?.url ?? '',
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
