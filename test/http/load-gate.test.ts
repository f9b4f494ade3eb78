import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { LATE_MS, MOST_IN_FLIGHT_WHEN_LATE } from '../../src/http/load-gate.ts';
import { openShelf, type Shelf } from './shelf-service.ts';

const HOST = '127.0.0.1';
const many = MOST_IN_FLIGHT_WHEN_LATE + 20;
const head = 'POST /books HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer let-me-in\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n';

/** Keeps the event loop so late that the last whole second was. */
const beLate = async (): Promise<void> => {
  for (const end = performance.now() + 2_500; performance.now() < end; ) {
    for (const turn = performance.now() + LATE_MS + 100; performance.now() < turn; );
    await sleep(1);
  }
};

describe('while the event loop is late', () => {
  let shelf: Shelf;
  let [url, port] = ['', 0];
  let goOn = (): void => undefined;
  const sockets: Socket[] = [];
  beforeAll(async () => {
    const isHeld = new Promise<void>((resolve) => (goOn = resolve));
    shelf = openShelf({ handlers: { addBook: async () => {
      await isHeld;
      return { status: 200, body: { id: 'a' } };
    } } });
    ({ url, port } = await shelf.service.listen(0, HOST));
  });
  afterAll(async () => {
    goOn();
    for (const socket of sockets) socket.destroy();
    await shelf.service.close(0);
  });
  const ask = async (): Promise<number> => (await fetch(`${url}/books`, { headers: { authorization: 'Bearer let-me-in' } })).status;
  const open = async (text: string): Promise<void> => {
    for (let count = 0; count < many; count += 1) sockets.push(connect(port, HOST, function send(this: Socket) { this.write(text); }).on('error', () => undefined));
    await sleep(500);
  };

  test('those who send slowly are no work, and hold up nobody', async () => {
    await open(`${head}{`);
    await beLate();
    expect(await ask()).toBe(200);
  }, 30_000);

  test('as many whose requests are all there have others refused until they are done', async () => {
    await open(`${head}{"title":"a"}`);
    await beLate();
    expect(await ask()).toBe(503);
    goOn();
    await sleep(2_500);
    expect(await ask()).toBe(200);
  }, 30_000);
});
