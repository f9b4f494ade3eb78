import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { openShelf, type Shelf } from './shelf-service.ts';

const limits = { operations: ['addBook', 'lendBook'], atOnce: 2, waiting: 2 };

let shelf: Shelf;
let url: string;
let release: (() => void)[] = [];
const add = (signal?: AbortSignal) =>
  fetch(`${url}/books`, { method: 'POST', headers: { authorization: 'Bearer let-me-in', 'content-type': 'application/json' }, body: '{"title":"Emma"}', ...(signal && { signal }) });
const started = async (count: number): Promise<void> => {
  for (let waitedMs = 0; release.length < count && waitedMs < 5_000; waitedMs += 10) await sleep(10);
  expect(release).toHaveLength(count);
};

beforeEach(async () => {
  release = [];
  const addBook = () => new Promise<{ status: 200; body: { id: string } }>((resolve) => release.push(() => resolve({ status: 200, body: { id: 'emma' } })));
  shelf = openShelf({ turns: [limits], handlers: { addBook } });
  ({ url } = await shelf.service.listen(0, '127.0.0.1'));
});
afterEach(async () => {
  release.forEach((one) => one());
  await shelf.service.close(0.1);
});

describe('operations that take turns', () => {
  test('so many run at once, so many wait, and the rest is refused at once; other operations do not wait', async () => {
    const running = [add(), add()];
    await started(2);
    const waiting = [add(), add()];
    await sleep(50);
    const refused = await add();
    expect([refused.status, refused.headers.get('retry-after'), ((await refused.json()) as { code: string }).code]).toEqual([503, '2', 'unavailable']);
    expect((await fetch(`${url}/books`, { headers: { authorization: 'Bearer let-me-in' } })).status).toBe(200);
    expect(release).toHaveLength(2);
    release.forEach((one) => one());
    await started(4);
    release.forEach((one) => one());
    expect((await Promise.all([...running, ...waiting])).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  test('who waits a second is refused', async () => {
    const running = [add(), add()];
    await started(2);
    expect((await add()).status).toBe(503);
    release.forEach((one) => one());
    await Promise.all(running);
    expect(release).toHaveLength(2);
  });

  test('a client that leaves while it waits makes room, and its request is never begun', async () => {
    const running = [add(), add()];
    await started(2);
    const leaving = new AbortController();
    const left = [add(leaving.signal), add(leaving.signal)].map((one) => one.catch((error: unknown) => (error as Error).name));
    await sleep(50);
    leaving.abort();
    expect(await Promise.all(left)).toEqual(['AbortError', 'AbortError']);
    await sleep(50);
    const next = add();
    await sleep(50);
    release.forEach((one) => one());
    await started(3);
    release.forEach((one) => one());
    expect((await Promise.all([...running, next])).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(release).toHaveLength(3);
  });
});

describe('bodies on their way', () => {
  const head = (length: number, authorization = 'Authorization: Bearer let-me-in\r\n') =>
    `POST /books HTTP/1.1\r\nHost: a\r\n${authorization}Content-Type: application/json\r\nContent-Length: ${String(length)}\r\n\r\n`;
  let sockets: Socket[] = [];
  afterEach(() => {
    sockets.forEach((socket) => socket.destroy());
    sockets = [];
  });
  const sendSlowly = (text: string, count: number): Promise<unknown> =>
    Promise.all(Array.from({ length: count }, async () => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      sockets.push(socket.on('error', () => undefined).resume());
      await once(socket, 'connect');
      socket.write(text);
    }));

  test.each([
    ['of callers that are known', head(900)],
    ['of nobody', head(100_000, '')],
  ])('%s hold no turn while they are sent', async (_whose, text) => {
    await sendSlowly(`${text}{`, 10);
    await sleep(100);
    const answer = add();
    await started(1);
    release.forEach((one) => one());
    expect((await answer).status).toBe(200);
  });

  test('share the room for all: what does not fit is refused until others are answered', async () => {
    await shelf.service.close(0.1);
    shelf = openShelf({ bodiesBytes: 1000 });
    ({ url } = await shelf.service.listen(0, '127.0.0.1'));
    await sendSlowly(`${head(990)}{${' '.repeat(985)}`, 1);
    await sleep(100);
    const refused = await add();
    expect([refused.status, refused.headers.get('retry-after'), ((await refused.json()) as { code: string }).code]).toEqual([503, '2', 'unavailable']);
    sockets.forEach((socket) => socket.destroy());
    await sleep(100);
    expect((await add()).status).toBe(200);
  });

  test('E1 of nobody in particular may be short alone, so that they do not take the room of all', async () => {
    await shelf.service.close(0.1);
    shelf = openShelf({ bodiesBytes: 2_000_000 });
    ({ url } = await shelf.service.listen(0, '127.0.0.1'));
    const packed = gzipSync(Buffer.alloc(1_000_000, ' '));
    const answers = Array.from({ length: 3 }, () => '');
    await sendSlowly(`POST /token HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: ${String(packed.length + 100)}\r\n\r\n`, answers.length);
    sockets.forEach((socket, index) => socket.on('data', (chunk) => (answers[index] = `${answers[index] ?? ''}${chunk.toString('latin1')}`)).write(packed));
    await sleep(200);
    expect((await add()).status).toBe(200);
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1.1 413 [\s\S]*"limits":\{"maxItems":5000,"maxBytes":65536\}/);
  });
});
