import createClient from 'openapi-fetch';
import type { Client } from 'openapi-fetch';
import { Pool } from 'undici';
import { createLightFetch, LightRequest } from './light-fetch.ts';
import type { CallLimits, LightResponse } from './light-fetch.ts';
import { createUpstreamContract } from './upstream-contract.ts';
import { openStream, type Streamed, type StreamRequest } from './upstream-stream.ts';

/** Where a service is, what it promises, and how long and how much we listen to it. */
export interface UpstreamOptions extends CallLimits {
  /** Scheme, host and port, with a path when the service is mounted under one. */
  readonly baseUrl: string;
  /** The bundled contract of the service; its references point into itself. */
  readonly spec: object;
  readonly pool?: Pool.Options;
}

/** A typed client of one service; `stream` asks for what is too large to be read first, `close` waits for the calls under way. */
export type Upstream<Paths extends object> = Client<Paths> & {
  readonly stream: (request: StreamRequest) => Promise<Streamed>;
  readonly close: () => Promise<void>;
};

const CONNECTIONS = 64;
const CONNECT_TIMEOUT_MS = 5_000;

function withoutTrailingSlash(url: URL): string {
  return url.origin + url.pathname.replace(/\/+$/, '');
}

/**
 * A typed client whose answers have been held to the contract: what arrives as `data` has the declared status, content type and
 * schema; refusals (4xx) arrive as `error` with their `response`. Bodies are sent as JSON, a Buffer as it is. Redirects are not
 * followed and nothing is sent twice. The `response` offers status, ok, headers, text and json.
 * @throws ProblemError (from each call) `upstream-unavailable` for connection trouble, deadlines and 5xx, with Retry-After; `data-unreadable` when it says that;
 *   `upstream-invalid` for answers outside of the contract or larger than `maxBytes`; the signal's reason when the caller aborted
 */
export function createUpstream<Paths extends object>({ baseUrl, spec, timeoutMs, maxBytes, pool: settings }: UpstreamOptions): Upstream<Paths> {
  const base = new URL(baseUrl);
  const connectionsOf = () => new Pool(base.origin, {
    connections: CONNECTIONS,
    connect: { timeout: Math.min(timeoutMs, CONNECT_TIMEOUT_MS) },
    headersTimeout: 0, // the deadline of the whole call covers both
    bodyTimeout: 0,
    ...settings,
  });
  // Whoever reads an answer slowly keeps its connection: calls have others.
  const [pool, streams] = [connectionsOf(), connectionsOf()];
  const fetch = createLightFetch(pool, base.origin, { timeoutMs, maxBytes });
  const check = createUpstreamContract(spec);
  const client = createClient<Paths>({
    baseUrl: withoutTrailingSlash(base),
    // The light classes have the part of the platform's that openapi-fetch touches; their types cannot say so.
    fetch: fetch as unknown as (request: Request) => Promise<Response>,
    Request: LightRequest as unknown as typeof Request,
    bodySerializer: (body: unknown) => (Buffer.isBuffer(body) ? body : JSON.stringify(body)),
  });
  client.use({
    onRequest: ({ request, schemaPath }) => {
      (request as unknown as LightRequest).template = schemaPath;
    },
    onResponse: ({ request, response, schemaPath }) => check(schemaPath, request.method, response as unknown as LightResponse),
  });
  const prefix = withoutTrailingSlash(base).slice(base.origin.length);
  return Object.assign(client, {
    stream: (request: StreamRequest) => openStream(streams, base.origin, { ...request, path: `${prefix}${request.path}` }),
    close: async () => {
      await Promise.all([pool.close(), streams.close()]);
    },
  });
}
