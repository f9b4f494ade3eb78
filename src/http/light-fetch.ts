import { errors } from 'undici';
import type { Dispatcher, Pool } from 'undici';
import { traced, traceHeaders, type SpanWish } from '../tracing/tracing.ts';
import { problem } from './problem.ts';

/** What openapi-fetch builds instead of a `Request`: building the platform's own costs more than the call itself. */
export class LightRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string | Buffer | null;
  readonly signal: AbortSignal | undefined;
  /** Its path in the contract, with parameters as names: what a trace may know of it. */
  template: string | undefined;

  constructor(url: string, init: { method: string; headers: Headers; body?: string | Buffer | null; signal?: AbortSignal | null }) {
    this.url = url;
    this.method = init.method;
    this.headers = init.headers;
    this.body = init.body ?? null;
    this.signal = init.signal ?? undefined;
  }
}

/** An answer read to its end. Has what openapi-fetch and our callers use of a `Response`; the body can be read again. */
export class LightResponse {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: Headers;
  readonly bytes: Buffer;
  #value: { readonly json: unknown } | undefined;

  constructor(status: number, headers: Headers, bytes: Buffer) {
    this.status = status;
    this.ok = status >= 200 && status <= 299;
    this.headers = headers;
    this.bytes = bytes;
  }

  text(): Promise<string> {
    return Promise.resolve(this.bytes.toString('utf8'));
  }

  /** Parses once, however often it is asked. */
  // eslint-disable-next-line @typescript-eslint/require-await -- a parse error must reject, not throw, as in a Response
  async json(): Promise<unknown> {
    this.#value ??= { json: JSON.parse(this.bytes.toString('utf8')) };
    return this.#value.json;
  }
}

/** Time for one call from first byte to last, and bytes of one answer's body. */
export interface CallLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

const RETRY_AFTER_SECONDS = 5;

/** The problem of an upstream that cannot be reached or says that it is in trouble. */
export const unavailable = (cause: unknown, retryAfterSeconds = RETRY_AFTER_SECONDS) =>
  problem('upstream-unavailable', { retryAfterSeconds, cause });

/** The problem of an upstream whose answer cannot be trusted. */
export const invalid = (what: string, cause?: unknown) => problem('upstream-invalid', { cause: new Error(what, { cause }) });

const codeIn = (bytes: Buffer): unknown => {
  try {
    return (JSON.parse(bytes.toString('utf8')) as { code?: unknown } | null)?.code;
  } catch {
    return undefined; // a page of something in front of it
  }
};

/** The problem of an upstream that answered 5xx: trouble that passes, but for data that no repetition opens. */
export const troubleOf = (status: number, bytes: Buffer, retryAfterSeconds?: number) => {
  const cause = new Error(`an upstream answered ${String(status)}`);
  return status === 500 && codeIn(bytes) === 'data-unreadable' ? problem('data-unreadable', { cause }) : unavailable(cause, retryAfterSeconds);
};

/** Builds headers that tell the length of what was read, whatever the framing was. */
function headersOf(raw: Dispatcher.ResponseData['headers'], length: number): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(raw)) {
    for (const one of Array.isArray(value) ? value : [value ?? '']) headers.append(name, one);
  }
  headers.delete('transfer-encoding');
  headers.set('content-length', String(length));
  return headers;
}

/** Reads a body to its end. Throws `upstream-invalid` where it is larger. */
export async function readBody(body: Dispatcher.ResponseData['body'], declared: unknown, maxBytes: number): Promise<Buffer> {
  const tooLarge = () => invalid(`an upstream answered more than ${maxBytes} bytes`);
  if (Number(declared) > maxBytes) {
    body.destroy();
    throw tooLarge();
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw tooLarge(); // leaving the loop destroys the body and its socket
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** Seconds the upstream asks us to wait, where it says so in a form we may pass on. */
function retryAfterOf(headers: Headers): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  return Number.isInteger(seconds) && seconds >= 1 && seconds <= 3600 ? seconds : undefined;
}

const isGarbage = (error: unknown): boolean => error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError;

/** The call as a trace may know it: no path, no query, nothing of headers and body. */
export const spanOf = (origin: string, { method, template }: Pick<LightRequest, 'method' | 'template'>): SpanWish => {
  const { hostname, port, protocol } = new URL(origin);
  return {
    name: template === undefined ? method : `${method} ${template}`, kind: 'client',
    attributes: { 'http.request.method': method, 'server.address': hostname, 'server.port': Number(port) || (protocol === 'https:' ? 443 : 80), ...(template !== undefined && { 'url.template': template }) },
  };
};

async function dispatch(pool: Pool, origin: string, request: LightRequest, limits: CallLimits): Promise<LightResponse> {
  const deadline = AbortSignal.timeout(limits.timeoutMs);
  const { statusCode, headers: raw, body } = await pool.request({
    path: request.url.slice(origin.length),
    method: request.method,
    headers: { ...Object.fromEntries(request.headers), ...traceHeaders() },
    body: request.body,
    signal: request.signal ? AbortSignal.any([request.signal, deadline]) : deadline,
  });
  const bytes = await readBody(body, raw['content-length'], limits.maxBytes);
  return new LightResponse(statusCode, headersOf(raw, bytes.length), bytes);
}

/**
 * A fetch over a keep-alive pool for one origin: one deadline for the whole call, answers bounded, redirects not followed, nothing
 * sent twice.
 * @throws ProblemError `upstream-unavailable` when the upstream is not reached, breaks off, is too late or answers 5xx;
 *   `data-unreadable` when it says that; `upstream-invalid` when it does not speak HTTP or says too much; the reason of the caller's own signal when that aborted
 */
export function createLightFetch(pool: Pool, origin: string, limits: CallLimits) {
  return async (request: LightRequest): Promise<LightResponse> => {
    let response: LightResponse;
    try {
      response = await traced(spanOf(origin, request), async (note) => {
        const answer = await dispatch(pool, origin, request, limits);
        note({ 'http.response.status_code': answer.status });
        return answer;
      });
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof Error && error.name === 'ProblemError') throw error;
      throw isGarbage(error) ? invalid('an upstream did not answer in HTTP', error) : unavailable(error);
    }
    if (response.status >= 500) {
      throw troubleOf(response.status, response.bytes, retryAfterOf(response.headers));
    }
    return response;
  };
}
