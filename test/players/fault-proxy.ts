import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to one request on its way: an answer instead of the server's, an answer that never arrives, or a connection that breaks first. */
export type Fault = { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string } | 'lose-answer' | 'reset';

/** A network between an app and a server. */
export interface FaultProxy {
  readonly url: string;
  /** Decides about each request; undefined lets it pass. */
  fault: (request: IncomingMessage, body: Buffer) => Fault | undefined;
  readonly stop: () => Promise<void>;
}

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
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
    void bodyOf(request).then((body) => {
      const fault = proxy.fault(request, body);
      if (fault === 'reset') response.socket?.destroy();
      else if (typeof fault === 'object') response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(fault.body);
      else pass(target, request, body, response, fault === 'lose-answer');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    fault: () => undefined,
    stop: () => new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
  };
  return proxy;
};
