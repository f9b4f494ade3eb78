import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type NetConnectOpts, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../../src/simulator/random.ts';

/** What one direction of every connection suffers, those that are open included. */
export interface Faults {
  /** Each piece comes so much later, give or take the jitter. */
  readonly latencyMs?: number;
  readonly jitterMs?: number;
  readonly bytesPerSecond?: number;
  /** Pieces of at most so many bytes, with a pause behind each. */
  readonly slices?: { readonly bytes: number; readonly pauseMs: number };
  /** The end of a connection is passed on so much later. */
  readonly slowCloseMs?: number;
  /** Nothing gets through any more, and after so long the connection is closed; `Infinity` leaves it open. */
  readonly silentMs?: number;
  /** So long after something is sent, the connection is reset. */
  readonly resetMs?: number;
  /** After so many bytes the connection is closed. */
  readonly mostBytes?: number;
}

/** From the client to the server, and back. */
export type Direction = 'there' | 'back';

/** Where the connection breaks: before the server hears, or after it has answered and before the answer arrives. */
export type Cut = 'before' | 'after';

/** Bytes as they go on together, and whether a call begins, or an answer has ended, with them. */
export interface Piece {
  readonly bytes: Buffer;
  readonly isTurn: boolean;
}

/** Takes the bytes of one direction of one connection apart; what is not whole yet is kept for the next time. */
export type Taking = (chunk: Buffer) => Piece[];

/** How a protocol takes turns: new for each connection. */
export type Turns = () => Readonly<Record<Direction, Taking>>;

/** A network in front of a server, which can do to connections what networks do. */
export interface Network {
  readonly port: number;
  /** Sets where connections go that are made from now on. */
  readonly lead: (target: NetConnectOpts) => void;
  /** Sets what a direction suffers from now on, in place of what it suffered. */
  readonly suffer: (direction: Direction, faults: Faults) => void;
  /** Ends every connection and refuses others, or takes them again. */
  readonly down: (isDown: boolean) => Promise<void>;
  /** Takes all faults away; what was held up goes on. */
  readonly heal: () => Promise<void>;
  /** Calls since the last `cutAt`. */
  readonly calls: () => number;
  /** Breaks the connection of the n-th call from now on (1 is the next), and that one alone. */
  readonly cutAt: (n: number, cut: Cut) => void;
  /** Breaks every connection at its next call, for as long as told. */
  readonly cutAll: (isCut: boolean) => void;
  /** Breaks no more. */
  readonly mend: () => void;
  /** Whether the last cut has been made. */
  readonly hasCut: () => boolean;
  readonly stop: () => Promise<void>;
}

/** One asks, the other answers, as in HTTP/1.1 without pipelining and in SMTP: a call begins with the first bytes after an answer. */
export const askAndAnswer: Turns = () => {
  let isAsking = false;
  const take = (asks: boolean): Taking => (bytes) => {
    const isTurn = asks ? !isAsking : true;
    isAsking = asks;
    return [{ bytes, isTurn }];
  };
  return { there: take(true), back: take(false) };
};

interface Plan {
  seen: number;
  at: number;
  cut: Cut;
  done: boolean;
  all: boolean;
}

/** The faults of both directions; whoever waits for something of them is woken when they change. */
const createWeather = () => {
  let change = new AbortController();
  const now: Record<Direction, Faults> = { there: {}, back: {} };
  return {
    now,
    set: (direction: Direction, faults: Faults) => {
      now[direction] = faults;
      change.abort();
      change = new AbortController();
    },
    /** False when the faults changed before the time was over. */
    wait: async (ms: number): Promise<boolean> => {
      if (ms <= 0) return true;
      const { signal } = change;
      // Timers hold 32 bits.
      return sleep(Math.min(ms, 2 ** 31 - 1), true, { signal, ref: false }).catch(() => false);
    },
  };
};

type Weather = ReturnType<typeof createWeather>;

const sliced = (bytes: Buffer, most = bytes.length): Buffer[] => Array.from({ length: Math.ceil(bytes.length / most) }, (_, index) => bytes.subarray(index * most, (index + 1) * most));

interface Way {
  readonly direction: Direction;
  readonly from: Socket;
  readonly to: Socket;
  readonly weather: Weather;
  readonly random: () => number;
  readonly end: (isReset?: boolean) => void;
}

