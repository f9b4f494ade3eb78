import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { MOST_ANSWERS_OF_CONNECTION } from '../../src/http/connections.ts';
import { openShelf, shelfSpec, type Shelf } from './shelf-service.ts';

const HOST = '127.0.0.1';

/** Pages of it are larger than what lies on the way between two sockets. */
const largeSpec = () => shelfSpec(({ info }) => {
  Object.assign(info, { description: 'x'.repeat(400_000) });
});

describe('a client that reads no answer', () => {
  let shelf: Shelf;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await shelf.service.close(0);
  });
  /** Asks for a page many times at once, and takes nothing of it. */
  const askUnread = async (port: number, page: string, times: number): Promise<Socket> => {
    const socket = connect(port, HOST, () => socket.write(`GET ${page} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(times)));
    socket.pause().on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  };
  const metric = async (url: string, name: string): Promise<number> =>
    Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)`, 'm').exec(await (await fetch(`${url}/-/metrics`)).text())?.[1]);
  const askOne = async (url: string): Promise<number> => (await fetch(`${url}/books`, { headers: { authorization: 'Bearer let-me-in' } })).status;
  const untilInFlight = async (url: string, most: number): Promise<number> => {
    let now = await metric(url, 'http_requests_in_flight');
    for (let waitedMs = 0; waitedMs < 5000 && now > most; waitedMs += 50, now = await metric(url, 'http_requests_in_flight')) await sleep(50);
    return now;
  };

  test.each(['/documentation/', '/documentation/json', '/nowhere'])('E15 of more requests for %s than a connection may have under way is cut off, and others are served', async (page) => {
    shelf = openShelf({ spec: largeSpec() });
    const { url, port } = await shelf.service.listen(0, HOST);
    await askUnread(port, page, 1_500);
    await sleep(300);
    expect([await untilInFlight(url, 1), await askOne(url)]).toEqual([1, 200]);
  });

  test('E15 of fewer is cut off once it took nothing for long', async () => {
    shelf = openShelf({ spec: largeSpec(), stalledAfterMs: 400 });
    const { url, port } = await shelf.service.listen(0, HOST);
    await askUnread(port, '/documentation/', MOST_ANSWERS_OF_CONNECTION);
    await sleep(100);
    expect([await metric(url, 'http_requests_in_flight') > 1, await askOne(url)]).toEqual([true, 200]);
    expect(await untilInFlight(url, 1)).toBe(1);
  });

  test('control: one that reads them all gets them all, as many as a connection may have under way', async () => {
    shelf = openShelf();
    const { port } = await shelf.service.listen(0, HOST);
    const socket = await askUnread(port, '/nowhere', MOST_ANSWERS_OF_CONNECTION);
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1'))).resume();
    await sleep(500);
    expect(text.match(/HTTP\/1\.1 404 /g)).toHaveLength(MOST_ANSWERS_OF_CONNECTION);
  });

  test('nobody is cut off while the answer is being made, however long that takes', async () => {
    shelf = openShelf({ stalledAfterMs: 200, handlers: { listBooks: async () => {
      await sleep(1_000);
      return { status: 200, body: [] };
    } } });
    const { url } = await shelf.service.listen(0, HOST);
    expect(await askOne(url)).toBe(200);
  });
});
