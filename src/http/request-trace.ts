import type { RequestHandler } from 'express';
import { requestSpan } from '../tracing/tracing.ts';
import type { Exchanges } from './exchange.ts';

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Has what a request causes be one trace, where traces are wanted. Pages of the platform, which are asked for all the time, have none. */
export const traceRequests = (service: string, exchanges: Exchanges): RequestHandler => (request, response, next) => {
  const span = request.path.startsWith('/-/') ? undefined : requestSpan(service, request.headers);
  if (span === undefined) {
    next();
    return;
  }
  response.once('close', () => {
    const { label, operation } = exchanges.of(request);
    span.end({ method: methods.has(request.method) ? request.method : '_OTHER', operation: label, status: response.statusCode, ...(operation !== undefined && { route: operation.template }) });
  });
  span.run(next);
};
