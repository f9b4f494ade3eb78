import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Milliseconds that a client may take nothing of its answer, which Node grants once more where it took a part: an export holds a connection to the database meanwhile. */
export const STALLED_AFTER_MS = 60_000;
/** Answers under way on one connection: requests are cheap to send all at once, and each answer waits in memory for the one before it. */
export const MOST_ANSWERS_OF_CONNECTION = 32;

/** The connections of one service, from their first byte to their last; Node's own list begins with a request, and calls idle what is still being sent. */
export interface Connections {
  /** Keeps the connections of a server from now on, and ends those whose clients do nothing. */
  readonly watch: (server: Server) => void;
  /** Notes an answer until it closes. False, and the connection ends, where it has too many; false where it has ended. */
  readonly takesOn: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Ends those without an answer under way, unless a request has begun to come. */
  readonly endIdle: () => void;
  readonly endAll: () => void;
}

/** The same for a connection and for the TLS on it. */
const nameOf = ({ remoteAddress, remotePort, localPort }: Socket): string => `${String(remoteAddress)} ${String(remotePort)} ${String(localPort)}`;

/** How many answers are under way on each connection, and whether another request has begun to come. */
const createAnswers = () => {
  const underWay = new WeakMap<Socket, number>();
  /** How many bytes had come when the last answer was out: more since then are a request that is on its way. */
  const readAtRest = new WeakMap<Socket, number>();
  const rest = (socket: Socket): void => void readAtRest.set(socket, socket.bytesRead);
  const on = (socket: Socket): number => underWay.get(socket) ?? 0;
  return {
    rest,
    isAnswering: (socket: Socket): boolean => on(socket) > 0,
    isIdle: (socket: Socket): boolean => on(socket) === 0 && socket.bytesRead === (readAtRest.get(socket) ?? 0),
    /** Counts an answer until it closes; answers how many there are. */
    count: (socket: Socket, response: ServerResponse): number => {
      response.once('close', () => {
        underWay.set(socket, on(socket) - 1);
        rest(socket);
      });
      underWay.set(socket, on(socket) + 1);
      return on(socket);
    },
  };
};

/** Keeps connections that may do nothing for `stalledAfterMs`; one whose answer is being made waits for us, and stays. */
export const createConnections = (stalledAfterMs: number): Connections => {
  const sockets = new Map<string, Socket>();
  const answers = createAnswers();
  const add = (socket: Socket): void => {
    const name = nameOf(socket);
    sockets.set(name, socket);
    socket.once('close', () => {
      if (sockets.get(name) === socket) sockets.delete(name);
    });
  };
  return {
    watch: (server) => {
      server.on('connection', add).on('secureConnection', (socket: Socket) => {
        add(socket);
        answers.rest(socket);
      });
      server.setTimeout(stalledAfterMs, (socket) => {
        if (answers.isAnswering(socket) && socket.writableLength === 0) socket.setTimeout(stalledAfterMs);
        else socket.destroy();
      });
    },
    takesOn: ({ socket }, response) => {
      if (socket.destroyed) return false;
      if (answers.count(socket, response) <= MOST_ANSWERS_OF_CONNECTION) return true;
      socket.destroy();
      return false;
    },
    endIdle: () => {
      for (const socket of sockets.values()) if (answers.isIdle(socket)) socket.destroy();
    },
    endAll: () => {
      for (const socket of sockets.values()) socket.destroy();
    },
  };
};
