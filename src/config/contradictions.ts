import { closeSync, openSync, statSync } from 'node:fs';
import { cookiesAreSecure } from '../public-address.ts';
import { serviceNames, type Config, type ServiceName } from './settings.ts';

const isReadableFile = (path: string): boolean => {
  try {
    closeSync(openSync(path, 'r'));
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/** A User Manager that knows no Device Manager would delete people and keep their health data, so that must be said. */
const withoutDeviceManager = ({ SERVICES, DEVICE_MANAGER_URL }: Config): string[] => {
  const isAlone = SERVICES.every((service) => service === 'user-manager');
  if (DEVICE_MANAGER_URL === 'none') return isAlone ? [] : ['DEVICE_MANAGER_URL=none is for a User Manager alone'];
  if (DEVICE_MANAGER_URL !== undefined || SERVICES.includes('device-manager')) return [];
  return [isAlone ? 'DEVICE_MANAGER_URL is needed: the Device Manager erases the health data of users who are deleted; name it, or none' : 'DEVICE_MANAGER_URL is needed: the Device Manager does not run here'];
};

/** What one setting cannot tell: settings that need or exclude each other, and files that must be there. Names settings, never values. */
export const contradictions = (config: Config): string[] => {
  const mistakes: string[] = [];
  const runs = (service: ServiceName) => config.SERVICES.includes(service);
  if (config.HTTP_PORT !== undefined && config.SERVICES.length > 1) mistakes.push('HTTP_PORT is for one service alone: name it in SERVICES');
  mistakes.push(...withoutDeviceManager(config));
  if ((runs('bff') || runs('device-manager')) && !runs('user-manager') && !config.USER_MANAGER_URL) mistakes.push('USER_MANAGER_URL is needed: the User Manager does not run here');
  if (config.SERVICES.length < serviceNames.length && !config.SERVICE_TOKEN) mistakes.push('SERVICE_TOKEN is needed where services run apart');
  if (config.SERVICE_TOKEN_PREVIOUS && !config.SERVICE_TOKEN) mistakes.push('SERVICE_TOKEN_PREVIOUS is given without SERVICE_TOKEN');
  const fixed = [config.BFF_PORT, config.DEVICE_MANAGER_PORT, config.USER_MANAGER_PORT].filter((number) => number !== 0);
  if (config.HTTP_PORT === undefined && new Set(fixed).size < fixed.length) mistakes.push('BFF_PORT, DEVICE_MANAGER_PORT and USER_MANAGER_PORT must differ');
  if (runs('user-manager') && config.SMTP_URL !== undefined && config.PUBLIC_URL === undefined) mistakes.push('PUBLIC_URL is needed with SMTP_URL: links in mails begin with it');
  if (runs('user-manager') && config.USER_GROUPS_FILE !== undefined && !isReadableFile(config.USER_GROUPS_FILE)) mistakes.push('USER_GROUPS_FILE is no file that can be read');
  if (config.SESSION_COOKIE.startsWith('__Host-') && !cookiesAreSecure({ publicUrl: config.PUBLIC_URL, host: config.HOST, tls: config.TLS_CERT !== undefined })) {
    mistakes.push('SESSION_COOKIE=__Host-sid needs https: name it in PUBLIC_URL, or set TLS_CERT and TLS_KEY');
  }
  if ((config.TLS_CERT === undefined) !== (config.TLS_KEY === undefined)) mistakes.push('TLS_CERT and TLS_KEY are needed together');
  const foreign = [config.WEBHOOK_JWT_ISSUER, config.WEBHOOK_JWKS_URL, config.WEBHOOK_JWT_AUDIENCE].filter((value) => value !== undefined);
  if (foreign.length !== 0 && foreign.length !== 3) mistakes.push('WEBHOOK_JWT_ISSUER, WEBHOOK_JWKS_URL and WEBHOOK_JWT_AUDIENCE are needed together');
  if (config.TMM_SERVICE_TOKEN !== undefined && config.TMM_SERVICE_URL === undefined) mistakes.push('TMM_SERVICE_TOKEN is given without TMM_SERVICE_URL');
  for (const name of ['MASTER_KEY', 'MASTER_KEY_PREVIOUS'] as const) {
    const given = [name, `${name}_FILE`, `${name}_COMMAND`].filter((one) => config[one as typeof name] !== undefined);
    if (given.length > 1) mistakes.push(`${given.join(' and ')} exclude each other: give one`);
  }
  return mistakes;
};
