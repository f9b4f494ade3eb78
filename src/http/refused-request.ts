import type { Request } from 'express';
import type { RefusedRequest } from '../audit/refusal.ts';
import type { Exchange } from './exchange.ts';
import type { ProblemError } from './problem.ts';

const ourId = /^[0-9a-f]{32}$/i;

/** What is known of a request that is about to be answered with a problem. */
export const refusedRequest = (request: Request, { operation, label, authenticated, requestId }: Exchange, { status, code }: ProblemError): RefusedRequest<unknown> => {
  const { headers } = request;
  // There once the validator has matched, which is after authentication.
  const named = Object.values((request as { openapi?: { pathParams?: Record<string, unknown> } }).openapi?.pathParams ?? {});
  return {
    operationId: operation?.id ?? label, status, code, requestId,
    caller: authenticated === undefined || authenticated.open ? undefined : authenticated.caller,
    showedCredential: headers.authorization !== undefined || headers['x-api-key'] !== undefined || headers.cookie !== undefined,
    target: named.find((value): value is string => typeof value === 'string' && ourId.test(value))?.toLowerCase(),
  };
};
