import { afterEach, describe, expect, test } from '@jest/globals';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '../../src/http/problem.ts';
import { createUpstream } from '../../src/http/upstream.ts';

interface Device {
  readonly _id: string;
}
interface Message<Body> {
  headers: Record<string, unknown>;
  content: { 'application/json': Body };
}
interface Paths {
  '/devices': {
    parameters: object;
    get: {
      parameters: { query?: { deviceId?: string } };
      responses: { 200: Message<readonly Device[]>; 404: Message<{ code: string }> };
    };
    post: {
      parameters: object;
      requestBody: { content: { 'application/json': readonly { value: number }[] } };
      responses: { 200: Message<Device> };
    };
  };
  '/devices/{id}/unassign': {
    parameters: { path: { id: string } };
    post: { parameters: { path: { id: string } }; responses: { 204: { headers: Record<string, unknown>; content?: never } } };
  };
  '/oauth/token': {
    parameters: object;
    post: {
      parameters: object;
      requestBody: { content: { 'application/json': { username: string } } };
      responses: { 200: Message<{ accessToken: string }> };
    };
  };
}

const json = (schema: object) => ({ description: 'x', content: { 'application/json': { schema } } });
const device = { $ref: '#/components/schemas/Device' };
const spec = {
  openapi: '3.1.0',
  info: { title: 'devices', version: '1' },
  paths: {
    '/devices': {
      get: { responses: { 200: { $ref: '#/components/responses/Devices' }, 404: json({ type: 'object' }) } },
      post: { responses: { 200: json(device) } },
    },
    '/devices/{id}/unassign': { post: { responses: { 204: { description: 'done' } } } },
    '/oauth/token': { post: { responses: { 200: { ...json({ type: 'object', required: ['accessToken'] }), 'x-empty-body': true } } } },
  },
  components: {
    responses: { Devices: json({ type: 'array', items: device }) },
    schemas: {
      Device: { type: 'object', required: ['_id'], additionalProperties: false, properties: { _id: { type: 'string', pattern: '^[0-9a-f]{2}$' } }, example: {} },
    },
  },
};

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function upstreamTo(server: Server, path = '') {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  const baseUrl = (await listen(server)) + path;
  const upstream = createUpstream<Paths>({ baseUrl, spec, timeoutMs: 600, maxBytes: 100_000 });
  open.push(async () => {
    await upstream.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return upstream;
}

const answering = (listener: RequestListener, path = '') => upstreamTo(createServer(listener), path);
const saying = (text: string) => upstreamTo(createTcpServer((socket) => socket.once('data', () => socket.end(text))));

const jsonAnswer = (status: number, body: string): RequestListener => (_request, response) =>
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(body);

async function problemOf(call: Promise<unknown>): Promise<ProblemError> {
  const error: unknown = await call.then(() => 'answered', (fault: unknown) => fault);
  if (error instanceof ProblemError) return error;
  throw new Error('no problem', { cause: error });
}

describe('good answers', () => {
  test('data of the declared schema, with the query sent, also with a member that the contract does not have', async () => {
    const upstream = await answering((request, response) => {
      jsonAnswer(200, JSON.stringify([{ _id: request.url === '/devices?deviceId=a%20b' ? 'aa' : 'ff', extra: 1 }]))(request, response);
    });
    const { data } = await upstream.GET('/devices', { params: { query: { deviceId: 'a b' } } });
    expect(data).toEqual([{ _id: 'aa', extra: 1 }]);
  });

  test('a chunked answer, and a service mounted under a path', async () => {
    const upstream = await answering((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.write(`[{"_id":`);
      response.end(request.url === '/api/v1/devices' ? '"aa"}]' : '"ff"}]');
    }, '/api/v1/');
    expect((await upstream.GET('/devices')).data).toEqual([{ _id: 'aa' }]);
  });

  test('204 has no data', async () => {
    const upstream = await answering((_request, response) => response.writeHead(204).end());
    const { data, response } = await upstream.POST('/devices/{id}/unassign', { params: { path: { id: 'a/b' } } });
    expect([data, response.status]).toEqual([undefined, 204]);
  });

  test('an empty 200 where it is declared, with its cookies readable', async () => {
    const upstream = await answering((_request, response) => {
      response.setHeader('set-cookie', ['sid=1; HttpOnly', 'other=2']).end();
    });
    const { response } = await upstream.POST('/oauth/token', { body: { username: 'ada' } });
    expect(response.headers.getSetCookie()).toEqual(['sid=1; HttpOnly', 'other=2']);
  });

  test('a Buffer is sent as it is, with our headers', async () => {
    const received: unknown[] = [];
    const upstream = await answering((request, response) => {
      request.on('data', (chunk: Buffer) => received.push(chunk.toString(), request.headers['content-type'], request.headers['x-request-id']));
      request.on('end', () => jsonAnswer(200, '{"_id":"aa"}')(request, response));
    });
    const bytes = Buffer.from('[ {"value": 1.0} ]');
    await upstream.POST('/devices', { body: [], bodySerializer: () => bytes, headers: { 'x-request-id': 'r1' } });
    expect(received).toEqual(['[ {"value": 1.0} ]', 'application/json', 'r1']);
  });

  test('a refusal is handed over with its body', async () => {
    const upstream = await answering(jsonAnswer(404, '{"code":"not-found"}'));
    const { error, response } = await upstream.GET('/devices');
    expect([response.status, error]).toEqual([404, { code: 'not-found' }]);
  });

  test('connections are kept and used again', async () => {
    const ports = new Set<number | undefined>();
    const upstream = await answering((request, response) => {
      ports.add(request.socket.remotePort);
      jsonAnswer(200, '[]')(request, response);
    });
    for (let i = 0; i < 20; i += 1) await upstream.GET('/devices');
    expect(ports.size).toBeLessThanOrEqual(2); // the pool may open a second before it knows that the first is free
  });
});

test('answers that are read slowly piece by piece, as many as there can be, hold up no other call', async () => {
  const upstream = await answering((request, response) => {
    if (request.url === '/archive') response.writeHead(200, { 'content-type': 'application/zip' }).write(Buffer.alloc(65_536));
    else jsonAnswer(200, '[]')(request, response);
  });
  const readers = new AbortController();
  const opened = Array.from({ length: 80 }, () => upstream.stream({ path: '/archive', template: '/archive', headers: {}, mediaType: 'application/zip', signal: readers.signal }).catch((error: unknown) => error));
  await Promise.race(opened);
  await sleep(100);
  expect((await upstream.GET('/devices')).response.status).toBe(200);
  readers.abort();
  await Promise.all(opened);
});

describe('answers that cannot be trusted are upstream-invalid', () => {
  const html: RequestListener = (_request, response) => response.setHeader('content-type', 'text/html').end('<p>secret-canary');
  const redirect: RequestListener = (_request, response) => response.writeHead(302, { location: '/elsewhere' }).end();
  const undeclared: RequestListener = (request, response) => jsonAnswer(202, '[]')(request, response);
  const endless: RequestListener = (_request, response) => {
    response.setHeader('content-type', 'application/json');
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
    };
    response.on('drain', more);
    more();
  };
  const huge: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 * 1024 * 1024 }).write('[');
  };
  test.each<[string, RequestListener]>([
    ['a page of HTML', html],
    ['a redirect', redirect],
    ['an undeclared success', undeclared],
    ['truncated JSON', jsonAnswer(200, '[{"_id":"aa"')],
    ['an empty body where data is declared', jsonAnswer(200, '')],
    ['another type', jsonAnswer(200, '{"secret-canary":1}')],
    ['a missing field behind references', jsonAnswer(200, '[{"secret-canary":"aa"}]')],
    ['a wrong value behind references', jsonAnswer(200, '[{"_id":"secret-canary"}]')],
    ['100 MB, announced', huge],
    ['more than allowed, without an end', endless],
    ['no content type', (_request, response) => response.end('[]')],
  ])('%s', async (_situation, listener) => {
    const problem = await problemOf((await answering(listener)).GET('/devices'));
    expect(problem.code).toBe('upstream-invalid');
    expect(JSON.stringify([problem, problem.message, String(problem.cause)])).not.toContain('secret-canary');
  });

  test('a redirect is not followed', async () => {
    const seen: unknown[] = [];
    const upstream = await answering((request, response) => {
      seen.push(request.url);
      redirect(request, response);
    });
    await problemOf(upstream.GET('/devices'));
    expect(seen).toEqual(['/devices']);
  });

  test('something that is not HTTP', async () => {
    expect((await problemOf((await saying('SSH-2.0-x\r\n')).GET('/devices'))).code).toBe('upstream-invalid');
  });
});

