import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Where the connection breaks: before the statement reaches the database, or after the database has done it and before its answer is back. */
export type Cut = 'before' | 'after';

/** A network between the program and PostgreSQL, which sees where statements begin and end (PostgreSQL, frontend/backend protocol 3.0). */
export interface DatabaseNetwork {
  /** The database's URL by way of this network. */
  readonly url: string;
  /** Statements since the last `cutAt`. */
  readonly statements: () => number;
  /** Breaks the connection of the n-th statement from now on (1 is the next), and that one alone. */
  readonly cutAt: (n: number, cut: Cut) => void;
  /** Breaks no more. */
  readonly mend: () => void;
  /** Whether the last cut has been made. */
  readonly hasCut: () => boolean;
  readonly stop: () => Promise<void>;
}

const [QUERY, SYNC, READY] = [0x51, 0x53, 0x5a];

/** Calls `onMessage` with the type and the bytes of each message of one direction; the first of a client has no type. */
const messages = (startsUntyped: boolean, onMessage: (type: number | undefined, bytes: Buffer) => void): ((chunk: Buffer) => void) => {
  let rest: Buffer = Buffer.alloc(0);
  let untyped = startsUntyped;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const lengthAt = untyped ? 0 : 1;
      if (rest.length < lengthAt + 4) return;
      const end = lengthAt + rest.readUInt32BE(lengthAt);
      if (rest.length < end) return;
      const [type, bytes] = [untyped ? undefined : rest[0], rest.subarray(0, end)];
      untyped = false;
      rest = rest.subarray(end);
      onMessage(type, bytes);
    }
  };
};

const socketTo = (url: URL): Socket => {
  const folder = url.searchParams.get('host');
  return folder === null ? connect(Number(url.port || 5432), url.hostname) : connect(`${folder}/.s.PGSQL.${url.port || '5432'}`);
};

interface Plan {
  seen: number;
  at: number;
  cut: Cut;
  done: boolean;
}

const join = (client: Socket, database: Socket, plan: Plan): void => {
  const end = (): void => {
    client.destroy();
    database.destroy();
  };
  let isLast = false;
  client.on('data', messages(true, (type, bytes) => {
    if (type === QUERY || type === SYNC) {
      plan.seen += 1;
      isLast = plan.seen === plan.at;
      if (isLast) plan.done = true;
      if (isLast && plan.cut === 'before') end();
    }
    if (!database.destroyed) database.write(bytes);
  }));
  database.on('data', messages(false, (type, bytes) => {
    if (!isLast) client.write(bytes);
    else if (type === READY) end();
  }));
  for (const socket of [client, database]) socket.setNoDelay(true).on('error', end).on('close', end);
};

/** Starts a network in front of the database of a URL, which must not speak TLS. */
export const startDatabaseNetwork = async (databaseUrl: string): Promise<DatabaseNetwork> => {
  // A URL has no empty host beside a user; the folder of a socket stands in its query.
  const target = new URL(databaseUrl.replace('@/', '@localhost/'));
  const plan: Plan = { seen: 0, at: 0, cut: 'before', done: false };
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    sockets.add(client);
    join(client, socketTo(target), plan);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(target);
  url.search = '';
  url.host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    url: url.href,
    statements: () => plan.seen,
    cutAt: (at, cut) => Object.assign(plan, { seen: 0, at, cut, done: false }),
    mend: () => Object.assign(plan, { at: 0 }),
    hasCut: () => plan.done,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
