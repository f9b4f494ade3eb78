import type { Request, RequestHandler, Response } from 'express';
import type { Exchange, Exchanges } from './exchange.ts';
import { isJsonType } from './framing.ts';
import { noBody, type AnyCall, type AnyHandler, type AnyReply } from './operation.ts';
import type { OperationInfo } from './operation-info.ts';
import { refuseNul } from './request-text.ts';

/** What ends a warm-up request in place of a handler. */
export class WarmUpPassed extends Error {}

const declaredHeaders = (request: Request, { parameters }: OperationInfo): Record<string, unknown> => {
  const names = parameters.filter(({ in: where }) => where === 'header').map(({ name }) => name.toLowerCase());
  return Object.fromEntries(names.filter((name) => request.headers[name] !== undefined).map((name) => [name, request.headers[name]]));
};

const callOf = (request: Request, exchange: Exchange, operation: OperationInfo): AnyCall => {
  const { authenticated, bytes, items, mediaType, xml, requestId, signal } = exchange;
  if (authenticated === undefined) throw new Error('A call needs a judged credential.');
  // The validator leaves coerced values and defaults in both.
  const path = { ...(request as { openapi?: { pathParams?: Record<string, unknown> } }).openapi?.pathParams };
  const query = { ...(request.query as Record<string, unknown>) };
  refuseNul('path', path);
  refuseNul('query', query);
  return {
    path,
    query,
    headers: declaredHeaders(request, operation),
    body: request.body as unknown,
    bytes,
    ...(items !== undefined && { items }),
    ...(mediaType !== undefined && { mediaType }),
    ...(xml !== undefined && { xml }),
    caller: authenticated.open ? undefined : authenticated.caller,
    requestId,
    signal,
  };
};

const writeReply = (response: Response, { status, headers, body }: AnyReply, { id, responses }: OperationInfo): void => {
  const declared = responses.get(String(status));
  if (declared === undefined) throw new Error(`${id} answered the undeclared status ${status}.`);
  for (const [name, value] of Object.entries(headers ?? {})) response.set(name, typeof value === 'string' ? value : [...value]);
  response.status(status);
  const [mediaType] = declared.mediaTypes;
  if (body === noBody || mediaType === undefined) {
    if (!declared.mayBeEmpty || (body !== noBody && body !== undefined)) throw new Error(`${id} answered ${status} with the wrong kind of body.`);
    response.end();
  } else if (isJsonType(mediaType)) {
    response.type(mediaType).json(body);
  } else {
    response.type(mediaType).send(body);
  }
};

/** Last step: hands the validated call to the handler of the operation and writes its reply. */
export const dispatch = (handlers: Readonly<Record<string, AnyHandler>>, exchanges: Exchanges): RequestHandler =>
  async (request, response) => {
    const exchange = exchanges.of(request);
    const { operation } = exchange;
    if (exchange.warmUp !== undefined) throw new WarmUpPassed();
    const handler = operation === undefined ? undefined : handlers[operation.id];
    if (operation === undefined || handler === undefined) throw new Error('A matched operation has a handler.');
    // The typed map has checked the handler against the operation that the call was validated for.
    writeReply(response, await handler(callOf(request, exchange, operation) as never), operation);
  };
