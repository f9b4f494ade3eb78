import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request that reached an upstream. */
export interface Arrived {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Upstreams of another vendor that know no more than the public contract of the original system. */
export interface ForeignUpstreams {
  readonly url: string;
  readonly arrived: Arrived[];
  /** Replaces the answer to `METHOD /path` until `restore`; 'nothing' breaks the connection off. */
  readonly replace: (operation: string, answer: Answer | 'nothing') => void;
  readonly restore: () => void;
  readonly stop: () => Promise<void>;
}

export const foreignPatient = { sub: 'auth0|5f7c8ec7c33c6c004bbafe82', _id: '9c86fda0197f4d0e8780daae45bac2f8', name: 'Anna Rossi', email: 'anna@example.org', nickname: 'anna' };
export const foreignSid = 'Zm9yZWlnbi1zZXNzaW9u';
const deviceId = '32d85aae8b5c4b42addeb2f932579bda';

const json = (value: unknown, status = 200): Answer => ({ status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(value) });
const refused = (status: number): Answer => json({ statusCode: String(status), error: 'Error', message: 'Error message' }, status);

const signIn = (bytes: Buffer): Answer => {
  const { password } = JSON.parse(bytes.toString()) as { password: string };
  if (password !== 'right') return refused(403);
  return { status: 200, headers: { 'set-cookie': `sid=${foreignSid}; Path=/; Domain=elsewhere.example; SameSite=None; Max-Age=1800` } };
};

const idsOf = (bytes: Buffer): Answer =>
  json((JSON.parse(bytes.toString()) as unknown[]).map((_item, index) => ({ _id: index.toString(16).padStart(32, '0') })));

const respond = ({ method, url, headers, bytes }: Arrived): Answer => {
  const operation = `${method} ${url.pathname}`;
  if (operation === 'POST /oauth/token') return signIn(bytes);
  if (operation === 'GET /userinfo') return headers.cookie === `sid=${foreignSid}` ? json(foreignPatient) : refused(401);
  if (operation === 'POST /devices/assign') return json({ _id: deviceId });
  if (operation === `POST /devices/${deviceId}/unassign`) return { status: 204 };
  if (url.pathname.startsWith('/health-data/healthkit/')) return idsOf(bytes);
  if (operation === 'GET /health-data' || operation === 'GET /chart-data') return json([]);
  return refused(404);
};

const bytesOf = async (request: IncomingMessage): Promise<Buffer> => Buffer.concat((await request.toArray()) as Buffer[]);

const listen = async (server: Server): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/** Starts a real server that speaks as the original vendor's Device Manager and User Manager do. */
export const startForeignUpstreams = async (): Promise<ForeignUpstreams> => {
  const arrived: Arrived[] = [];
  const replaced = new Map<string, Answer | 'nothing'>();
  const server = createServer((request, response) => {
    void bytesOf(request).then((bytes) => {
      const one = { method: request.method ?? '', url: new URL(request.url ?? '/', 'http://upstream'), headers: request.headers, bytes };
      arrived.push(one);
      const answer = replaced.get(`${one.method} ${one.url.pathname}`) ?? respond(one);
      if (answer === 'nothing') return request.socket.destroy();
      return response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  const url = await listen(server);
  return {
    url,
    arrived,
    replace: (operation, answer) => void replaced.set(operation, answer),
    restore: () => replaced.clear(),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
