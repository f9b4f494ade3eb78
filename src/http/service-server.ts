import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { Server as NetServer, type AddressInfo } from 'node:net';
import type { Express } from 'express';
import { brokenRequestAnswer } from './broken-request.ts';
import { createConnections, STALLED_AFTER_MS, type Connections } from './connections.ts';
import { createExchanges } from './exchange.ts';
import { showTarget } from './framing.ts';
import type { Phase } from './platform-routes.ts';
import { serviceApp, type ServiceOptions } from './service-app.ts';
import { readTlsFiles, reloadTlsFiles, type TlsFiles } from './tls-files.ts';
import { warmUp } from './warm-up.ts';

export type { ServiceOptions } from './service-app.ts';

/** A service that can be started and stopped. */
export interface ServiceServer {
  /** The application itself, for tests without a port. */
  readonly app: Express;
  /**
   * Warms up every operation unless told not to, then listens, with TLS where files are named; port 0 takes any free one. May be called again for another
   * address. Rejects when a part of the spec does not work, or the files are no pair.
   */
  readonly listen: (port: number, host: string, tls?: TlsFiles) => Promise<{ url: string; port: number }>;
  /** Stops taking connections, lets requests in flight finish for at most `drainSeconds` (default 10), then cuts them off. */
  readonly close: (drainSeconds?: number) => Promise<void>;
}

/** Milliseconds within which a client must have sent its headers and its whole request, and how long idle connections stay. */
export const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 2_000, keepAliveTimeout: 20_000 };
export const MAX_CONNECTIONS = 10_000;
/** Listeners of one answer; Node warns of a leak beyond. */
const MOST_LISTENERS = 20;
/** Requests without Host are answered by the service itself, as any other that is refused. */
const SETTINGS = { ...TIMEOUTS, requireHostHeader: false };

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** What the servers of one service share. */
interface Traffic {
  readonly phase: () => Phase;
  /** Answers that are not sent yet. */
  readonly inFlight: Set<ServerResponse>;
  readonly connections: Connections;
}

const answerOf = (app: Express, { phase, inFlight, connections }: Traffic): Answer => (request, response) => {
  if (!connections.takesOn(request, response)) return;
  inFlight.add(response);
  // Each step of a request that holds something gives it back when the answer ends, and a stream listens four times.
  response.setMaxListeners(MOST_LISTENERS);
  response.once('close', () => {
    inFlight.delete(response);
    // A turn later it is known whether the connection has another one.
    if (phase() === 'draining') setImmediate(connections.endIdle);
  });
  if (phase() === 'draining') response.setHeader('Connection', 'close');
  showTarget(request);
  app(request as Parameters<Express>[0], response as Parameters<Express>[1]);
};

const serverOf = (answer: Answer, onBroken: ReturnType<typeof brokenRequestAnswer>, tls: TlsFiles | undefined): Server => {
  const server = tls === undefined ? createServer(SETTINGS, answer) : createTlsServer({ ...SETTINGS, handshakeTimeout: TIMEOUTS.headersTimeout, ...readTlsFiles(tls) }, answer);
  // Credentials and size are judged before a client that asks is told to send its body.
  server.on('checkContinue', answer).on('checkExpectation', answer).on('clientError', onBroken);
  server.maxConnections = MAX_CONNECTIONS;
  if (tls !== undefined) server.once('close', reloadTlsFiles(server as TlsServer, tls));
  return server;
};

const listenOn = (server: Server, port: number, host: string, scheme: 'http' | 'https'): Promise<{ url: string; port: number }> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const { port: bound } = server.address() as AddressInfo;
      resolve({ port: bound, url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${bound}` });
    });
  });

/** Node's own way to close ends connections whose answer has been handed over and is not sent yet. */
const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    NetServer.prototype.close.call(server, () => {
      server.close(); // ends what Node does beside the connections
      resolve();
    });
  });

const drain = async (servers: readonly Server[], { inFlight, connections }: Traffic, drainSeconds: number): Promise<void> => {
  const cutOff = setTimeout(connections.endAll, drainSeconds * 1000).unref();
  const all = Promise.all(servers.map(closed));
  for (const response of inFlight) if (!response.headersSent) response.setHeader('Connection', 'close');
  connections.endIdle();
  await all;
  clearTimeout(cutOff);
};

/**
 * Puts a service together. Throws at once when spec, handlers and authenticators do not fit: an operation without handler,
 * a handler without operation, a security scheme that nobody judges, an operation that says nothing about security.
 */
export const createServiceServer = <Caller>(options: ServiceOptions<Caller>): ServiceServer => {
  let phase: Phase = 'starting';
  const exchanges = createExchanges();
  const inFlight = new Set<ServerResponse>();
  const connections = createConnections(options.stalledAfterMs ?? STALLED_AFTER_MS);
  const traffic: Traffic = { phase: () => phase, inFlight, connections };
  const app = serviceApp(options, exchanges, traffic);
  const onBroken = brokenRequestAnswer(inFlight, options.isPublicHttps ?? false);
  const servers: Server[] = [];
  let warm: Promise<void> | undefined;
  return {
    app,
    listen: async (port, host, tls) => {
      if (options.warmUp ?? true) await (warm ??= warmUp(app, exchanges, options.spec));
      const server = serverOf(answerOf(app, traffic), onBroken, tls);
      connections.watch(server);
      const address = await listenOn(server, port, host, tls === undefined ? 'http' : 'https');
      servers.push(server);
      phase = 'serving';
      return address;
    },
    close: async (drainSeconds = 10) => {
      phase = 'draining';
      await drain(servers.filter(({ listening }) => listening), traffic, drainSeconds);
    },
  };
};
