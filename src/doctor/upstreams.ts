import { join } from 'node:path';
import type { Config } from '../config.ts';
import { connectTherapyMonitoring } from '../device-manager/upstream/therapy-monitoring.ts';
import type { ServerFile } from '../server-file.ts';
import { openMailer } from '../user-manager/mail.ts';
import { judgeClock } from './clock.ts';
import { findingsOf, type Finding } from './finding.ts';
import { ask, type Reply } from './question.ts';

const { well, warning, wrong } = findingsOf('upstreams');

const remedyOf = (failure: string, setting: string): string => {
  if (/^(ENOTFOUND|EAI_AGAIN)$/.test(failure)) return `correct the host in ${setting}, or mend the name service`;
  if (/CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/.test(failure)) return 'have it show a certificate for its name; a CA of your own is named in NODE_EXTRA_CA_CERTS';
  if (failure === 'too-late' || failure === 'ETIMEDOUT' || failure === 'UND_ERR_CONNECT_TIMEOUT') return 'open the way to it in the firewall, or see why it is slow';
  return `start it, or correct ${setting}`;
};

const clockOf = ({ clock }: Reply): Finding[] => (clock === undefined ? [] : [judgeClock(clock)]);

/** What a page of JSON says under a name; undefined for a page of something in front of it. */
const saidIn = (body: string, name: string): unknown => {
  try {
    return (JSON.parse(body) as Readonly<Record<string, unknown>> | null)?.[name];
  } catch {
    return undefined; // no JSON
  }
};

const detailOf = (body: string): string => {
  const detail = saidIn(body, 'detail');
  return typeof detail === 'string' ? `: ${detail.replace(/[.]$/, '')}` : '';
};

interface Asked {
  readonly looked: string;
  readonly setting: string;
  readonly url: string;
  /** A path that the service credential opens and that answers nobody's data. */
  readonly openedByToken: string;
}

/** What a server answers that listens where a service should, and is none; undefined where it tells its state. */
const strangenessOf = ({ status, body }: Reply): string | undefined => {
  if (status !== 200) return `answers ${String(status)}`;
  return saidIn(body, 'status') === undefined ? 'answers a page that tells no state' : undefined;
};

/** What the answer to our credential says against a service. One of another vendor knows no such path, and refuses it in words of its own (docs/foreign-upstreams.md). */
const faultOfOpened = ({ looked, setting }: Asked, { status, failure, body }: Reply): Finding | undefined => {
  if (status === undefined) return wrong(looked, `answers, but not to our credential (${failure ?? ''})`, 'see its log');
  if (status === 401 || status === 403) return wrong(looked, 'answers, but refuses the service token', 'give both sides the same SERVICE_TOKEN');
  const isOurs = typeof saidIn(body, 'code') === 'string';
  if (status === 200 || (status >= 400 && !isOurs)) return undefined;
  return wrong(looked, `answers ${String(status)} to our credential`, status >= 500 ? 'see its log' : `correct ${setting}, without a redirect`);
};

/** Is it there, does it take our credential, and is its clock ours? */
const serviceAt = async (asked: Asked, token: string | undefined): Promise<Finding[]> => {
  const { looked, setting, url, openedByToken } = asked;
  const base = url.replace(/\/+$/, '');
  const health = await ask(`${base}/-/healthz`, looked);
  if (health.status === undefined) return [wrong(looked, `does not answer (${health.failure ?? ''})`, remedyOf(health.failure ?? '', setting))];
  if (health.status >= 500) return [wrong(looked, `answers ${String(health.status)}`, 'see its log')];
  const stranger = strangenessOf(health);
  if (stranger !== undefined) return [wrong(looked, stranger, `correct ${setting}, without a redirect`)];
  const opened = token === undefined ? undefined : await ask(`${base}${openedByToken}`, looked, { authorization: `Bearer ${token}` });
  const fault = opened === undefined ? undefined : faultOfOpened(asked, opened);
  return [fault ?? well(looked, 'answers'), ...clockOf(health)];
};

const services = ({ SERVICES, DEVICE_MANAGER_URL, USER_MANAGER_URL, SERVICE_TOKEN }: Config): Promise<Finding[]>[] => [
  ...(DEVICE_MANAGER_URL !== undefined && DEVICE_MANAGER_URL !== 'none' && SERVICES.some((name) => name !== 'device-manager') ? [serviceAt({ looked: 'Device Manager', setting: 'DEVICE_MANAGER_URL', url: DEVICE_MANAGER_URL, openedByToken: '/health-data-types' }, SERVICE_TOKEN)] : []),
  ...(USER_MANAGER_URL !== undefined ? [serviceAt({ looked: 'User Manager', setting: 'USER_MANAGER_URL', url: USER_MANAGER_URL, openedByToken: '/users/count' }, SERVICE_TOKEN)] : []),
];

