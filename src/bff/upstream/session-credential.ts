import { parseInstant } from '../../measurement/instant.ts';

/** A session the User Manager opened, as the app's cookie will carry it. */
export interface OpenedSession {
  readonly sid: string;
  readonly maxAgeSeconds: number;
}

const DAY_SECONDS = 86_400;
/** Marks a `sid` that is an access token; a User Manager's own `sid` is not expected to begin like this. */
const TOKEN_MARK = 'bearer:';
/** Browsers keep cookies of up to 4096 bytes with name and attributes. */
const CARRIED_TOKEN = /^[\w.~+/=-]{1,3800}$/;

/** The session in Set-Cookie, whatever the order of its attributes; undefined when there is none. */
export const sessionInCookies = (cookies: readonly string[]): OpenedSession | undefined => {
  const cookie = cookies.find((one) => /^sid=[^;]/.test(one));
  const sid = cookie === undefined ? undefined : /^sid=([\x21-\x3a\x3c-\x7e]+)/.exec(cookie)?.[1];
  const maxAge = Number(/;\s*Max-Age=(\d{1,9})/i.exec(cookie ?? '')?.[1] ?? DAY_SECONDS);
  return sid === undefined ? undefined : { sid, maxAgeSeconds: maxAge };
};

/** The session of a token answer, to be carried in our cookie until the token ends; undefined when a cookie cannot carry it. */
export const sessionOfToken = ({ accessToken, expireAt }: { readonly accessToken: string; readonly expireAt?: unknown }): OpenedSession | undefined => {
  if (!CARRIED_TOKEN.test(accessToken)) return undefined;
  const end = typeof expireAt === 'string' || typeof expireAt === 'number' ? parseInstant(expireAt) : undefined;
  const maxAgeSeconds = typeof end === 'object' ? Math.max(1, Math.floor((end.epochMs - Date.now()) / 1000)) : DAY_SECONDS;
  return { sid: `${TOKEN_MARK}${accessToken}`, maxAgeSeconds };
};

/** The access token that a `sid` carries; undefined for a session of the User Manager's own cookie. */
export const tokenIn = (sid: string): string | undefined => (sid.startsWith(TOKEN_MARK) ? sid.slice(TOKEN_MARK.length) : undefined);
