import type { IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip } from 'node:zlib';
import { problem, type ProblemError } from './problem.ts';

/** The client went away before its body was complete; nobody is left to answer. */
export class ClientGoneError extends Error {
  constructor() {
    super('The client closed the connection before its request was complete.');
    this.name = 'ClientGoneError';
  }
}

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

/**
 * Reads a request body and undoes gzip or br. Neither the bytes on the wire nor the decoded ones exceed `maxBytes`: the
 * first byte beyond rejects with payload-too-large and stops decoding, leaving the connection open for the answer.
 * Rejects with ClientGoneError when the client leaves early, and with invalid-request when the encoding is broken.
 */
export const readBody = (request: IncomingMessage, limits: { maxBytes: number; maxItems: number }): Promise<Buffer> => {
  const decoder = decoderOf(request);
  const chunks: Buffer[] = [];
  let wireBytes = 0;
  let decodedBytes = 0;
  return new Promise((resolve, reject) => {
    if (request.destroyed && !request.complete) throw new ClientGoneError();
    const stop = (error: ProblemError | ClientGoneError): void => {
      request.off('data', onWire).off('end', onEnd).off('close', onClose);
      request.pause();
      decoder?.destroy();
      reject(error);
    };
    const keep = (chunk: Buffer): void => {
      decodedBytes += chunk.length;
      if (decodedBytes > limits.maxBytes) stop(problem('payload-too-large', { limits }));
      else chunks.push(chunk);
    };
    const onWire = (chunk: Buffer): void => {
      wireBytes += chunk.length;
      if (wireBytes > limits.maxBytes) stop(problem('payload-too-large', { limits }));
      else if (decoder === undefined) keep(chunk);
      else feed(request, decoder, chunk);
    };
    const finish = (): void => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    // Zero bytes are no body at all, whatever the encoding says.
    const onEnd = (): unknown => (decoder === undefined || wireBytes === 0 ? finish() : decoder.end());
    const onClose = (): void => {
      if (!request.complete) stop(new ClientGoneError());
    };
    request.on('data', onWire).once('end', onEnd).once('close', onClose);
    request.once('error', () => stop(new ClientGoneError()));
    decoder?.on('data', keep).once('end', finish);
    decoder?.once('error', () => stop(problem('invalid-request', { detail: 'Send a body that matches its Content-Encoding.' })));
  });
};
