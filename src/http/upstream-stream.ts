import type { Dispatcher, Pool } from 'undici';
import { traced, traceHeaders } from '../tracing/tracing.ts';
import { invalid, readBody, spanOf, troubleOf, unavailable } from './light-fetch.ts';

/** What is asked for: a GET, with the media type that its answer must have. */
export interface StreamRequest {
  /** Path and query, encoded. */
  readonly path: string;
  /** Its path in the contract, with parameters as names: what a trace may know of it. */
  readonly template: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly mediaType: string;
  readonly signal?: AbortSignal;
}

/** An answer as it comes, or the status of a refusal; `sizeBytes` is what the upstream announced. */
export type Streamed = { readonly pieces: AsyncIterable<Buffer>; readonly sizeBytes: number | undefined } | { readonly refused: number; readonly retryAfter: string | undefined };

/** How long the upstream may let us wait for its headers, and between two pieces. */
const PATIENCE_MS = 30_000;

const LARGEST_REFUSAL_BYTES = 65_536;

const mediaTypeOf = (headers: Dispatcher.ResponseData['headers']): string => String(headers['content-type'] ?? '').split(';', 1)[0]?.trim() ?? '';

/** What comes until it breaks off, which is trouble of the upstream unless whoever asked has left. */
const piecesOf = async function* (body: AsyncIterable<Buffer>, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } catch (error) {
    signal?.throwIfAborted();
    throw unavailable(error);
  }
};

/** Asks, in a span that ends when the answer begins: whoever takes its pieces may let it wait for as long as they like. */
const ask = (pool: Pool, origin: string, { path, template, headers, signal }: StreamRequest): Promise<Dispatcher.ResponseData> =>
  traced(spanOf(origin, { method: 'GET', template }), async (note) => {
    const asked = { path, method: 'GET' as const, headers: { ...headers, ...traceHeaders() }, headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS, ...(signal && { signal }) };
    const answer = await pool.request(asked);
    note({ 'http.response.status_code': answer.statusCode });
    return answer;
  });

/**
 * Opens an answer of any size without reading it; whoever takes its pieces sets the pace, and leaving them closes the connection.
 * @throws ProblemError (from the pieces too) `upstream-unavailable` when the upstream is not reached or answers 5xx, `data-unreadable` when it says that,
 *   `upstream-invalid` for another media type
 */
export const openStream = async (pool: Pool, origin: string, request: StreamRequest): Promise<Streamed> => {
  const { mediaType, signal } = request;
  const { statusCode, headers: given, body } = await ask(pool, origin, request).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw unavailable(error);
  });
  if (statusCode === 200 && mediaTypeOf(given) === mediaType) {
    const size = Number(given['content-length']);
    return { pieces: piecesOf(body, signal), sizeBytes: Number.isSafeInteger(size) ? size : undefined };
  }
  if (statusCode >= 500) throw troubleOf(statusCode, await readBody(body, given['content-length'], LARGEST_REFUSAL_BYTES).catch(() => Buffer.alloc(0)));
  await body.dump();
  const { 'retry-after': retryAfter } = given;
  if (statusCode >= 400) return { refused: statusCode, retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined };
  throw invalid(`an upstream answered ${String(statusCode)} with an undeclared content type`);
};
