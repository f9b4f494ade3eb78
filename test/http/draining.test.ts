import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { AnyHandler } from '../../src/http/operation.ts';
import { openShelf, shelfSpec, type Shelf } from './shelf-service.ts';

const HOST = '127.0.0.1';
const fixture = (name: string): string => join(import.meta.dirname, '..', 'fixtures', 'tls', name);
const tls = { certPath: fixture('first-cert.pem'), keyPath: fixture('first-key.pem'), onReload: () => undefined };
const bytes = 10_000_000;
const whole = 'GET /books HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer let-me-in\r\n\r\n';

const ask = async (url: string): Promise<IncomingMessage> => {
  const options = { headers: { authorization: 'Bearer let-me-in' }, agent: false as const };
  const asked = url.startsWith('https') ? httpsRequest(url, { ...options, ca: readFileSync(tls.certPath) }) : httpRequest(url, options);
  const [answer] = (await once(asked.end(), 'response')) as [IncomingMessage];
  return answer;
};

/** Reads an answer with a pause after each piece. */
const readSlowly = async (answer: IncomingMessage, pauseMs: number): Promise<number> => {
  let taken = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    taken += chunk.length;
    await sleep(pauseMs);
  }
  return taken;
};

const linesSpec = () => shelfSpec(({ paths }) => {
  paths['/books/lost'].get.responses[200] = { description: 'Lines.', content: { 'text/plain': { schema: { type: 'string' } } } };
});

describe.each([['plain', undefined], ['TLS', tls]])('a service over %s that closes', (_transport, files) => {
  let shelf: Shelf | undefined;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await shelf?.service.close(0);
  });
  const listen = (handlers: Record<string, AnyHandler> = {}): Promise<{ url: string; port: number }> => {
    shelf = openShelf({ spec: linesSpec(), handlers });
    return shelf.service.listen(0, HOST, files);
  };
  const secondsOf = async (work: Promise<void> | undefined): Promise<number> => {
    const begun = performance.now();
    await work;
    return (performance.now() - begun) / 1000;
  };

  /** A connection that has said something, and what it is answered. */
  const spoken = async (port: number, text: string): Promise<{ socket: Socket; said: () => string }> => {
    let said = '';
    const socket = (files === undefined ? connect(port, HOST) : connectTls({ port, host: HOST, ca: readFileSync(tls.certPath), servername: 'localhost' })).on('error', () => undefined);
    sockets.push(socket);
    socket.setEncoding('utf8').on('data', (piece: string) => (said += piece));
    await once(socket, files === undefined ? 'connect' : 'secureConnect');
    socket.write(text);
    await sleep(50);
    return { socket, said: () => said };
  };

  test.each<[string, AnyHandler]>([
    ['is handed over at once', () => ({ status: 200, body: 'x'.repeat(bytes) })],
    ['has its last piece handed over', () => ({ status: 200, body: (async function* () {
      yield 'x'.repeat(bytes / 2);
      yield await Promise.resolve('x'.repeat(bytes / 2));
    })() })],
  ])('sends an answer whole that %s and is read slowly, and another one ends meanwhile', async (_situation, listLost) => {
    const { url } = await listen({ listLost, listBooks: async () => {
      await sleep(150);
      return { status: 200, body: [] };
    } });
    const [large, other] = [await ask(`${url}/books/lost`), ask(`${url}/books`)];
    const taken = readSlowly(large, 2);
    await sleep(50);
    const closing = shelf?.service.close(8);
    (await other).resume();
    expect([await taken, large.complete]).toEqual([bytes, true]);
    await closing;
  }, 20_000);

  test('cuts off at the end of its time an answer that nobody takes', async () => {
    const { url } = await listen({ listLost: () => ({ status: 200, body: 'x'.repeat(bytes) }) });
    const answer = await ask(`${url}/books/lost`);
    answer.on('error', () => undefined);
    expect(await secondsOf(shelf?.service.close(0.5))).toBeLessThan(2);
  });

  test('does not wait for a connection that never asked anything', async () => {
    const { port } = await listen();
    const socket = connect(port, HOST).on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    await sleep(50);
    expect(await secondsOf(shelf?.service.close(5))).toBeLessThan(1);
  });

  test('does not wait for a connection that asked before and asks nothing more', async () => {
    const { port } = await listen({ listBooks: () => ({ status: 200, body: [] }) });
    const { said } = await spoken(port, whole);
    while (!said().endsWith('[]')) await sleep(10);
    expect([await secondsOf(shelf?.service.close(5)) < 1, said()]).toEqual([true, expect.stringMatching(/^HTTP\/1.1 200/)]);
  });

  test.each([['the first', ''], ['a further', whole]])('answers %s request that had begun to come', async (_situation, before) => {
    const { port } = await listen({ listBooks: () => ({ status: 200, body: [] }) });
    const { socket, said } = await spoken(port, before);
    while (before !== '' && !said().endsWith('[]')) await sleep(10);
    const answers = () => said().match(/HTTP\/1.1 200/g)?.length ?? 0;
    const wanted = answers() + 1;
    socket.write(whole.slice(0, 20));
    await sleep(50);
    const closing = secondsOf(shelf?.service.close(5));
    await sleep(100);
    const ended = once(socket, 'close');
    socket.write(whole.slice(20));
    await ended;
    expect([await closing < 3, answers(), said().toLowerCase()]).toEqual([true, wanted, expect.stringContaining('connection: close')]);
  });

  test('waits no longer for a request that has begun than for others', async () => {
    const { port } = await listen();
    await spoken(port, whole.slice(0, 20));
    expect(await secondsOf(shelf?.service.close(0.5))).toBeLessThan(2);
  });
});
