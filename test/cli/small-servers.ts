import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

const closed = (server: Server): Promise<unknown> => new Promise((resolve) => server.close(resolve));

/** Servers of a test that answer in a line, until they are stopped. */
export const smallServers = () => {
  const servers: Server[] = [];
  const serve = async (listener: RequestListener): Promise<string> => {
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push(server);
    return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  };
  return {
    /** Answers the URL of a new one. */
    serve,
    /** The URL of a port that somebody had a moment ago. */
    closedPort: async (): Promise<string> => {
      const url = await serve(() => undefined);
      await Promise.all(servers.splice(-1).map(closed));
      return url;
    },
    stop: () => Promise.all(servers.map(closed)),
  };
};
