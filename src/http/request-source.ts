import type { IncomingHttpHeaders } from 'node:http';
import { isIP, type BlockList } from 'node:net';
import type { Middleware } from 'openapi-fetch';
import { bearerOf } from './request-credentials.ts';
import { isServiceToken } from './service-credential.ts';
import { holdsAddress, networksOf, plainAddress } from './transport.ts';

/** The header by which a service of ours proves that it calls, and so that what it says in X-Forwarded-For is true. */
const SERVICE_PROOF_HEADER = 'x-service-token';

/** What a source is told from. */
export interface Connection {
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string | undefined;
}

/** Who may say for whom a request is forwarded. */
export interface SourceOptions {
  /** Addresses and networks (CIDR) of proxies. */
  readonly trustedProxies: readonly string[];
  /** Tokens of our services. */
  readonly serviceTokens?: readonly string[];
}

/** Has every call of a client prove that a service of ours makes it. */
export const proving = (serviceToken: string): Middleware => ({
  onRequest: ({ request }) => {
    request.headers.set(SERVICE_PROOF_HEADER, serviceToken);
  },
});

/** Tells whether a request comes from a proxy that is trusted, or from a service of ours: by its credential or its proof. */
export const createTrust = ({ trustedProxies, serviceTokens = [] }: SourceOptions): ((connection: Connection) => boolean) => {
  const proxies = networksOf(trustedProxies);
  return ({ headers, remoteAddress }) => {
    const proof = headers[SERVICE_PROOF_HEADER];
    const tokens = [bearerOf(headers), typeof proof === 'string' ? proof : undefined];
    return holdsAddress(proxies, plainAddress(remoteAddress)) || tokens.some((token) => isServiceToken(token, serviceTokens));
  };
};

/** Proxies may write a port, or brackets, beside the address. */
const addressIn = (hop: string): string => plainAddress(/^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^(\d+(?:\.\d+){3}):\d+$/.exec(hop)?.[1] ?? hop);

/** The first 64 bits: a subscriber has all addresses behind them (RFC 6177). */
const networkOf = (address: string): string => {
  const whole = new URL(`http://[${address.split('%', 1)[0] ?? ''}]`).hostname.slice(1, -1);
  const [head = '', tail] = whole.split('::');
  const [left, right] = [head, tail ?? ''].map((half) => half.split(':').filter((group) => group !== ''));
  const groups = tail === undefined ? (left ?? []) : [...(left ?? []), ...Array<string>(8 - (left ?? []).length - (right ?? []).length).fill('0'), ...(right ?? [])];
  return `${groups.slice(0, 4).join(':')}::/64`;
};

const sourceIn = (address: string): string => (isIP(address) === 6 ? networkOf(address) : address);

/**
 * Tells where requests come from, to count them by: the peer, or, through proxies that are trusted, the last address in
 * X-Forwarded-For that is none of theirs. What others write there means nothing. IPv6 counts by network.
 */
export const createSourceReader = ({ trustedProxies, serviceTokens = [] }: SourceOptions): ((connection: Connection) => string) => {
  const proxies: BlockList = networksOf(trustedProxies);
  return ({ headers, remoteAddress }) => {
    const proof = headers[SERVICE_PROOF_HEADER];
    const isOurs = typeof proof === 'string' && isServiceToken(proof, serviceTokens);
    const forwarded = headers['x-forwarded-for'];
    const hops = (typeof forwarded === 'string' ? forwarded.split(',') : []).map((hop) => addressIn(hop.trim()));
    let source = plainAddress(remoteAddress);
    let isTrusted = isOurs || holdsAddress(proxies, source);
    while (isTrusted) {
      const hop = hops.pop();
      if (hop === undefined || isIP(hop) === 0) break;
      source = hop;
      isTrusted = holdsAddress(proxies, hop);
    }
    return sourceIn(source);
  };
};
