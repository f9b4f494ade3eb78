import { channel } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import type { Logger } from 'pino';
import type { RefusedRequest } from '../audit/refusal.ts';
import { UPLOAD_LIMITS } from '../healthkit/limits.ts';
import type { GaugeSource } from '../metrics/gauge.ts';
import { accessLog, observe } from './access-log.ts';
import { challengesOf, type Authenticators } from './authentication.ts';
import type { BodyLimits } from './body-content.ts';
import { ClientGoneError, SlowBodyError } from './body-reader.ts';
import { createDocumentation } from './documentation.ts';
import { checkHost, checkTarget } from './framing.ts';
import { enter, type Exchanges } from './exchange.ts';
import { faultOf } from './fault-log.ts';
import { createMetrics } from './metrics.ts';
import type { AnyHandler } from './operation.ts';
import { platformRoutes, verdictOf, type Phase, type PlatformOptions } from './platform-routes.ts';
import type { OriginCheck } from './origin-check.ts';
import { sendProblem, type ProblemForm } from './problem-body.ts';
import { problemOf } from './problem-of.ts';
import type { ProblemCode } from './problem.ts';
import { refusedRequest } from './refused-request.ts';
import type { Connection } from './request-source.ts';
import { crossOrigin, securityHeaders } from './response-policy.ts';
import { loadGate } from './load-gate.ts';
import type { Spec } from './spec.ts';
import { traceRequests } from './request-trace.ts';
import { specRouter } from './spec-router.ts';
import type { TurnLimits } from './turns.ts';

/** What a service is made of. */
export interface ServiceOptions<Caller> {
  /** As it appears in health answers, metrics and log: `bff`, `device-manager`, `user-manager`. */
  readonly name: string;
  /** Figures beside those of requests. */
  readonly gauges?: readonly GaugeSource[];
  readonly version: string;
  readonly spec: Spec;
  readonly handlers: Readonly<Record<string, AnyHandler>>;
  readonly authenticators: Authenticators<Caller>;
  /** Defaults: 10 MiB on the wire and decoded, 5000 items, depth 32. */
  readonly limits?: Partial<BodyLimits>;
  /** Which operations take turns; none when left out. */
  readonly turns?: readonly TurnLimits[];
  /** Room for the bodies of all requests under way, in bytes; 128 MiB when left out. */
  readonly bodiesBytes?: number;
  /** Milliseconds that a client may take nothing of its answer; 60 s when left out. */
  readonly stalledAfterMs?: number;
  readonly log: Logger;
  readonly ready?: PlatformOptions['ready'];
  readonly checkUp?: PlatformOptions['checkUp'];
  /** True in tests: an answer that breaks the contract is a 500. False: it is sent and logged. */
  readonly validateResponses?: boolean;
  /** False in tests that start often: what a route needs is compiled at its first request, and a broken spec does not stop the start. */
  readonly warmUp?: boolean;
  /** Told every internal error and every answer that breaks the contract, beside the log. */
  readonly onError?: (error: unknown, operationId: string) => void;
  /** Other forms than application/problem+json, by path. */
  readonly problemForms?: readonly ProblemForm[];
  /** Where browsers sign in with cookies: whose pages may change something. */
  readonly origins?: OriginCheck;
  /** Tells where a request comes from, for counting; the peer when left out. */
  readonly sourceOf?: (connection: Connection) => string;
  /** Tells whether a proxy or a service of ours calls, whose trace is continued; nobody's is when left out. */
  readonly isOurs?: (connection: Connection) => boolean;
  /** People reach the service by https, wherever TLS ends. */
  readonly isPublicHttps?: boolean;
  readonly isDatabaseUnavailable?: (error: unknown) => boolean;
  /** Told every problem before it is sent, to write into the audit what belongs there. */
  readonly auditRefusal?: (request: RefusedRequest<Caller>) => Promise<void>;
  /** The code of an error of the service's own kinds; undefined for an internal error. */
  readonly codeOf?: (error: unknown) => ProblemCode | undefined;
}

/** One answer that was sent whole, as the channel `vitalgate:answer` tells it. */
export interface ServiceAnswer {
  readonly service: string;
  /** operationId, or `platform:` and the path of a page of the kit. */
  readonly operationId: string;
  readonly status: number;
}

/** For whoever listens in the process, as the tests do that count which declared statuses they have seen; free while nobody does. */
const answers = channel('vitalgate:answer');

const DEFAULT_LIMITS: BodyLimits = { ...UPLOAD_LIMITS, maxDepth: 32 };

const report = <Caller>({ log, onError }: ServiceOptions<Caller>, error: unknown, operationId: string, requestId?: string): void => {
  log.error({ ...faultOf(error), operationId, ...(requestId !== undefined && { requestId }) }, 'internal error');
  onError?.(error, operationId);
};

