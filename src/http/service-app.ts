import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import { UPLOAD_LIMITS } from '../healthkit/limits.ts';
import { accessLog, observe } from './access-log.ts';
import { challengesOf, type Authenticators } from './authentication.ts';
import type { BodyLimits } from './body-content.ts';
import { ClientGoneError } from './body-reader.ts';
import { createDocumentation } from './documentation.ts';
import { enter, type Exchanges } from './exchange.ts';
import { faultOf } from './fault-log.ts';
import { createMetrics, type GaugeSource } from './metrics.ts';
import type { AnyHandler } from './operation.ts';
import { platformRoutes, type Phase, type PlatformOptions } from './platform-routes.ts';
import { sendProblem, type ProblemForm } from './problem-body.ts';
import { problemOf } from './problem-of.ts';
import type { Spec } from './spec.ts';
import { specRouter } from './spec-router.ts';

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
  readonly isDatabaseUnavailable?: (error: unknown) => boolean;
}

const DEFAULT_LIMITS: BodyLimits = { ...UPLOAD_LIMITS, maxDepth: 32 };

const securityHeaders = helmet({
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
});

const report = <Caller>({ log, onError }: ServiceOptions<Caller>, error: unknown, operationId: string, requestId?: string): void => {
  log.error({ ...faultOf(error), operationId, ...(requestId !== undefined && { requestId }) }, 'internal error');
  onError?.(error, operationId);
};

/** Last of all: every error becomes a problem; what is not the client's doing is logged, without values. */
const renderer = <Caller>(options: ServiceOptions<Caller>, exchanges: Exchanges): ErrorRequestHandler => {
  const render = (error: unknown, request: Request, response: Response): void => {
    const { warmUp, operation, requestId, label } = exchanges.of(request);
    if (warmUp !== undefined) {
      warmUp(error);
    } else if (error instanceof ClientGoneError) {
      response.destroy();
    } else {
      const problem = problemOf(error, { operation, isDatabaseUnavailable: options.isDatabaseUnavailable ?? ((): boolean => false) });
      if (problem.code === 'internal-error') report(options, problem.cause ?? problem, label, requestId);
      else if (problem.cause !== undefined) options.log.warn({ ...faultOf(problem.cause), code: problem.code, operationId: label, requestId }, problem.code);
      sendProblem(request, response, problem, { requestId, challenges: challengesOf(options.spec, operation), forms: options.problemForms ?? [] });
    }
  };
  // Express tells an error handler by its four parameters.
  return Object.defineProperty(render, 'length', { value: 4 });
};

/**
 * The Express application of a service. Throws at once when spec, handlers and authenticators do not fit together.
 */
export const serviceApp = <Caller>(options: ServiceOptions<Caller>, exchanges: Exchanges, phase: () => Phase): Express => {
  const { name, version, spec, handlers, authenticators, log } = options;
  const metrics = createMetrics(name, options.gauges);
  const writeLine = accessLog(log);
  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', 'simple');
  app.use(enter(exchanges), observe(exchanges, (access) => {
    writeLine(access);
    metrics.record(access);
  }));
  app.use(securityHeaders, (_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    next();
  });
  app.use(platformRoutes({
    name, version, spec, metrics, exchanges, phase,
    documentation: createDocumentation(spec.document),
    ready: options.ready ?? ((): boolean => true),
    checkUp: options.checkUp ?? {},
  }));
  app.use(specRouter({
    spec, handlers, authenticators, exchanges,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    validateResponses: options.validateResponses ?? false,
    onContractBreach: (error, operationId) => report(options, error, operationId),
  }));
  app.use(renderer(options, exchanges));
  return app;
};
