import { TLSSocket } from 'node:tls';
import type { Request, RequestHandler, Response } from 'express';
import { answerCheck, type JsonAnswer } from './answer-check.ts';
import { authenticate, checkSecurity, type Authenticators } from './authentication.ts';
import { readContent, type BodyLimits } from './body-content.ts';
import { BODIES_BYTES, createBodyBudget, type Hold } from './body-budget.ts';
import { readBody } from './body-reader.ts';
import type { Exchange, Exchanges } from './exchange.ts';
import { announcesBody, BLANK_BODY_BYTES, checkFraming, isReadableType, OPEN_BODY_BYTES, planContent, tooLarge } from './framing.ts';
import type { AnyHandler } from './operation.ts';
import { dispatch } from './operation-call.ts';
import type { OperationInfo } from './operation-info.ts';
import type { OriginCheck } from './origin-check.ts';
import { problem } from './problem.ts';
import { requestValidator } from './request-validator.ts';
import { createSourceReader, type Connection } from './request-source.ts';
import type { Spec } from './spec.ts';
import { createTurns, type TurnLimits, type Turns } from './turns.ts';

/** What the router of one service stands on. */
export interface SpecRouterOptions<Caller> {
  readonly spec: Spec;
  readonly handlers: Readonly<Record<string, AnyHandler>>;
  readonly authenticators: Authenticators<Caller>;
  readonly limits: BodyLimits;
  readonly exchanges: Exchanges;
  /** Judges the pages that send requests to operations with cookies or without credentials. */
  readonly origins?: OriginCheck;
  readonly sourceOf?: (connection: Connection) => string;
  readonly turns: readonly TurnLimits[];
  /** Room for all bodies together, in bytes; default BODIES_BYTES. */
  readonly bodiesBytes?: number;
  /** True: an answer that breaks the contract becomes a 500. False: it is sent and told to `onContractBreach`. */
  readonly validateResponses: boolean;
  readonly onContractBreach: (error: Error, operationId: string) => void;
}

/** Throws when the map and the spec do not name the same operations, or a body comes in a media type nobody can read. */
export const checkHandlers = (spec: Spec, handlers: Readonly<Record<string, unknown>>): void => {
  const expected = spec.operations.filter(({ platform }) => !platform).map(({ id }) => id);
  const missing = expected.filter((id) => !Object.hasOwn(handlers, id));
  const surplus = Object.keys(handlers).filter((id) => !expected.includes(id));
  const unreadable = spec.operations.filter(({ request }) => request?.mediaTypes.some((type) => !isReadableType(type)) === true);
  const faults = [
    ...missing.map((id) => `no handler for ${id}`),
    ...surplus.map((id) => `no operation ${id} for its handler`),
    ...unreadable.map(({ id }) => `no reader for a media type of ${id}`),
  ];
  if (faults.length > 0) throw new Error(`Operations of ${spec.title}: ${faults.join('; ')}.`);
};

/** The operation that a request means. Throws 404, or 405 with Allow; a path nobody declared is never served. */
const matchOperation = (spec: Spec, request: Request): { operation: OperationInfo; path: string } => {
  const match = spec.match(request.method, request.path);
  if (match.kind === 'not-found') throw problem('not-found');
  if (match.kind === 'method-not-allowed') throw problem('method-not-allowed', { headers: { Allow: match.allow.join(', ') } });
  return match;
};

const isOpen = ({ security = [] }: OperationInfo): boolean => security.some((alternative) => alternative.length === 0);

const maxBytesOf = (operation: OperationInfo, { maxBytes }: BodyLimits): number => {
  if (operation.request === undefined) return BLANK_BODY_BYTES;
  return isOpen(operation) ? Math.min(maxBytes, OPEN_BODY_BYTES) : maxBytes;
};

const bodyLimitsOf = (operation: OperationInfo, limits: BodyLimits): BodyLimits => ({
  maxDepth: limits.maxDepth,
  maxBytes: maxBytesOf(operation, limits),
  maxItems: Math.min(operation.request?.maxItems ?? limits.maxItems, limits.maxItems),
});

