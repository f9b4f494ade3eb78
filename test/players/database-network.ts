import { once } from 'node:events';
import { createServer, type AddressInfo, type NetConnectOpts, type Socket } from 'node:net';
import { startNetwork, type Network, type Taking, type Turns } from './network.ts';

/** A network in front of PostgreSQL, whose calls are statements (PostgreSQL, frontend/backend protocol 3.0). */
export interface DatabaseNetwork extends Network {
  /** The database's URL by way of this network. */
  readonly url: string;
  /** Connections that are made from now on are taken, and answered nothing; or go to the database again. */
  readonly swallow: (isSwallowed: boolean) => void;
}

const [QUERY, SYNC, READY] = [0x51, 0x53, 0x5a];

/** Takes messages apart, each with its type; the first of a client has none. */
const messages = (startsUntyped: boolean, turnTypes: readonly number[]): Taking => {
  let rest: Buffer = Buffer.alloc(0);
  let untyped = startsUntyped;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const whole: { bytes: Buffer; isTurn: boolean }[] = [];
    for (;;) {
      const lengthAt = untyped ? 0 : 1;
      if (rest.length < lengthAt + 4) return whole;
      const end = lengthAt + rest.readUInt32BE(lengthAt);
      if (rest.length < end) return whole;
      whole.push({ bytes: rest.subarray(0, end), isTurn: !untyped && turnTypes.includes(rest[0] ?? 0) });
      untyped = false;
      rest = rest.subarray(end);
    }
  };
};

const statements: Turns = () => ({ there: messages(true, [QUERY, SYNC]), back: messages(false, [READY]) });

const socketOf = (url: URL): NetConnectOpts => {
  const folder = url.searchParams.get('host');
  return folder === null ? { host: url.hostname, port: Number(url.port || 5432) } : { path: `${folder}/.s.PGSQL.${url.port || '5432'}` };
};

/** Starts a network in front of the database of a URL, which must not speak TLS. */
export const startDatabaseNetwork = async (databaseUrl: string): Promise<DatabaseNetwork> => {
  // A URL has no empty host beside a user; the folder of a socket stands in its query.
  const target = new URL(databaseUrl.replace('@/', '@localhost/'));
  const to = socketOf(target);
  const swallowed = new Set<Socket>();
  const hole = createServer((socket) => swallowed.add(socket.on('error', () => undefined))).listen(0, '127.0.0.1').unref();
  await once(hole, 'listening');
  const network = await startNetwork({ to, turns: statements });
  const url = new URL(target);
  url.search = '';
  url.host = `127.0.0.1:${String(network.port)}`;
  return {
    ...network, url: url.href,
    swallow: (isSwallowed) => network.lead(isSwallowed ? { host: '127.0.0.1', port: (hole.address() as AddressInfo).port } : to),
    stop: async () => {
      for (const socket of swallowed) socket.destroy();
      hole.close();
      await network.stop();
    },
  };
};