/** Last of all: every error becomes a problem; what is not the client's doing is logged, without values. */
const renderer = <Caller>(options: ServiceOptions<Caller>, exchanges: Exchanges): ErrorRequestHandler => {
  const render = async (error: unknown, request: Request, response: Response): Promise<void> => {
    const exchange = exchanges.of(request);
    const { warmUp, operation, requestId, label } = exchange;
    if (warmUp !== undefined) {
      warmUp(error);
    } else if (error instanceof ClientGoneError) {
      response.destroy();
    } else if (error instanceof SlowBodyError) {
      response.once('finish', () => request.destroy()).writeHead(408, { Connection: 'close', 'Content-Length': 0 }).end();
    } else {
      const problem = problemOf(error, { operation, isDatabaseUnavailable: options.isDatabaseUnavailable ?? ((): boolean => false), codeOf: options.codeOf });
      if (problem.code === 'internal-error') report(options, problem.cause ?? problem, label, requestId);
      else if (problem.cause !== undefined) options.log.warn({ ...faultOf(problem.cause), code: problem.code, operationId: label, requestId }, problem.code);
      // The authenticators of the same options judged who calls.
      if (operation !== undefined) await options.auditRefusal?.(refusedRequest(request, exchange, problem) as RefusedRequest<Caller>);
      sendProblem(request, response, problem, { requestId, challenges: challengesOf(options.spec, operation), forms: options.problemForms ?? [] });
    }
  };
  // Express tells an error handler by its four parameters.
  return Object.defineProperty(render, 'length', { value: 4 });
};

/** What the application asks of the server that it runs in. */
export interface ServerState {
  readonly phase: () => Phase;
  /** Answers that are not sent yet. */
  readonly inFlight: ReadonlySet<ServerResponse>;
}

const serverGauges = (requestsInFlight: () => number, isReady: () => Promise<boolean>): GaugeSource[] => [
  { name: 'http_requests_in_flight', isPrompt: true, labelNames: [], help: 'Requests that have no answer yet, the one that asks for this among them.', read: () => [{ labels: {}, value: requestsInFlight() }] },
  {
    name: 'vitalgate_ready', isPrompt: true, labelNames: [], help: '1 while the service takes requests, as /-/ready tells, else 0.',
    // An alarm asks for 0, which a figure that is left out is not.
    read: async () => [{ labels: {}, value: (await isReady()) ? 1 : 0 }], otherwise: [{ labels: {}, value: 0 }],
  },
];

/**
 * The Express application of a service. Throws at once when spec, handlers and authenticators do not fit together.
 */
export const serviceApp = <Caller>(options: ServiceOptions<Caller>, exchanges: Exchanges, { phase, inFlight }: ServerState): Express => {
  const { name, version, spec, handlers, authenticators, log } = options;
  const ready = options.ready ?? ((): boolean => true);
  const isReady = async (): Promise<boolean> => phase() === 'serving' && (await verdictOf(ready)) === true;
  const metrics = createMetrics(name, [...(options.gauges ?? []), ...serverGauges(() => inFlight.size, isReady)]);
  const writeLine = accessLog(log);
  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', 'simple');
  // Operations judge If-None-Match themselves; Express would answer 304 where the specification has none.
  Object.defineProperty(app.request, 'fresh', { value: false });
  app.use(enter(exchanges), observe(exchanges, (access) => {
    writeLine(access);
    metrics.record(access);
    if (answers.hasSubscribers && !access.aborted) answers.publish({ service: name, operationId: access.operationId, status: access.status } satisfies ServiceAnswer);
  }));
  app.use(traceRequests(name, exchanges, options.isOurs ?? ((): boolean => false)));
  app.use(...securityHeaders(options.isPublicHttps ?? false), (request, _response, next) => {
    checkHost(request);
    checkTarget(request);
    next();
  });
  if (options.origins !== undefined) app.use(crossOrigin(options.origins));
  app.use(platformRoutes({ name, version, spec, metrics, exchanges, phase, documentation: createDocumentation(spec), ready, checkUp: options.checkUp ?? {} }));
  app.use(loadGate(inFlight));
  app.use(specRouter({
    spec, handlers, authenticators, exchanges,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    turns: options.turns ?? [],
    ...(options.bodiesBytes !== undefined && { bodiesBytes: options.bodiesBytes }),
    ...(options.origins && { origins: options.origins }),
    ...(options.sourceOf && { sourceOf: options.sourceOf }),
    validateResponses: options.validateResponses ?? false,
    onContractBreach: (error, operationId) => report(options, error, operationId),
  }));
  app.use(renderer(options, exchanges));
  return app;
};
