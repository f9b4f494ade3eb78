import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { securityHeaderLines } from './response-policy.ts';

/** What Node found wrong with the bytes of a client, by its code; all else is 400. */
const STATUSES: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, HPE_CHUNK_EXTENSIONS_OVERFLOW: 413, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/**
 * Answers what is no HTTP, or comes too slowly to be a request, without a body and with the headers of every answer; then closes. Where
 * an answer has begun nothing is added to it.
 */
export const brokenRequestAnswer = (inFlight: ReadonlySet<ServerResponse>, isPublicHttps: boolean): ((error: Error, socket: Duplex) => void) => {
  const [plain, overHttps] = [securityHeaderLines(isPublicHttps), securityHeaderLines(true)];
  return (error, socket) => {
    const { code = '' } = error as { code?: string };
    const underWay = [...inFlight].filter((response) => response.socket === socket);
    if (code !== 'ECONNRESET' && socket.writable && !underWay.some(({ headersSent }) => headersSent)) {
      const status = STATUSES[code] ?? 400;
      // It is logged and counted as what its client was told, unless that has left in the middle of its body.
      if (code !== 'HPE_INVALID_EOF_STATE') for (const response of underWay) response.statusCode = status;
      const headers = socket instanceof TLSSocket ? overHttps : plain;
      const lines = [`HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ''}`, ...headers, `X-Request-Id: ${randomUUID()}`, 'Content-Length: 0', 'Connection: close'];
      socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    }
    socket.destroy();
  };
};
