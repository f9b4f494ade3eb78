import type { IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import type { Hold } from './body-budget.ts';
import { problem, type ProblemError } from './problem.ts';

/** The client went away before its body was complete; nobody is left to answer. */
export class ClientGoneError extends Error {
  constructor() {
    super('The client closed the connection before its request was complete.');
    this.name = 'ClientGoneError';
  }
}

/** The body comes so slowly that its client is not worth the connection, or means to hold it. */
export class SlowBodyError extends Error {
  constructor() {
    super('The body of a request came too slowly.');
    this.name = 'SlowBodyError';
  }
}

/** A body must bring so many bytes in each such time, in ms, for as long as it has not ended. */
export const PACE = { windowMs: 5_000, leastBytes: 1_024 };

const decoderOf = (request: IncomingMessage): Transform | undefined => {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase();
  if (encoding === 'gzip') return createGunzip();
  if (encoding === 'br') return createBrotliDecompress();
  return undefined;
};

/** Lets the decoder set the pace, so that a small input which inflates hugely is never held in memory. */
const feed = (request: IncomingMessage, decoder: Transform, chunk: Buffer): void => {
  if (decoder.write(chunk)) return;
  request.pause();
  decoder.once('drain', () => request.resume());
};

/** Calls `onSlow` once fewer bytes came in a window than must; answers how to end that. */
const watchPace = (bytesSoFar: () => number, onSlow: () => void): (() => void) => {
  let before = 0;
  const timer = setInterval(() => {
    const now = bytesSoFar();
    if (now - before < PACE.leastBytes) onSlow();
    before = now;
  }, PACE.windowMs).unref();
  return () => clearInterval(timer);
};

/**
 * Reads a request body and undoes gzip or br. Neither the bytes on the wire nor the decoded ones exceed `maxBytes`: the
 * first byte beyond rejects with what `tooLarge` makes and stops decoding, leaving the connection open for the answer; so does `unavailable`
 * where `hold` has no room for more.
 * Rejects with ClientGoneError when the client leaves early, with SlowBodyError when it falls behind PACE, and with invalid-request when
 * the encoding is broken.
 */
export const readBody = (request: IncomingMessage, maxBytes: number, tooLarge: () => ProblemError, hold: Hold): Promise<Buffer> => {
  const decoder = decoderOf(request);
  const chunks: Buffer[] = [];
  let [wireBytes, decodedBytes] = [0, 0];
  return new Promise((resolve, reject) => {
    if (request.destroyed && !request.complete) throw new ClientGoneError();
    const endWatch = watchPace(() => wireBytes, () => stop(new SlowBodyError()));
    const stop = (error: ProblemError | ClientGoneError | SlowBodyError): void => {
      endWatch();
      request.off('data', onWire).off('end', onEnd).off('close', onClose);
      request.pause();
      decoder?.destroy();
      reject(error);
    };
    const keep = (chunk: Buffer): void => {
      decodedBytes += chunk.length;
      if (decodedBytes > maxBytes) stop(tooLarge());
      else if (hold(chunk.length)) chunks.push(chunk);
      else stop(problem('unavailable', { retryAfterSeconds: 2 }));
    };
    const onWire = (chunk: Buffer): void => {
      wireBytes += chunk.length;
      if (wireBytes > maxBytes) stop(tooLarge());
      else if (decoder === undefined) keep(chunk);
      else feed(request, decoder, chunk);
    };
    const finish = (): void => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    // Zero bytes are no body at all, whatever the encoding says.
    const onEnd = (): void => {
      endWatch();
      if (decoder === undefined || wireBytes === 0) finish();
      else decoder.end();
    };
    const onClose = (): void => {
      if (!request.complete) stop(new ClientGoneError());
    };
    request.on('data', onWire).once('end', onEnd).once('close', onClose).once('error', () => stop(new ClientGoneError()));
    decoder?.on('data', keep).once('end', finish);
    decoder?.once('error', () => stop(problem('invalid-request', { detail: 'Send a body that matches its Content-Encoding.' })));
  });
};