const therapyMonitoring = async ({ SERVICES, TMM_SERVICE_URL: url, TMM_SERVICE_TOKEN: token }: Config): Promise<Finding[]> => {
  if (url === undefined || !SERVICES.includes('device-manager')) return [];
  const looked = 'Therapy and Monitoring Manager';
  const reply = await ask(url, looked);
  if (reply.status === undefined) return [wrong(looked, `does not answer (${reply.failure ?? ''})`, remedyOf(reply.failure ?? '', 'TMM_SERVICE_URL'))];
  const receiver = connectTherapyMonitoring({ url, token, timeoutMs: 5_000 });
  try {
    await receiver.probe();
    return [well(looked, 'answers and takes our credential'), ...clockOf(reply)];
  } catch (error) {
    const { reason } = error as { reason?: unknown };
    return reason === 'credential-refused'
      ? [wrong(looked, 'answers, but refuses the credential', 'correct TMM_SERVICE_TOKEN')]
      : [wrong(looked, `does not answer as its contract says (${String(reason)})`, 'correct TMM_SERVICE_URL, or see its log')];
  } finally {
    await receiver.close();
  }
};

const smtpRemedies: Readonly<Record<string, string>> = {
  EAUTH: 'correct user and password in SMTP_URL', ETLS: 'have the server offer STARTTLS with a certificate for its name, or use smtps://', EDNS: 'correct the host in SMTP_URL, or mend the name service',
};

const mailServer = async ({ SERVICES, SMTP_URL: smtpUrl, MAIL_FROM: from, DATA_DIR }: Config): Promise<Finding[]> => {
  if (smtpUrl === undefined || !SERVICES.includes('user-manager')) return [];
  const mailer = openMailer({ smtpUrl, from, folder: join(DATA_DIR, 'mail') });
  try {
    await mailer.probe();
    return [well('mail server', 'answers and takes our credential')];
  } catch (error) {
    const { code } = error as { code?: unknown };
    const named = typeof code === 'string' ? code : 'unknown';
    return [wrong('mail server', `refuses us or does not answer (${named})`, smtpRemedies[named] ?? 'start it, or correct SMTP_URL')];
  } finally {
    mailer.close();
  }
};

const hasKeys = (body: string): boolean => {
  const keys = saidIn(body, 'keys');
  return Array.isArray(keys) && keys.length > 0;
};

const tokenIssuer = async ({ SERVICES, WEBHOOK_JWKS_URL: url }: Config): Promise<Finding[]> => {
  if (url === undefined || !SERVICES.includes('device-manager')) return [];
  const looked = 'token issuer';
  const reply = await ask(url, looked);
  if (reply.status === undefined) return [wrong(looked, `does not answer (${reply.failure ?? ''})`, remedyOf(reply.failure ?? '', 'WEBHOOK_JWKS_URL'))];
  if (reply.status !== 200 || !hasKeys(reply.body)) return [wrong(looked, reply.status === 200 ? 'answers no set of keys' : `answers ${String(reply.status)}`, 'correct WEBHOOK_JWKS_URL: it must answer a JSON Web Key Set, without a redirect')];
  return [well(looked, 'answers its keys'), ...clockOf(reply)];
};

/** A certificate names people's address, not that of loopback: it was shown, so TLS works. */
const isNamedOtherwise = (failure: string | undefined): boolean => failure !== undefined && /CERT|SELF_SIGNED|UNABLE_TO/.test(failure);

/** Asks the services of the server that runs on DATA_DIR whether they take traffic. */
const running = async (server: ServerFile | undefined): Promise<Finding[]> => {
  if (server === undefined) return [well('running server', 'none on this DATA_DIR')];
  const services = [['BFF', server.urls.bff], ['Device Manager', server.urls.deviceManager], ['User Manager', server.urls.userManager]] as const;
  const findings = await Promise.all(services.map(async ([name, url]): Promise<Finding[]> => {
    if (url === undefined) return [];
    const looked = `running ${name}`;
    const { status, failure, body } = await ask(`${url}/-/ready`, looked);
    if (status === 200) return [well(looked, 'takes requests')];
    if (isNamedOtherwise(failure)) return [warning(looked, 'answers with a certificate for another name, so its readiness was not asked', 'ask /-/ready by its public name')];
    return [wrong(looked, status === undefined ? `does not answer (${failure ?? ''})` : `is not ready${detailOf(body)}`, 'see its log; other lines here may tell why')];
  }));
  return findings.flat();
};

/** Asks the running server and every service outside of this process that the settings name, all at once. */
export const examineUpstreams = async (config: Config, server: ServerFile | undefined): Promise<Finding[]> =>
  (await Promise.all([running(server), ...services(config), therapyMonitoring(config), mailServer(config), tokenIssuer(config)])).flat();
