import type { ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import type { Exchanges } from './exchange.ts';

/** One finished request, for log and metrics: no path, query, body, cookie, address or id of a person. */
export interface AccessRecord {
  readonly operationId: string;
  /** `UNANSWERED` where no answer was begun. */
  readonly status: number;
  readonly durationMs: number;
  readonly requestId: string;
  /** Body bytes received, after content decoding. */
  readonly bytes: number;
  /** True when the client left before its answer was written. */
  readonly aborted: boolean;
}

/** What stands for the status of a request that was not answered: its client left, or the service stopped. nginx writes the same; nobody is ever sent it. */
export const UNANSWERED = 499;

/** The status of a request that has ended. Before an answer is begun it bears the 200 that Node sets in advance, or what was sent past it (`brokenRequestAnswer`). */
export const endedStatusOf = ({ headersSent, statusCode }: Pick<ServerResponse, 'headersSent' | 'statusCode'>): number => (headersSent || statusCode >= 400 ? statusCode : UNANSWERED);

/** Tells `record` once per request, when its answer is written or its client is gone. */
export const observe = (exchanges: Exchanges, record: (access: AccessRecord) => void): RequestHandler =>
  (request, response, next) => {
    const exchange = exchanges.of(request);
    response.once('close', () => {
      record({
        operationId: exchange.label,
        status: endedStatusOf(response),
        durationMs: Math.round((performance.now() - exchange.startedAt) * 10) / 10,
        requestId: exchange.requestId,
        bytes: exchange.bytes.length,
        aborted: !response.writableFinished,
      });
    });
    next();
  };

/** Writes one line per request: pages of the platform at debug, all else at info. */
export const accessLog = (log: Logger): ((access: AccessRecord) => void) => (access) => {
  if (access.operationId.startsWith('platform:')) log.debug(access, 'request');
  else log.info(access, 'request');
};
