import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Connection } from './database/pool.ts';

/** Base URLs of the services that run here. */
export interface ServiceUrls {
  readonly bff?: string;
  readonly deviceManager?: string;
  readonly userManager?: string;
}

/** What a running server tells other programs of the same account: `DATA_DIR/server.json`. */
export interface ServerFile {
  readonly pid: number;
  readonly urls: ServiceUrls;
  readonly database: Connection;
}

const pathOf = (dataDir: string): string => join(dataDir, 'server.json');

/** Puts a file of mode 0600 in place whole: nobody ever reads half of it. */
export const writePrivateFile = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${String(process.pid)}`;
  writeFileSync(fresh, text, { mode: 0o600 });
  renameSync(fresh, path);
};

/** Tells where this server is; see ServerFile. */
export const writeServerFile = (dataDir: string, server: ServerFile): void =>
  writePrivateFile(pathOf(dataDir), `${JSON.stringify(server, null, 2)}\n`);

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/** The server that runs on a DATA_DIR; undefined when there is none, or it was killed and left its file behind. */
export const readServerFile = (dataDir: string): ServerFile | undefined => {
  try {
    const server = JSON.parse(readFileSync(pathOf(dataDir), 'utf8')) as ServerFile;
    return isAlive(server.pid) ? server : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

/** Removes the file of this process, and of no other. */
export const removeServerFile = (dataDir: string): void => {
  if (readServerFile(dataDir)?.pid === process.pid) rmSync(pathOf(dataDir), { force: true });
};
