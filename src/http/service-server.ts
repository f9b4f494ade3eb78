import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import { createExchanges } from './exchange.ts';
import type { Phase } from './platform-routes.ts';
import { serviceApp, type ServiceOptions } from './service-app.ts';
import { warmUp } from './warm-up.ts';

export type { ServiceOptions } from './service-app.ts';

/** A service that can be started and stopped. */
export interface ServiceServer {
  /** The application itself, for tests without a port. */
  readonly app: Express;
  /** Warms up every operation, then listens; port 0 takes any free one. Rejects when a part of the spec does not work. */
  readonly listen: (port: number, host: string) => Promise<{ url: string; port: number }>;
  /** Stops taking connections, lets requests in flight finish for at most `drainSeconds` (default 10), then cuts them off. */
  readonly close: (drainSeconds?: number) => Promise<void>;
}

/** Milliseconds within which a client must have sent its headers and its whole request, and how long idle connections stay. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000, keepAliveTimeout: 20_000 };
const MAX_CONNECTIONS = 10_000;

const serverOf = (app: Express, inFlight: Set<ServerResponse>, phase: () => Phase): Server => {
  const answer = (request: Parameters<Express>[0], response: Parameters<Express>[1]): void => {
    inFlight.add(response);
    response.once('close', () => inFlight.delete(response));
    if (phase() === 'draining') response.setHeader('Connection', 'close');
    app(request, response);
  };
  const server = createServer(TIMEOUTS, (request, response) => answer(request as Parameters<Express>[0], response as Parameters<Express>[1]));
  // Credentials and size are judged before a client that asks is told to send its body.
  server.on('checkContinue', (request, response) => answer(request as Parameters<Express>[0], response as Parameters<Express>[1]));
  server.maxConnections = MAX_CONNECTIONS;
  return server;
};

const listenOn = (server: Server, port: number, host: string): Promise<{ url: string; port: number }> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const { port: bound } = server.address() as AddressInfo;
      resolve({ port: bound, url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}` });
    });
  });

const drain = (server: Server, inFlight: ReadonlySet<ServerResponse>, drainSeconds: number): Promise<void> =>
  new Promise((resolve) => {
    const cutOff = setTimeout(() => server.closeAllConnections(), drainSeconds * 1000).unref();
    server.close(() => {
      clearTimeout(cutOff);
      resolve();
    });
    for (const response of inFlight) {
      if (!response.headersSent) response.setHeader('Connection', 'close');
      response.once('close', () => server.closeIdleConnections());
    }
    server.closeIdleConnections();
  });

/**
 * Puts a service together. Throws at once when spec, handlers and authenticators do not fit: an operation without handler,
 * a handler without operation, a security scheme that nobody judges, an operation that says nothing about security.
 */
export const createServiceServer = <Caller>(options: ServiceOptions<Caller>): ServiceServer => {
  let phase: Phase = 'starting';
  const exchanges = createExchanges();
  const inFlight = new Set<ServerResponse>();
  const app = serviceApp(options, exchanges, () => phase);
  const server = serverOf(app, inFlight, () => phase);
  return {
    app,
    listen: async (port, host) => {
      await warmUp(app, exchanges, options.spec);
      const address = await listenOn(server, port, host);
      phase = 'serving';
      return address;
    },
    close: async (drainSeconds = 10) => {
      phase = 'draining';
      if (server.listening) await drain(server, inFlight, drainSeconds);
    },
  };
};
