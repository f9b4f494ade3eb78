import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Config } from '../config.ts';
import { readTlsFiles } from '../http/tls-files.ts';
import { loadUserGroups } from '../user-manager/user-groups.ts';
import { findingsOf, type Finding } from './finding.ts';

const { well, warning, wrong } = findingsOf('configuration');

const DAY_MS = 86_400_000;
/** Certificates are renewed a month before their end; two weeks before it, that has failed. */
const renewedDaysBefore = 14;

/** What is wrong with settings that hold the program from starting. */
export const faultsOfSettings = (mistakes: readonly string[]): Finding[] =>
  mistakes.map((mistake) => wrong('settings', mistake, 'correct it; docs/configuration.md tells what each setting may be'));

const certificate = ({ TLS_CERT: certPath, TLS_KEY: keyPath }: Config, now: Date): Finding[] => {
  if (certPath === undefined || keyPath === undefined) return [];
  try {
    readTlsFiles({ certPath, keyPath });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return [wrong('TLS_CERT, TLS_KEY', code === undefined ? message : `a file cannot be read (${code})`, 'name the certificate with its chain and its own key, both PEM and readable for this account')];
  }
  const { validFromDate, validToDate } = new X509Certificate(readFileSync(certPath));
  const days = Math.floor((validToDate.getTime() - now.getTime()) / DAY_MS);
  const until = `valid until ${validToDate.toISOString().slice(0, 10)}`;
  if (validFromDate > now || validToDate < now) return [wrong('TLS_CERT', validFromDate > now ? 'not valid yet' : `not valid any more, but ${until}`, 'renew the certificate; the program reads it again by itself')];
  return days < renewedDaysBefore ? [warning('TLS_CERT', until, 'renew the certificate; the program reads it again by itself')] : [well('TLS_CERT', until)];
};

const groups = ({ SERVICES, USER_GROUPS_FILE: path }: Config): Finding[] => {
  if (!SERVICES.includes('user-manager') || path === undefined) return [];
  try {
    loadUserGroups(path);
    return [well('USER_GROUPS_FILE', 'read')];
  } catch (error) {
    return [wrong('USER_GROUPS_FILE', error instanceof Error && error.name === 'UserGroupsError' ? error.message : 'cannot be read', 'correct the file; docs/users.md shows one')];
  }
};

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|::1)$/.test(host);

/** Whoever listens to the network must say who protects what goes over it. */
const exposure = ({ HOST, TLS_CERT, TRUSTED_PROXIES, PUBLIC_URL, SERVICES }: Config): Finding[] => {
  if (isLoopback(HOST)) return [well('HOST', 'listens on this machine alone')];
  const isOpen = TLS_CERT === undefined && TRUSTED_PROXIES.length === 0;
  return [
    isOpen
      ? warning('HOST', 'listens to the network without TLS and without a trusted proxy', 'set TLS_CERT and TLS_KEY, or listen on loopback behind a proxy and name it in TRUSTED_PROXIES')
      : well('HOST', `listens to the network ${TLS_CERT === undefined ? 'behind a trusted proxy' : 'with TLS'}`),
    ...(SERVICES.includes('bff') && PUBLIC_URL === undefined ? [warning('PUBLIC_URL', 'not set', 'set it to the address by which browsers reach the BFF')] : []),
  ];
};

const mail = ({ SERVICES, JOBS, SMTP_URL }: Config): Finding[] =>
  SERVICES.includes('user-manager') && JOBS.some((name) => name.startsWith('password-')) && SMTP_URL === undefined
    ? [warning('SMTP_URL', 'not set: mails are written to DATA_DIR/mail and sent to nobody', 'set SMTP_URL and PUBLIC_URL')]
    : [];

const account = (): Finding[] =>
  process.getuid?.() === 0 ? [warning('account', 'this is root', 'run the program as an account of its own; docs/operations.md has a systemd unit')] : [];

/** Judges settings that can be read: what they say together, the files they name, and what the operator should know of them. */
export const examineConfiguration = (config: Config, notices: readonly string[], now = new Date()): Finding[] => [
  well('settings', 'read without mistakes'),
  ...notices.map((notice) => warning('settings', notice, notice.includes('chmod') ? 'chmod 600 the file' : 'correct or remove the name')),
  ...exposure(config), ...certificate(config, now), ...groups(config), ...mail(config), ...account(),
];
