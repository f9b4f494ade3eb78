import { afterEach, describe, expect, test } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openShelf, shelfSpec } from './shelf-service.ts';

describe('an answer that is sent piece by piece', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });
  const asked = async (body: () => AsyncGenerator<string>, stalledAfterMs?: number) => {
    const spec = shelfSpec(({ paths }) => {
      paths['/books/lost'].get.responses[200] = { description: 'Lines.', content: { 'text/plain': { schema: { type: 'string' } } } };
    });
    const shelf = openShelf({ spec, handlers: { listLost: () => ({ status: 200, body: body() }) }, ...(stalledAfterMs !== undefined && { stalledAfterMs }) });
    const listening = createServer(shelf.service.app);
    server = listening;
    await new Promise<void>((resolve) => void listening.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${String((listening.address() as AddressInfo).port)}/books/lost`;
    return { shelf, answer: await fetch(url, { headers: { authorization: 'Bearer let-me-in' } }) };
  };

  test('comes whole, empty pieces or not', async () => {
    const { shelf, answer } = await asked(async function* () {
      yield* ['', 'a\n', '', await Promise.resolve('b\n')];
    });
    expect([answer.status, answer.headers.get('content-type'), await answer.text(), shelf.errors]).toEqual([200, 'text/plain; charset=utf-8', 'a\nb\n', []]);
  });

  test('that has no pieces is empty', async () => {
    const { answer } = await asked(async function* () {
      yield* await Promise.resolve([]);
    });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  });

  test('is a problem when there is no first piece', async () => {
    const { shelf, answer } = await asked(async function* () {
      yield* await Promise.reject<string[]>(new Error('no database'));
    });
    expect([answer.status, ((await answer.json()) as { code: string }).code, shelf.errors.length]).toEqual([500, 'internal-error', 1]);
  });

  test('breaks off when a later piece fails', async () => {
    const { shelf, answer } = await asked(async function* () {
      yield 'a\n';
      yield* await Promise.reject<string[]>(new Error('no database'));
    });
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
    expect(shelf.errors).toHaveLength(1);
  });

  test('is made no further when the client leaves, which is no error', async () => {
    let made = 0;
    const { shelf, answer } = await asked(async function* () {
      try {
        for (; made < 1000; made += 1) {
          await sleep(1);
          yield 'x'.repeat(100_000);
        }
      } finally {
        made += 10_000;
      }
    });
    await answer.body?.cancel();
    for (let waitedMs = 0; waitedMs < 5000 && made < 10_000; waitedMs += 20) await sleep(20);
    expect([made >= 10_000, made < 11_000, shelf.errors]).toEqual([true, true, []]);
  });

  /** Endless; tells how much was made, and when it was left. */
  const endless = (pauseMs: number) => {
    const seen = { pieces: 0, isLeft: false };
    const make = async function* () {
      try {
        for (;;) {
          await sleep(pauseMs);
          seen.pieces += 1;
          yield 'x'.repeat(100_000);
        }
      } finally {
        seen.isLeft = true;
      }
    };
    return { seen, make };
  };
  const untilLeft = async (seen: { readonly isLeft: boolean }): Promise<void> => {
    for (let waitedMs = 0; waitedMs < 10_000 && !seen.isLeft; waitedMs += 20) await sleep(20);
  };

  test('is given up when the client takes nothing of it for long, which is no error', async () => {
    const { seen, make } = endless(1);
    const { shelf, answer } = await asked(make, 300);
    await untilLeft(seen);
    expect([seen.isLeft, shelf.errors]).toEqual([true, []]);
    await expect(answer.text()).rejects.toThrow();
  });

  test('goes on for who takes it slowly', async () => {
    const { seen, make } = endless(100);
    const { answer } = await asked(make, 1_500);
    const reader = answer.body?.getReader();
    for (let taken = 0; taken < 20; taken += 1) await reader?.read();
    expect([seen.isLeft, seen.pieces > 5]).toEqual([false, true]);
    await reader?.cancel();
    await untilLeft(seen);
    expect(seen.isLeft).toBe(true);
  });
});
