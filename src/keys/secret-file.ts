import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Reads a secret from a file of mode 0600, or puts `fresh` there first. Whole or not at all: two processes that start at once read
 * the same secret, and a process killed in between leaves no half file.
 */
export const secretFile = (path: string, fresh: () => string): string => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const written = `${path}.${String(process.pid)}`;
  writeFileSync(written, fresh(), { mode: 0o600, flush: true });
  try {
    linkSync(written, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(written, { force: true });
  }
  return readFileSync(path, 'utf8').trim();
};
