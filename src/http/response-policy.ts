import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { RequestHandler } from 'express';
import helmet, { strictTransportSecurity } from 'helmet';
import type { OriginCheck } from './origin-check.ts';

/** Headers that apps in browsers may send and read, beside those that every page may. */
const requestHeaders = 'content-type, content-encoding, if-none-match, prefer, vitalgate-expected-user, x-request-id';
const readableHeaders = 'allow, content-disposition, deprecation, etag, link, preference-applied, ratelimit, ratelimit-policy, retry-after, sunset, www-authenticate, x-request-id';
const methods = 'GET, POST, PATCH, DELETE';
const preflightSeconds = '600';

/**
 * Headers of every answer: nothing is loaded or framed, nothing is kept by caches, and where people reach us by https, by nothing else
 * for a year (RFC 6797). Pages set a policy of their own.
 */
export const securityHeaders = (isPublicHttps: boolean): RequestHandler[] => {
  const always = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    strictTransportSecurity: false,
    xFrameOptions: { action: 'deny' }, // for browsers that do not know frame-ancestors
  });
  const onlyHttps = strictTransportSecurity({ maxAge: 31_536_000, includeSubDomains: true });
  return [
    always,
    (request, response, next) => {
      response.setHeader('Cache-Control', 'no-store');
      if (isPublicHttps || request.socket instanceof TLSSocket) onlyHttps(request, response, next);
      else next();
    },
  ];
};

/** The same headers as lines of text, for answers to what never became a request. */
export const securityHeaderLines = (isHttps: boolean): string[] => {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  for (const write of securityHeaders(isHttps)) void write(request as never, response as never, () => undefined);
  return Object.entries(response.getHeaders()).map(([name, value]) => `${name}: ${String(value)}`);
};

/** Lets apps of allowed origins, and nobody else, send requests with cookies from a browser and read the answers (Fetch, CORS protocol). */
export const crossOrigin = ({ allowedOrigin }: OriginCheck): RequestHandler => (request, response, next) => {
  response.vary('Origin');
  const origin = allowedOrigin(request.headers);
  if (origin === undefined) {
    next();
    return;
  }
  response.set({ 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true', 'Access-Control-Expose-Headers': readableHeaders });
  if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
    response.set({ 'Access-Control-Allow-Methods': methods, 'Access-Control-Allow-Headers': requestHeaders, 'Access-Control-Max-Age': preflightSeconds });
    response.status(204).end();
  } else next();
};
