import { afterEach, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyHandler } from '../../src/http/operation.ts';
import type { ServiceServer } from '../../src/http/service-server.ts';
import { openShelf, shelfSpec } from './shelf-service.ts';

describe('an answer that is sent piece by piece', () => {
  let service: ServiceServer | undefined;
  afterEach(() => service?.close(0));
  const known = { headers: { authorization: 'Bearer let-me-in' } };
  const linesSpec = () => shelfSpec(({ paths }) => {
    paths['/books/lost'].get.responses[200] = { description: 'Lines.', content: { 'text/plain': { schema: { type: 'string' } } } };
  });
  const listen = async (shelf: ReturnType<typeof openShelf>): Promise<string> => {
    ({ service } = shelf);
    return `${(await service.listen(0, '127.0.0.1')).url}/books/lost`;
  };
  const asked = async (body: () => AsyncGenerator<string>, stalledAfterMs?: number) => {
    const shelf = openShelf({ spec: linesSpec(), handlers: { listLost: () => ({ status: 200, body: body() }) }, ...(stalledAfterMs !== undefined && { stalledAfterMs }) });
    return { shelf, answer: await fetch(await listen(shelf), known) };
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

  describe('of which the client leaves before the first piece', () => {
    /** Asks, leaves once the handler is at work, and tells what was thought of it. */
    const left = async (handler: AnyHandler, problems: unknown[] = []) => {
      const begun = Promise.withResolvers<undefined>();
      const listLost: AnyHandler = (call) => {
        begun.resolve(undefined);
        return handler(call);
      };
      const auditRefusal = async ({ code }: { readonly code: string }) => {
        problems.push(code);
        return Promise.resolve();
      };
      const shelf = openShelf({ spec: linesSpec(), auditRefusal, handlers: { listLost } });
      const leaving = new AbortController();
      const answer = fetch(await listen(shelf), { ...known, signal: leaving.signal });
      await begun.promise;
      leaving.abort();
      await expect(answer).rejects.toThrow();
      await sleep(400);
      return { errors: shelf.errors, problems };
    };

    test('it is made no further, and that is no error', async () => {
      const made: string[] = [];
      const body = async function* () {
        try {
          await sleep(200);
          for (const piece of ['a\n', 'b\n']) {
            made.push(piece);
            yield piece;
          }
        } finally {
          made.push('ended');
        }
      };
      expect(await left(() => ({ status: 200, body: body() }))).toEqual({ errors: [], problems: [] });
      expect(made).toEqual(['a\n', 'ended']);
    });

    test.each<[string, (signal: AbortSignal) => unknown]>([
      ['whoever makes the first piece', (signal) => ({ status: 200, body: (async function* () {
        await sleep(5_000, undefined, { signal });
        yield 'a\n';
      })() })],
      ['whoever makes the answer', (signal) => sleep(5_000, { status: 200, body: 'a' }, { signal })],
    ])('%s is told, and giving up is no error', async (_situation, make) => {
      expect(await left((({ signal }: { signal: AbortSignal }) => make(signal)) as AnyHandler)).toEqual({ errors: [], problems: [] });
    });

    test('a fault of our own is one all the same', async () => {
      const answer = await left(async () => {
        await sleep(200);
        throw new Error('no database');
      });
      expect(answer).toEqual({ errors: [expect.objectContaining({ message: 'no database' })], problems: ['internal-error'] });
    });
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
