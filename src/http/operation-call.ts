import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TLSSocket } from 'node:tls';
import type { Request, RequestHandler, Response } from 'express';
import type { JsonAnswer } from './answer-check.ts';
import { ClientGoneError } from './body-reader.ts';
import type { Exchange, Exchanges } from './exchange.ts';
import { isJsonType } from './framing.ts';
import { noBody, type AnyCall, type AnyHandler, type AnyReply } from './operation.ts';
import type { OperationInfo } from './operation-info.ts';
import { refuseUnkeepable } from './request-text.ts';

/** What ends a warm-up request in place of a handler. */
export class WarmUpPassed extends Error {}

const declaredHeaders = (request: Request, { parameters }: OperationInfo): Record<string, unknown> => {
  const names = parameters.filter(({ in: where }) => where === 'header').map(({ name }) => name.toLowerCase());
  return Object.fromEntries(names.filter((name) => request.headers[name] !== undefined).map((name) => [name, request.headers[name]]));
};

/** A proxy's word about TLS is only echoed here, to whom it came from. */
const originOf = ({ headers, socket }: Request): string => {
  const host = /^[\w.:[\]-]{1,255}$/.test(headers.host ?? '') ? headers.host : undefined;
  return `${socket instanceof TLSSocket || headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'}://${host ?? 'localhost'}`;
};

/** What nobody accepts is sent all the same: an answer in another form helps more than none. */
const wantedOf = (request: Request, { responses }: OperationInfo): string | undefined => {
  const mediaTypes = responses.get('200')?.mediaTypes ?? [];
  return (mediaTypes.length > 1 && request.accepts([...mediaTypes])) || mediaTypes[0];
};

const callOf = (request: Request, exchange: Exchange, operation: OperationInfo): AnyCall => {
  const { authenticated, bytes, items, mediaType, xml, requestId, signal, source } = exchange;
  if (authenticated === undefined) throw new Error('A call needs a judged credential.');
  // The validator leaves coerced values and defaults in both.
  const path = { ...(request as { openapi?: { pathParams?: Record<string, unknown> } }).openapi?.pathParams };
  const query = { ...(request.query as Record<string, unknown>) };
  refuseUnkeepable('path', path);
  refuseUnkeepable('query', query);
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
    wanted: wantedOf(request, operation),
    origin: originOf(request),
    source,
    signal,
  };
};

const isAsyncIterable = (body: unknown): body is AsyncIterable<string | Buffer> => typeof body === 'object' && body !== null && Symbol.asyncIterator in body;

/** Sends pieces as they come. What fails after the first has no status left to tell it with: the connection breaks before the last chunk. */
const stream = async (response: Response, body: AsyncIterable<string | Buffer>): Promise<void> => {
  const iterator = body[Symbol.asyncIterator]();
  // The first piece decides whether there is an answer at all.
  const first = await iterator.next();
  if (response.destroyed) {
    await iterator.return?.();
    return;
  }
  const rest = async function* (): AsyncGenerator<string | Buffer> {
    try {
      for (let piece = first; piece.done !== true; piece = await iterator.next()) if (piece.value.length > 0) yield piece.value;
    } finally {
      await iterator.return?.();
    }
  };
  try {
    await pipeline(Readable.from(rest(), { objectMode: false }), response);
  } catch (error) {
    // A client that leaves in the middle is no fault of anybody.
    if (!['ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_UNABLE_TO_PIPE'].includes(String((error as { code?: unknown }).code))) throw error;
  }
};

type Judge = (answer: JsonAnswer) => void;

const writeReply = async (request: Request, response: Response, { status, headers, body }: AnyReply, operation: OperationInfo, judge: Judge): Promise<void> => {
  const { id, responses } = operation;
  const declared = responses.get(String(status));
  if (declared === undefined) throw new Error(`${id} answered the undeclared status ${status}.`);
  for (const [name, value] of Object.entries(headers ?? {})) response.set(name, typeof value === 'string' ? value : [...value]);
  response.status(status);
  const mediaType = status === 200 ? wantedOf(request, operation) : declared.mediaTypes[0];
  if (body === noBody || mediaType === undefined) {
    if (!declared.mayBeEmpty || (body !== noBody && body !== undefined)) throw new Error(`${id} answered ${status} with the wrong kind of body.`);
    response.end();
  } else if (isJsonType(mediaType)) {
    judge({ operation, status, mediaType, body });
    response.type(mediaType).json(body);
  } else if (isAsyncIterable(body)) {
    // Pieces are text, whatever Express knows of their type.
    response.set('Content-Type', `${mediaType}; charset=utf-8`);
    await stream(response, body).catch((error: unknown) => {
      // A problem is no file, and has another length.
      if (!response.headersSent) for (const name of Object.keys(headers ?? {})) response.removeHeader(name);
      throw error;
    });
  } else {
    response.type(mediaType).send(body);
  }
};

/** What was given up because the client left: whoever works for it was told so by the signal of the call. */
const isGivenUp = (error: unknown, signal: AbortSignal): boolean => signal.aborted && (error as { name?: unknown } | undefined)?.name === 'AbortError';

/**
 * Last step: hands the validated call to the handler of the operation and writes its reply, once `judge` has let it pass by not throwing.
 */
export const dispatch = (handlers: Readonly<Record<string, AnyHandler>>, exchanges: Exchanges, judge: Judge): RequestHandler =>
  async (request, response) => {
    const exchange = exchanges.of(request);
    const { operation } = exchange;
    if (exchange.warmUp !== undefined) throw new WarmUpPassed();
    const handler = operation === undefined ? undefined : handlers[operation.id];
    if (operation === undefined || handler === undefined) throw new Error('A matched operation has a handler.');
    // The typed map has checked the handler against the operation that the call was validated for.
    try {
      const reply = await handler(callOf(request, exchange, operation) as never);
      await writeReply(request, response, reply, operation, judge);
    } catch (error) {
      throw isGivenUp(error, exchange.signal) ? new ClientGoneError() : error;
    }
  };
