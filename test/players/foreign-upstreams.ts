import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, refusal, usualWays, type Answer, type Arrived, type Route, type Ways } from './answer.ts';
import { foreignDeviceManager, type ForeignDeviceManager } from './foreign-device-manager.ts';
import { foreignUserManager, type ForeignUserManager } from './foreign-user-manager.ts';

export type { Answer, Arrived, Ways } from './answer.ts';
export type { ForeignUser } from './foreign-user-manager.ts';

/** Device Manager and User Manager of another vendor, which know no more than the public contract of the original system. */
export interface ForeignUpstreams {
  readonly url: string;
  readonly arrived: Arrived[];
  readonly users: Omit<ForeignUserManager, 'route'>;
  readonly records: ForeignDeviceManager['records'];
  /** Replaces the answer to `METHOD /path` until `restore`; 'nothing' breaks the connection off. */
  readonly replace: (operation: string, answer: Answer | 'nothing') => void;
  readonly restore: () => void;
  /** Stops listening, as a program that is gone; `resume` listens at the same address with the same state. */
  readonly pause: () => Promise<void>;
  readonly resume: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const bytesOf = async (request: IncomingMessage): Promise<Buffer> => Buffer.concat((await request.toArray()) as Buffer[]);

const listen = async (server: Server, port: number): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

const alive: Route = ({ method, url }) => (method === 'GET' && url.pathname === '/-/healthz' ? json({ status: 'OK', name: 'foreign', version: '9.9.9' }) : undefined);

/** Starts a real server that speaks as the original vendor's Device Manager and User Manager do; their state is in memory. */
export const startForeignUpstreams = async (ways: Partial<Ways> = {}): Promise<ForeignUpstreams> => {
  const all = { ...usualWays, ...ways };
  const [users, devices] = [foreignUserManager(all), foreignDeviceManager(all)];
  const arrived: Arrived[] = [];
  const replaced = new Map<string, Answer | 'nothing'>();
  const respond = (one: Arrived): Answer | 'nothing' =>
    replaced.get(`${one.method} ${one.url.pathname}`) ?? users.route(one) ?? devices.route(one) ?? alive(one) ?? refusal(all, 404, `Route ${one.method}:${one.url.pathname} not found`);
  const server = createServer((request, response) => {
    void bytesOf(request).then((bytes) => {
      const one = { method: request.method ?? '', url: new URL(request.url ?? '/', 'http://upstream'), headers: request.headers, bytes };
      arrived.push(one);
      const answer = respond(one);
      if (answer === 'nothing') return request.socket.destroy();
      response.writeHead(answer.status, answer.headers);
      if (answer.breaksOff !== true) return response.end(answer.body);
      response.flushHeaders();
      if (answer.body !== undefined) response.write(answer.body);
      return setTimeout(() => request.socket.destroy(), 50);
    });
  });
  const port = await listen(server, 0);
  return {
    url: `http://127.0.0.1:${String(port)}`,
    arrived,
    users,
    records: devices.records,
    replace: (operation, answer) => void replaced.set(operation, answer),
    restore: () => replaced.clear(),
    pause: () => close(server),
    resume: async () => {
      await listen(server, port);
    },
    stop: () => close(server),
  };
};
