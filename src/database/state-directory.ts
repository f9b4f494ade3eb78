import { createHash } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canReach, type ServerAccount } from './server-account.ts';

/** Where root keeps what the server's account must reach. */
export const sharedDirectory = '/var/lib/vitalgate';

/** The folder of the cluster inside of the state folder. */
export const clusterFolder = 'pg18';

/** Longest path of a Unix socket, in bytes, less its file name `.s.PGSQL.5432`. */
const longestSocketDirectory = 107 - '/.s.PGSQL.5432'.length;

/** Folders of one embedded server. */
export interface StateDirectory {
  /** Holds the cluster, the log and the run folder. */
  readonly path: string;
  readonly run: string;
  /** Said to the operator when data lies elsewhere than in DATA_DIR. */
  readonly notice?: string;
}

const ownedFolder = (path: string, account: ServerAccount | undefined): string => {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (account) chownSync(path, account.uid, account.gid);
  return path;
};

const runFolder = (state: string, account: ServerAccount | undefined): string => {
  const usual = join(state, 'run');
  if (Buffer.byteLength(usual) <= longestSocketDirectory) return ownedFolder(usual, account);
  const short = mkdtempSync(join(tmpdir(), 'vitalgate-run-'));
  return ownedFolder(short, account);
};

interface Place {
  readonly path: string;
  /** Elsewhere than in DATA_DIR. */
  readonly isShared: boolean;
}

const placeOf = (realDataDir: string, account: ServerAccount | undefined): Place => {
  if (!account || canReach(account, realDataDir)) return { path: join(realDataDir, 'postgres'), isShared: false };
  return { path: join(sharedDirectory, createHash('sha256').update(realDataDir).digest('hex').slice(0, 16)), isShared: true };
};

/**
 * Finds the folders of the server that belongs to a DATA_DIR, and makes them. As root they lie under /var/lib/vitalgate when
 * the server's account cannot reach DATA_DIR (a checkout under /root).
 */
export const stateDirectory = (dataDir: string, account: ServerAccount | undefined): StateDirectory => {
  mkdirSync(dataDir, { recursive: true, mode: account ? 0o711 : 0o700 });
  const real = realpathSync(dataDir);
  const { path, isShared } = placeOf(real, account);
  if (isShared) mkdirSync(sharedDirectory, { recursive: true, mode: 0o755 });
  const folders = { path: ownedFolder(path, account), run: runFolder(path, account) };
  return isShared ? { ...folders, notice: `PostgreSQL runs as ${account?.name ?? ''} and keeps its files in ${path}: it cannot reach ${real}.` } : folders;
};

/** Where the server of a DATA_DIR keeps its files; undefined where there is none yet. Makes nothing. */
export const knownStatePath = (dataDir: string, account: ServerAccount | undefined): string | undefined => {
  if (!existsSync(dataDir)) return undefined;
  const { path } = placeOf(realpathSync(dataDir), account);
  return existsSync(join(path, clusterFolder)) ? path : undefined;
};
