import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../config.ts';
import { serverAccount } from '../database/server-account.ts';
import { knownStatePath } from '../database/state-directory.ts';
import { findingsOf, type Finding } from './finding.ts';

const { well, warning, wrong } = findingsOf('disk');

const MIB = 1024 * 1024;
/** With less than this PostgreSQL may stop at its next segments of write-ahead log, which have 16 MiB each. */
const LEAST_MIB = 256;
const ENOUGH_MIB = 2_048;
const LEAST_INODES = 1_000;

/** What is free of a file system, bytes and inodes; file systems without a fixed number of inodes tell 0 of 0. */
export interface Space {
  readonly freeBytes: number;
  readonly inodes: number;
  readonly freeInodes: number;
}

const remedy = 'free space or enlarge the file system; nothing is acknowledged while there is none';

/** Judges the space of a file system that data is written to. */
export const judgeSpace = (looked: string, { freeBytes, inodes, freeInodes }: Space): Finding => {
  const freeMib = Math.floor(freeBytes / MIB);
  const found = `${String(freeMib)} MiB free`;
  if (inodes > 0 && freeInodes < LEAST_INODES) return wrong(looked, `${String(freeInodes)} inodes free`, 'remove small files or make a file system with more inodes');
  if (freeMib < LEAST_MIB) return wrong(looked, found, remedy);
  return freeMib < ENOUGH_MIB ? warning(looked, found, remedy) : well(looked, found);
};

const spaceOf = (path: string): Space => {
  const { bavail, bsize, files, ffree } = statfsSync(path);
  return { freeBytes: bavail * bsize, inodes: files, freeInodes: ffree };
};

/** The folder itself, or the nearest above that is there. */
const nearest = (path: string): string => (existsSync(path) || dirname(path) === path ? path : nearest(dirname(path)));

const isWritable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const folder = (looked: string, path: string): Finding[] => {
  const there = nearest(path);
  if (!statSync(there).isDirectory()) return [wrong(looked, 'is no folder', 'name a folder in DATA_DIR')];
  if (!isWritable(there)) return [wrong(looked, 'this account may not write there', 'give the folder to the account that the program runs as')];
  return [judgeSpace(looked, spaceOf(there))];
};

/** The files of the embedded PostgreSQL may lie on another file system, and belong to another account. */
const embedded = ({ DATABASE_URL, SERVICES, DATA_DIR }: Config): Finding[] => {
  if (DATABASE_URL !== undefined || SERVICES.every((service) => service === 'bff')) return [];
  const path = knownStatePath(DATA_DIR, serverAccount());
  return path === undefined ? [] : [judgeSpace('folder of the embedded PostgreSQL', spaceOf(path))];
};

/** Looks at the space where data and keys are written. The disks of a PostgreSQL elsewhere are out of sight. */
export const examineDisk = (config: Config): Finding[] => [...folder('DATA_DIR', config.DATA_DIR), ...embedded(config)];
