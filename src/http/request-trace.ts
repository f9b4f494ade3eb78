import type { Request, RequestHandler } from 'express';
import { requestSpan } from '../tracing/tracing.ts';
import { endedStatusOf, UNANSWERED } from './access-log.ts';
import type { Exchanges } from './exchange.ts';
import type { Connection } from './request-source.ts';

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Strangers choose neither which of our traces are kept nor what stands in them: theirs are not continued. */
const continued = ({ headers, socket }: Request, isOurs: (connection: Connection) => boolean): string | undefined => {
  const { traceparent } = headers;
  return typeof traceparent === 'string' && isOurs({ headers, remoteAddress: socket.remoteAddress }) ? traceparent : undefined;
};

/**
 * Has what a request causes be one trace, where traces are wanted: that of its caller where that `isOurs`, else a new one. Pages of the
 * platform, which are asked for all the time, have none.
 */
export const traceRequests = (service: string, exchanges: Exchanges, isOurs: (connection: Connection) => boolean): RequestHandler => (request, response, next) => {
  const span = request.path.startsWith('/-/') ? undefined : requestSpan(service, continued(request, isOurs));
  if (span === undefined) {
    next();
    return;
  }
  response.once('close', () => {
    const { label, operation } = exchanges.of(request);
    const status = endedStatusOf(response);
    span.end({
      method: methods.has(request.method) ? request.method : '_OTHER', operation: label, status, hasFailed: status >= 500 || status === UNANSWERED,
      ...(operation !== undefined && { route: operation.template }),
    });
  });
  span.run(next);
};
