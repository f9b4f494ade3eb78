import { createBff } from '../bff/service.ts';
import { listen, type Place } from '../listening.ts';
import { common, type Starting } from './starting.ts';

/** Where the services are that the BFF asks. */
interface Upstreams {
  readonly userManagerUrl: string;
  readonly deviceManagerUrl: string;
}

/** Has the BFF listen. */
export const startBff = (starting: Starting, [serviceToken]: readonly [string, ...string[]], upstreams: Upstreams): Promise<Place> => {
  const { config } = starting;
  const service = createBff({
    ...common(starting, 'bff'), ...upstreams, serviceToken,
    userIdHeader: config.USERID_HEADER_KEY, clientType: config.CLIENT_TYPE, customUserIdKey: config.CUSTOM_USER_ID_KEY,
    historyDays: config.HISTORY_DAYS, uploadsPerMinute: config.UPLOADS_PER_MINUTE, resetsPerHour: config.PASSWORD_RESETS_PER_HOUR,
    cookieName: config.SESSION_COOKIE, publicUrl: config.PUBLIC_URL, allowedOrigins: config.ALLOWED_ORIGINS, trustedProxies: config.TRUSTED_PROXIES,
  });
  return listen(starting, service, 'bff');
};