/** Lets a piece through as the weather is, or ends the connection. */
const pass = async ({ direction, to, weather, random, end }: Way, bytes: Buffer, count: { passed: number; under: Faults }): Promise<void> => {
  const faults = weather.now[direction];
  if (count.under !== faults) Object.assign(count, { passed: 0, under: faults });
  const { latencyMs = 0, jitterMs = 0, bytesPerSecond = Infinity, silentMs, resetMs, mostBytes = Infinity, slices } = faults;
  if ((silentMs !== undefined && (await weather.wait(silentMs))) || (resetMs !== undefined && (await weather.wait(resetMs)))) {
    end(resetMs !== undefined);
    return;
  }
  await weather.wait(latencyMs + (random() * 2 - 1) * jitterMs + (1000 * bytes.length) / bytesPerSecond);
  const allowed = bytes.subarray(0, Math.max(0, mostBytes - count.passed));
  count.passed += allowed.length;
  if (!to.destroyed && allowed.length > 0 && !to.write(allowed)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
  if (count.passed >= mostBytes) end();
  else if (slices) await weather.wait(slices.pauseMs);
};

/** Carries all of one direction; `turn` says whether a piece goes on. */
const carry = async (way: Way, take: Taking, turn: (isTurn: boolean) => boolean): Promise<void> => {
  const { direction, from, to, weather, end } = way;
  const count = { passed: 0, under: weather.now[direction] };
  for await (const chunk of from as AsyncIterable<Buffer>) {
    for (const { bytes, isTurn } of take(chunk)) {
      if (!turn(isTurn)) continue;
      for (const slice of sliced(bytes, weather.now[direction].slices?.bytes)) await pass(way, slice, count);
    }
    if (to.destroyed) {
      end();
      return;
    }
  }
  await weather.wait(weather.now[direction].slowCloseMs ?? 0);
  to.end();
};

/** A socket of the file system has no reset. */
const reset = (socket: Socket): Socket => (socket.remoteFamily === undefined ? socket.destroy() : socket.resetAndDestroy());

const join = (client: Socket, server: Socket, plan: Plan, turns: Turns, weather: Weather, random: () => number): void => {
  const end = (isReset = false): void => {
    for (const socket of [client, server]) {
      if (isReset) reset(socket);
      else socket.destroy();
    }
  };
  let isLast = false;
  const begin = (isTurn: boolean): boolean => {
    if (!isTurn) return !client.destroyed;
    plan.seen += 1;
    isLast = plan.seen === plan.at;
    if (isLast) plan.done = true;
    if (plan.all || (isLast && plan.cut === 'before')) end();
    return !client.destroyed;
  };
  const answer = (isTurn: boolean): boolean => {
    if (isLast && isTurn) end();
    return !isLast;
  };
  for (const socket of [client, server]) socket.setNoDelay(true).on('error', () => end());
  const { there, back } = turns();
  const ways = [
    carry({ direction: 'there', from: client, to: server, weather, random, end }, there, begin),
    carry({ direction: 'back', from: server, to: client, weather, random, end }, back, answer),
  ];
  for (const way of ways) way.catch(() => end());
};

/** Starts a network. The seed draws the jitter. */
export const startNetwork = async ({ to, turns = askAndAnswer, seed = 1 }: { readonly to?: NetConnectOpts; readonly turns?: Turns; readonly seed?: number } = {}): Promise<Network> => {
  let target = to;
  const [weather, random, sockets] = [createWeather(), createRandom(seed).next, new Set<Socket>()];
  const plan: Plan = { seen: 0, at: 0, cut: 'before', done: false, all: false };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const onward = target === undefined ? undefined : connect({ ...target, allowHalfOpen: true });
    if (!onward) {
      client.destroy();
      return;
    }
    for (const socket of [client, onward]) sockets.add(socket.once('close', () => sockets.delete(socket)));
    join(client, onward, plan, turns, weather, random);
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const down = async (isDown: boolean): Promise<void> => {
    if (isDown === !server.listening) return;
    if (!isDown) return listen(port);
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) reset(socket);
    await closed;
  };
  const suffer = weather.set;
  return {
    port, suffer, down,
    lead: (led) => (target = led),
    heal: async () => {
      for (const direction of ['there', 'back'] as const) suffer(direction, {});
      await down(false);
    },
    calls: () => plan.seen,
    cutAt: (at, cut) => Object.assign(plan, { seen: 0, at, cut, done: false }),
    cutAll: (all) => Object.assign(plan, { all }),
    mend: () => Object.assign(plan, { at: 0 }),
    hasCut: () => plan.done,
    stop: () => down(true),
  };
};
