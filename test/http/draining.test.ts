import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyHandler } from '../../src/http/operation.ts';
import { openShelf, shelfSpec, type Shelf } from './shelf-service.ts';

const HOST = '127.0.0.1';
const fixture = (name: string): string => join(import.meta.dirname, '..', 'fixtures', 'tls', name);
const tls = { certPath: fixture('first-cert.pem'), keyPath: fixture('first-key.pem'), onReload: () => undefined };
const bytes = 10_000_000;

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

  test.each([['never asked anything', ''], ['asked for half of something', 'GET /books HTTP/1.1\r\nHo']])('does not wait for a connection that %s', async (_situation, sent) => {
    const { port } = await listen();
    const socket = connect(port, HOST, () => socket.write(sent)).on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    await sleep(50);
    expect(await secondsOf(shelf?.service.close(5))).toBeLessThan(1);
  });
});
