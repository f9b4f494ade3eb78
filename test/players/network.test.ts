import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startNetwork, type Direction, type Faults, type Network } from './network.ts';

const KIB = 1024;

/** How a conversation went: bytes that came back, how it ended, and how long until then. */
interface Conversation {
  readonly bytes: number;
  readonly pieces: number;
  readonly end: 'closed' | 'broken' | 'open';
  readonly tookMs: number;
}

describe('the network that tests put between programs', () => {
  let server: Server;
  let network: Network;
  let heard = 0;
  beforeAll(async () => {
    // Says everything again, and ends when it is told to.
    server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('data', (bytes) => {
        heard += bytes.length;
        socket.write(bytes);
      });
      socket.on('end', () => socket.end()).on('error', () => undefined);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    network = await startNetwork({ to: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, seed: 7 });
  });
  afterEach(async () => {
    network.mend();
    await network.heal();
  });
  afterAll(async () => {
    await network.stop();
    server.close();
  });

  const opened = async (): Promise<Socket> => {
    const socket = connect({ host: '127.0.0.1', port: network.port, allowHalfOpen: true });
    await once(socket, 'connect');
    return socket;
  };

  /** Sends so many bytes and ends; waits at most so long for what comes. */
  const converse = async (bytes: number, mostMs: number): Promise<Conversation> => {
    const socket = await opened();
    const started = performance.now();
    const came = { bytes: 0, pieces: 0, end: 'open' as Conversation['end'] };
    socket.on('data', (chunk) => {
      came.bytes += chunk.length;
      came.pieces += 1;
    });
    socket.on('error', () => (came.end = 'broken'));
    socket.on('end', () => (came.end = 'closed'));
    socket.end(Buffer.alloc(bytes, 1));
    await Promise.race([once(socket, 'close').catch(() => undefined), once(socket, 'end').catch(() => undefined), sleep(mostMs)]);
    socket.destroy();
    return { ...came, tookMs: performance.now() - started };
  };

  const directions: readonly Direction[] = ['there', 'back'];

  test('without faults everything gets through', async () => {
    expect(await converse(300 * KIB, 10_000)).toMatchObject({ bytes: 300 * KIB, end: 'closed' });
  });

  test.each<[string, Faults, number, Partial<Conversation>, number, number]>([
    ['latency', { latencyMs: 200 }, 10, { bytes: 10, end: 'closed' }, 190, 4_000],
    ['jitter', { latencyMs: 200, jitterMs: 150 }, 10, { bytes: 10, end: 'closed' }, 45, 4_000],
    ['a narrow band', { bytesPerSecond: 20 * KIB }, 10 * KIB, { bytes: 10 * KIB, end: 'closed' }, 450, 5_000],
    ['slices', { slices: { bytes: 100, pauseMs: 10 } }, KIB, { bytes: KIB, end: 'closed' }, 90, 5_000],
    ['a slow close', { slowCloseMs: 300 }, 10, { bytes: 10, end: 'closed' }, 290, 4_000],
    ['silence, then the end', { silentMs: 200 }, 10, { bytes: 0, end: 'closed' }, 190, 4_000],
    ['silence for ever', { silentMs: Infinity }, 10, { bytes: 0, end: 'open' }, 590, 4_000],
    ['a reset', { resetMs: 0 }, 10, { bytes: 0, end: 'broken' }, 0, 4_000],
    ['a limit', { mostBytes: 100 }, KIB, { bytes: 100, end: 'closed' }, 0, 4_000],
  ])('%s, in either direction', async (situation, faults, bytes, expected, leastMs, mostMs) => {
    for (const direction of directions) {
      network.suffer(direction, faults);
      const came = await converse(bytes, situation === 'silence for ever' ? 600 : 10_000);
      network.suffer(direction, {});
      // What was let through there is said again only if that is quicker than the end.
      const isCutThere = situation === 'a limit' && direction === 'there';
      expect([direction, came]).toMatchObject([direction, isCutThere ? { end: 'closed' } : expected]);
      expect([direction, came.tookMs >= leastMs && came.tookMs < mostMs ? 'in time' : came.tookMs]).toEqual([direction, 'in time']);
    }
  });

  test('a network that is down refuses, ends what is open, and is of use again at the same place', async () => {
    const socket = await opened();
    const ended = once(socket, 'close').catch(() => undefined);
    socket.on('error', () => undefined);
    await network.down(true);
    await ended;
    await expect(opened()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await network.heal();
    expect(await converse(10, 5_000)).toMatchObject({ bytes: 10 });
  });

  test('what was held up goes on when the network heals', async () => {
    network.suffer('there', { silentMs: Infinity });
    const going = converse(10, 5_000);
    await sleep(100);
    await network.heal();
    expect(await going).toMatchObject({ bytes: 10, end: 'closed' });
  });

  test.each(['before', 'after'] as const)('the n-th call breaks %s it is heard', async (cut) => {
    const socket = await opened();
    const calls: string[] = [];
    socket.on('error', () => undefined);
    network.cutAt(3, cut);
    const before = heard;
    for (let call = 1; call <= 3; call += 1) {
      const answered = Promise.race([once(socket, 'data').then(() => 'answered'), once(socket, 'end').then(() => 'broken')]);
      socket.write('x'.repeat(call));
      calls.push(await answered);
    }
    socket.destroy();
    expect([calls, heard - before, network.hasCut(), network.calls()]).toEqual([['answered', 'answered', 'broken'], cut === 'before' ? 3 : 6, true, 3]);
  });
});
