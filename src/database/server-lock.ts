import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Held while a server process uses a state folder. */
export interface ServerLock {
  readonly release: () => Promise<void>;
}

/** Another live process uses the same data. */
export class DataInUseError extends Error {
  constructor(dataDir: string) {
    super(`Another Vitalgate server uses the data in ${dataDir}. Stop it first, or choose another DATA_DIR.`);
    this.name = 'DataInUseError';
  }
}

/**
 * Takes the lock of a state folder: a listening socket that the kernel frees when the process ends, however it ends. On Linux
 * the socket is abstract; elsewhere it is bound to a port derived from the path on loopback (not proved on other systems).
 * Throws DataInUseError when another process holds it.
 */
export const takeServerLock = async (state: string, dataDir: string): Promise<ServerLock> => {
  const digest = createHash('sha256').update(state).digest();
  const server = createServer((socket) => socket.destroy());
  if (process.platform === 'linux') server.listen(`\0vitalgate-${digest.toString('hex')}`);
  else server.listen(49_152 + (digest.readUInt16BE(0) % 16_384), '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw new DataInUseError(dataDir);
    throw error;
  }
  server.unref();
  return {
    release: () => new Promise((resolve) => server.close(() => resolve())),
  };
};
