import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openShelf, type Shelf } from './shelf-service.ts';

const HOST = '127.0.0.1';

/** Everything the server sends over one raw connection until it closes it or nothing comes for a second. */
const converse = (port: number, send: (socket: Socket) => void): Promise<string> =>
  new Promise((resolve) => {
    let received = '';
    const socket = connect(port, HOST, () => send(socket));
    socket.setTimeout(1000, () => socket.destroy());
    socket.on('data', (chunk) => { received += chunk.toString('latin1'); });
    socket.on('error', () => undefined).on('close', () => resolve(received));
  });

describe('over a raw connection', () => {
  let shelf: Shelf;
  let port: number;
  beforeAll(async () => {
    shelf = openShelf({ limits: { maxBytes: 1000 } });
    ({ port } = await shelf.service.listen(0, HOST));
  });
  afterAll(() => shelf.service.close(0));

  test('two Host lines are refused', async () => {
    const answer = await converse(port, (socket) => socket.end('GET /books HTTP/1.1\r\nHost: a\r\nHost: b\r\nAuthorization: Bearer let-me-in\r\n\r\n'));
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
  });

  test.each(['http://[', 'http://a:b:c/books', 'ftp://a/books'])('an address that is none (%s) is refused as anything else, logged and counted', async (target) => {
    const lines = shelf.lines.length;
    const answer = await converse(port, (socket) => socket.end(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`));
    expect(answer).toMatch(/^HTTP\/1.1 400 [\s\S]*application\/problem\+json[\s\S]*"code":"invalid-request"/);
    expect(answer).toMatch(/content-security-policy: default-src 'none'/i);
    expect(shelf.lines.slice(lines)).toEqual([expect.objectContaining({ operationId: 'unmatched', status: 400 })]);
    const metrics = await converse(port, (socket) => socket.end('GET /-/metrics HTTP/1.1\r\nHost: a\r\n\r\n'));
    expect(metrics).toMatch(/operation="unmatched"[^\n]*status="400"|status="400"[^\n]*operation="unmatched"/);
  });

  test('a whole address is as good as its path and query', async () => {
    const answer = await converse(port, (socket) => socket.end('GET http://elsewhere:1/books?limit=2 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer let-me-in\r\n\r\n'));
    expect(answer).toMatch(/^HTTP\/1.1 200 [\s\S]*\[\]$/);
    expect(shelf.calls.at(-1)).toMatchObject({ operation: 'listBooks', call: { query: { limit: 2 } } });
  });

  test('a body without credential is answered before it is sent', async () => {
    const answer = await converse(port, (socket) => socket.write('POST /books HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{'));
    expect(answer).toMatch(/^HTTP\/1.1 401 [\s\S]*Connection: close[\s\S]*"code":"unauthenticated"/);
  });

  test('a client that keeps sending too much still reads the answer', async () => {
    const answer = await converse(port, (socket) => {
      socket.write('POST /books HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer let-me-in\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n');
      const chunk = `1000\r\n${' '.repeat(4096)}\r\n`;
      for (let sent = 0; sent < 200; sent += 1) socket.write(chunk);
    });
    expect(answer).toMatch(/^HTTP\/1.1 413 [\s\S]*"code":"payload-too-large"/);
  });

  test('a client that asks first is told to go on only after its credential is judged', async () => {
    const head = (credential: string): string =>
      `POST /books HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${credential}\r\nContent-Type: application/json\r\nContent-Length: 13\r\nExpect: 100-continue\r\n\r\n`;
    const refused = await converse(port, (socket) => socket.write(head('x')));
    expect(refused).toMatch(/^HTTP\/1.1 401 /);
    const served = await converse(port, (socket) => {
      socket.write(head('let-me-in'));
      socket.once('data', () => socket.write('{"title":"a"}'));
    });
    expect(served).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
  });

  test('a client that leaves in the middle of its body reaches no handler and makes no error', async () => {
    const before = shelf.calls.length;
    const socket = connect(port, HOST, () => {
      socket.write('POST /books HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer let-me-in\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{');
      setTimeout(() => socket.destroy(), 50);
    });
    await sleep(200);
    expect([shelf.calls.length, shelf.errors]).toEqual([before, []]);
    expect(shelf.lines.at(-1)).toMatchObject({ operationId: 'addBook', aborted: true });
  });
});

const fetchText = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    httpRequest(url, { headers: { authorization: 'Bearer let-me-in' }, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => { text += chunk.toString(); }).on('end', () => resolve(`${String(response.statusCode)} ${text}`));
    }).on('error', reject).end();
  });

describe('closing', () => {
  test('lets a request in flight finish and takes no new one', async () => {
    const shelf = openShelf({ handlers: { listBooks: async () => { await sleep(300); return { status: 200, body: [] }; } } });
    const { url } = await shelf.service.listen(0, HOST);
    const inFlight = fetchText(`${url}/books`);
    await sleep(100);
    const closed = shelf.service.close();
    await expect(fetchText(`${url}/books`)).rejects.toThrow('ECONNREFUSED');
    expect(await inFlight).toBe('200 []');
    await closed;
  });

  test('cuts off what takes longer than the drain time, and the handler sees it', async () => {
    let signal: AbortSignal | undefined;
    const shelf = openShelf({ handlers: { listBooks: async (call: { signal: AbortSignal }) => {
      ({ signal } = call);
      await sleep(600);
      return { status: 200, body: [] };
    } } });
    const { url } = await shelf.service.listen(0, HOST);
    const inFlight = fetchText(`${url}/books`).catch((error: unknown) => error);
    await sleep(100);
    const started = performance.now();
    await shelf.service.close(0.2);
    expect(performance.now() - started).toBeLessThan(1000);
    expect(await inFlight).toMatchObject({ code: 'ECONNRESET' });
    await sleep(50);
    expect(signal?.aborted).toBe(true);
  });
});