/** The path the validator sees is the one that was matched, so that both always mean the same operation. */
const showMatched = (request: Request, path: string): void => {
  const query = request.url.indexOf('?');
  request.url = query < 0 ? path : path + request.url.slice(query);
};

/** Media types are replaced by the declared one: the validator keeps a cache entry for every spelling it sees. */
const showContentType = (request: Request, mediaType: string | undefined): void => {
  if (mediaType === undefined) delete request.headers['content-type'];
  else request.headers['content-type'] = mediaType;
};

/** Browsers add cookies by themselves, and send what needs no credential from any page. */
const isOpenToPages = (spec: Spec, operation: OperationInfo): boolean =>
  isOpen(operation) || (operation.security ?? []).some((alternative) => alternative.some((name) => spec.securitySchemes.get(name)?.in === 'cookie'));

const peerOf = createSourceReader({ trustedProxies: [] });

/** What requests of one service share. */
interface Room {
  readonly turns: Turns;
  readonly holdBody: (response: Response) => Hold;
}

const admit = async <Caller>(
  options: SpecRouterOptions<Caller>, { turns, holdBody }: Room, exchange: Exchange, request: Request, response: Response,
): Promise<void> => {
  const { operation, path } = matchOperation(options.spec, request);
  exchange.operation = operation;
  exchange.label = operation.id;
  if (operation.deprecation !== undefined) response.set(operation.deprecation);
  showMatched(request, path);
  const limits = bodyLimitsOf(operation, options.limits);
  const { maxBytes, maxItems } = limits;
  checkFraming(request, operation, { maxBytes, maxItems });
  const plan = planContent(operation, request.headers['content-type']);
  const { headers, socket, method } = request;
  if (isOpenToPages(options.spec, operation)) options.origins?.check({ method, headers, remoteAddress: socket.remoteAddress, encrypted: socket instanceof TLSSocket });
  exchange.source = (options.sourceOf ?? peerOf)({ headers, remoteAddress: socket.remoteAddress });
  const view = { headers, remoteAddress: socket.remoteAddress, encrypted: socket instanceof TLSSocket, operationId: operation.id, requestId: exchange.requestId };
  turns.refuseWhenFull(operation.id);
  exchange.authenticated = await authenticate(operation, options.authenticators, view);
  if (/^100-continue$/i.test(headers.expect ?? '') && announcesBody(request)) response.writeContinue();
  exchange.bytes = await readBody(request, maxBytes, () => tooLarge(operation, { maxBytes, maxItems }), holdBody(response));
  // Not before it is all there: who sends slowly would hold up the others.
  await turns.take(operation.id, response);
  const { value, items, xml } = await readContent(exchange.bytes, plan, operation.request, limits);
  if (items !== undefined) exchange.items = items;
  if (xml !== undefined) exchange.xml = xml;
  if (value !== undefined && 'mediaType' in plan) exchange.mediaType = plan.mediaType;
  request.body = value;
  showContentType(request, exchange.mediaType);
};

const judgeOf = <Caller>({ spec, validateResponses, onContractBreach }: SpecRouterOptions<Caller>): ((answer: JsonAnswer) => void) => {
  const check = answerCheck(spec);
  return (answer) => {
    const breach = check(answer);
    if (breach === undefined) return;
    const error = new Error(breach);
    if (validateResponses) throw error;
    onContractBreach(error, answer.operation.id);
  };
};

/**
 * The steps of a request to an operation of the spec, in this order: match, framing from headers, authentication, bounded
 * body, its turn, JSON gate, validator, handler. Throws at once when handlers, authenticators and spec do not fit together.
 */
export const specRouter = <Caller>(options: SpecRouterOptions<Caller>): RequestHandler[] => {
  checkHandlers(options.spec, options.handlers);
  checkSecurity(options.spec, options.authenticators);
  const { exchanges } = options;
  const room: Room = { turns: createTurns(options.turns), holdBody: createBodyBudget(options.bodiesBytes ?? BODIES_BYTES) };
  const admission: RequestHandler = async (request, response, next) => {
    const exchange = exchanges.of(request);
    if (exchange.warmUp === undefined) await admit(options, room, exchange, request, response);
    next();
  };
  return [admission, ...requestValidator(options), dispatch(options.handlers, exchanges, judgeOf(options))];
};
