import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { problem } from './problem.ts';
import { holdsAddress, networksOf, plainAddress } from './transport.ts';

/** What browsers tell about the page that sends a request. */
export interface PageRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string | undefined;
  /** TLS ends in this process. */
  readonly encrypted: boolean;
}

/** Whose pages may send requests that change something. */
export interface OriginOptions {
  /** How browsers reach the service. */
  readonly publicUrl: string | undefined;
  /** Origins of apps in browsers that are served from elsewhere. */
  readonly allowedOrigins: readonly string[];
  /** Proxies whose X-Forwarded-Proto counts. */
  readonly trustedProxies: readonly string[];
}

/** Judges which page a request comes from (OWASP CSRF prevention: Origin and Sec-Fetch-Site). */
export interface OriginCheck {
  /**
   * Throws `foreign-origin` when a request that changes something says that a page of somebody else sent it. One that says nothing, as
   * those of apps without a browser, passes.
   */
  readonly check: (request: PageRequest) => void;
  /** The origin of an app that is served from elsewhere and may read answers. */
  readonly allowedOrigin: (headers: IncomingHttpHeaders) => string | undefined;
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/** A name other than localhost could be anybody's, whose DNS leads here: only PUBLIC_URL makes a name ours. */
const isOwnHost = (host: string): boolean => host === 'localhost' || isIP(host.replace(/^\[|\]$/g, '')) !== 0;

/** Serialized as browsers do; custom schemes of apps have no origin of their own, and stay as they are. */
const originIn = (url: string): string => {
  const { origin } = new URL(url);
  return origin === 'null' ? url : origin;
};

/** Judges by PUBLIC_URL, the address that the request itself went to, and the origins that were allowed. */
export const createOriginCheck = ({ publicUrl, allowedOrigins, trustedProxies }: OriginOptions): OriginCheck => {
  const proxies = networksOf(trustedProxies);
  const allowed = new Set(allowedOrigins.map(originIn));
  const publicOrigin = publicUrl === undefined ? undefined : originIn(publicUrl);
  const ownOrigin = ({ headers, remoteAddress, encrypted }: PageRequest): string | undefined => {
    const isHttps = encrypted || (holdsAddress(proxies, plainAddress(remoteAddress)) && headers['x-forwarded-proto'] === 'https');
    const url = `${isHttps ? 'https' : 'http'}://${headers.host ?? ''}`;
    return URL.canParse(url) && isOwnHost(new URL(url).hostname) ? new URL(url).origin : undefined;
  };
  const isAllowed = (request: PageRequest): boolean => {
    const { origin, 'sec-fetch-site': site } = request.headers;
    if (origin === undefined) return site === undefined || site === 'same-origin' || site === 'none';
    if (allowed.has(origin)) return true;
    return (origin === publicOrigin || origin === ownOrigin(request)) && site !== 'cross-site';
  };
  return {
    check: (request) => {
      if (!safeMethods.has(request.method) && !isAllowed(request)) throw problem('foreign-origin');
    },
    allowedOrigin: ({ origin }) => (origin !== undefined && allowed.has(origin) ? origin : undefined),
  };
};
