import { STATUS_CODES } from 'node:http';
import type { Request, Response } from 'express';
import { announcesBody } from './framing.ts';
import { problemCatalogue, type ProblemError } from './problem.ts';

const DEFAULT_RETRY_SECONDS = 5;
/** What is left of a body this short is soon read: who is to come again keeps the connection, for new ones cost most where there is too much to do. */
const SHORT_BODY_BYTES = 64 * 1024;
/** How long a refused upload is drained, so that the answer is not lost to a connection reset. */
const LINGER_MS = 2000;

/** The closed Problem of the specification, also readable as the body of older services (`statusCode`, `error`, `message`). */
export const problemBody = (problem: ProblemError, requestId: string): object => {
  const { code, status, message: detail, options } = problem;
  const { title, retryable } = problemCatalogue[code];
  return {
    type: `urn:vitalgate:problem:${code}`,
    title,
    status,
    detail,
    instance: `urn:vitalgate:request:${requestId}`,
    code,
    ...(options.errors !== undefined && options.errors.length > 0 && { errors: options.errors }),
    ...(options.limits !== undefined && {
      limits: { maxItems: options.limits.maxItems, maxBytes: options.limits.maxBytes },
    }),
    retryable,
    statusCode: status,
    error: STATUS_CODES[status] ?? 'Error',
    message: detail,
  };
};

const setHeaders = (response: Response, { status, options }: ProblemError, challenges: readonly string[]): void => {
  for (const [name, value] of Object.entries(options.headers ?? {})) response.set(name, typeof value === 'string' ? value : [...value]);
  if (status === 401 && response.get('WWW-Authenticate') === undefined) response.set('WWW-Authenticate', challenges.join(', '));
  if (status === 429 || status === 503) {
    response.set('Retry-After', String(Math.max(1, Math.ceil(options.retryAfterSeconds ?? DEFAULT_RETRY_SECONDS))));
  }
};

const keepsConnection = ({ headers }: Request, { status }: ProblemError): boolean =>
  (status === 429 || status === 503) && headers.expect === undefined && Number(headers['content-length'] ?? Infinity) <= SHORT_BODY_BYTES;

/** Answers in full at once, then reads on and forgets, until the client has stopped sending or time is up. */
const sendBeforeBodyEnds = (request: Request, response: Response, body: string): void => {
  response.set('Connection', 'close').set('Content-Length', String(Buffer.byteLength(body)));
  if (request.method === 'HEAD') response.flushHeaders();
  else response.write(body);
  const end = (): void => {
    clearTimeout(timer);
    if (!response.writableEnded) response.end();
  };
  const timer = setTimeout(end, LINGER_MS).unref();
  request.once('end', end).once('close', end).resume();
};

/** Another form of problems, for paths whose clients expect it. */
export interface ProblemForm {
  /** First part of the paths, "/fhir". */
  readonly under: string;
  readonly mediaType: string;
  readonly bodyOf: (problem: ProblemError) => object;
}

/**
 * Writes a problem as application/problem+json, or in the form of its path, with the headers its status needs. The body goes out as
 * text, because the response validator would judge `res.json` by what the operation declares for its successes.
 */
export const sendProblem = (
  request: Request, response: Response, problem: ProblemError,
  about: { requestId: string; challenges: readonly string[]; forms?: readonly ProblemForm[] },
): void => {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const form = about.forms?.find(({ under }) => request.path === under || request.path.startsWith(`${under}/`));
  const body = JSON.stringify(form?.bodyOf(problem) ?? problemBody(problem, about.requestId));
  setHeaders(response, problem, about.challenges);
  response.status(problem.status).set('Content-Type', `${form?.mediaType ?? 'application/problem+json'}; charset=utf-8`);
  if (announcesBody(request) && !request.complete && !keepsConnection(request, problem)) sendBeforeBodyEnds(request, response, body);
  else response.send(body);
};