describe('an upstream in trouble is upstream-unavailable', () => {
  const drip: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('[');
    const timer = setInterval(() => response.write(' '), 50);
    response.on('close', () => clearInterval(timer));
  };
  test.each<[string, RequestListener]>([
    ['no answer in time', () => undefined],
    ['a drip of bytes beyond the deadline', drip],
    ['the connection reset before an answer', (request) => request.socket.resetAndDestroy()],
    ['the connection reset in the body', (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 50 }).write('[');
      setTimeout(() => response.socket?.resetAndDestroy(), 20);
    }],
    ['500', jsonAnswer(500, '{}')],
    ['503 in HTML', (_request, response) => response.writeHead(503, { 'content-type': 'text/html' }).end('<p>')],
  ])('%s', async (_situation, listener) => {
    const started = performance.now();
    const problem = await problemOf((await answering(listener)).GET('/devices'));
    expect(problem.code).toBe('upstream-unavailable');
    expect(problem.options.retryAfterSeconds).toBe(5);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test.each<[string, number, string, string]>([
    ['data that no repetition opens', 500, '{"code":"data-unreadable"}', 'data-unreadable'],
    ['that with a status that passes', 503, '{"code":"data-unreadable"}', 'upstream-unavailable'],
    ['another code', 500, '{"code":"internal-error"}', 'upstream-unavailable'],
    ['null', 500, 'null', 'upstream-unavailable'],
    ['half a document', 500, '{"code":"data-unreadable"', 'upstream-unavailable'],
  ])('%s, told at once or instead of a stream', async (_situation, status, body, code) => {
    const upstream = await answering(jsonAnswer(status, body));
    expect((await problemOf(upstream.GET('/devices'))).code).toBe(code);
    expect((await problemOf(upstream.stream({ path: '/archive', template: '/archive', headers: {}, mediaType: 'application/zip' }))).code).toBe(code);
  });

  test('connection refused', async () => {
    const server = createTcpServer();
    const baseUrl = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    const upstream = createUpstream<Paths>({ baseUrl, spec, timeoutMs: 600, maxBytes: 1000 });
    expect((await problemOf(upstream.GET('/devices'))).code).toBe('upstream-unavailable');
    await upstream.close();
  });

  test.each([['7', 7], ['0', 5], ['Wed, 21 Oct 2026 07:28:00 GMT', 5], ['999999', 5]])(
    'its Retry-After "%s" becomes %i seconds',
    async (told, seconds) => {
      const upstream = await answering((_request, response) => response.writeHead(503, { 'retry-after': told }).end());
      expect((await problemOf(upstream.GET('/devices'))).options.retryAfterSeconds).toBe(seconds);
    },
  );

  test('a POST that broke off is not sent again', async () => {
    let calls = 0;
    const upstream = await answering((request) => {
      calls += 1;
      request.socket.destroy();
    });
    await problemOf(upstream.POST('/devices', { body: [{ value: 1 }] }));
    expect(calls).toBe(1);
  });
});

test("the caller's own abort is told as such", async () => {
  const upstream = await answering(() => undefined);
  const gone = new AbortController();
  const call = upstream.GET('/devices', { signal: gone.signal });
  gone.abort(new Error('client went away'));
  await expect(call).rejects.toThrow('client went away');
});
