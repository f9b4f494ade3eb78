import type { IncomingHttpHeaders } from 'node:http';

/** How the cookie of a session is named and sent. */
export interface CookieOptions {
  /** Default `sid`. */
  readonly name?: string;
  /** False only where the public address is http on loopback. */
  readonly secure: boolean;
}

const DEFAULT_NAME = 'sid';

/**
 * The value of the session's cookie. Missing, empty, oversized or given twice counts as no cookie: of two, one may have been planted
 * for another path.
 */
export const sidOf = (headers: { readonly cookie?: string | undefined }, name = DEFAULT_NAME): string | undefined => {
  const values = (headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  const [sid] = values;
  return values.length === 1 && sid !== undefined && /^[\x21-\x7e]{1,4096}$/.test(sid) ? sid : undefined;
};

/** The bearer token of the header Authorization. */
export const bearerOf = (headers: IncomingHttpHeaders): string | undefined => /^Bearer +([\x21-\x7e]{1,8192})$/i.exec(headers.authorization ?? '')?.[1];

/** User and password of HTTP Basic in the header Authorization; undefined for any other text, and for one with control characters (RFC 7617, section 2). */
export const basicOf = (headers: IncomingHttpHeaders): { readonly user: string; readonly password: string } | undefined => {
  const encoded = /^Basic +([A-Za-z0-9+/]{1,4096}={0,2})$/i.exec(headers.authorization ?? '')?.[1];
  const [, user, password] = /^([^:\p{Cc}]*):(\P{Cc}*)$/u.exec(Buffer.from(encoded ?? '', 'base64').toString('utf8')) ?? [];
  return user === undefined || password === undefined || user === '' ? undefined : { user, password };
};

/** Set-Cookie that opens a session. */
export const sessionCookie = (sid: string, { maxAgeSeconds, secure, name = DEFAULT_NAME }: CookieOptions & { readonly maxAgeSeconds: number }): string =>
  `${name}=${sid}; Path=/; Max-Age=${String(maxAgeSeconds)}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;

/** Set-Cookie that ends a session: an expiry in the past and no Max-Age, which some clients prefer to Expires. */
export const endedSessionCookie = ({ secure, name = DEFAULT_NAME }: CookieOptions): string =>
  `${name}=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
