import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to one request on its way: an answer instead of the server's, an answer that never arrives, or a connection that breaks first. */
export type Fault = { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string } | 'lose-answer' | 'reset';

/** A network between an app and a server. */
export interface FaultProxy {
  readonly url: string;
  /** Decides about each request; undefined lets it pass. */
  fault: (request: IncomingMessage, body: Buffer) => Fault | undefined;
  /** A slow link: what is longer than so many bytes breaks off in the middle, or is answered 408 there, as by a server that waited long enough. */
  narrow: { readonly bytes: number; readonly ends: 'reset' | 408 } | undefined;
  readonly stop: () => Promise<void>;
}

/** The body; undefined as soon as there is more of it than may come. */
const bodyOf = (request: IncomingMessage, mostBytes: number): Promise<Buffer | undefined> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > mostBytes) resolve(undefined);
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
  });

const breakOff = (ends: 'reset' | 408, request: IncomingMessage, response: ServerResponse): void => {
  if (ends === 'reset') response.socket?.destroy();
  else response.once('finish', () => request.destroy()).writeHead(ends, { connection: 'close', 'content-length': 0 }).end();
};

const pass = (target: string, request: IncomingMessage, body: Buffer, response: ServerResponse, isLost: boolean): void => {
  const { hostname, port } = new URL(target);
  const onward = forward({ hostname, port, path: request.url, method: request.method, headers: { ...request.headers, host: `${hostname}:${port}` } }, (answer) => {
    if (isLost) {
      answer.resume().once('end', () => response.socket?.destroy());
      return;
    }
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.once('error', () => response.socket?.destroy());
  onward.end(body);
};

/** Starts a network in front of a server over HTTP. */
export const startFaultProxy = async (target: string): Promise<FaultProxy> => {
  const server = createServer((request, response) => {
    const { narrow } = proxy;
    void bodyOf(request, narrow?.bytes ?? Number.POSITIVE_INFINITY).then((body) => {
      const fault = body && proxy.fault(request, body);
      if (body === undefined) breakOff(narrow?.ends ?? 'reset', request, response);
      else if (fault === 'reset') response.socket?.destroy();
      else if (typeof fault === 'object') response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(fault.body);
      else pass(target, request, body, response, fault === 'lose-answer');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    fault: () => undefined,
    narrow: undefined,
    stop: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
  return proxy;
};
