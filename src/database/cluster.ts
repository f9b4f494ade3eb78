import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerAccount } from './server-account.ts';
import { clusterFolder } from './state-directory.ts';

/** The only role of the embedded server. */
export const serverRole = 'vitalgate';

const passwordOf = (state: string): string => {
  const file = join(state, 'password');
  if (!existsSync(file)) {
    const fresh = `${file}.${String(process.pid)}`;
    writeFileSync(fresh, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' });
    renameSync(fresh, file);
  }
  return readFileSync(file, 'utf8');
};

const removeUnfinished = (state: string): void => {
  for (const name of readdirSync(state)) {
    if (name.startsWith('pg18.new-')) rmSync(join(state, name), { recursive: true, force: true });
  }
};

/**
 * The cluster's folder and the password of its role; made with checksums when there is none. initdb writes PG_VERSION early, so
 * it works in a folder of a fresh name that is renamed when whole. Throws with what initdb said.
 */
export const openCluster = (native: string, state: string, account: ServerAccount | undefined): { path: string; password: string } => {
  const path = join(state, clusterFolder);
  const password = passwordOf(state);
  if (existsSync(path)) return { path, password };
  removeUnfinished(state);
  const fresh = join(state, `pg18.new-${String(process.pid)}-${String(Date.now())}`);
  const passwordFile = `${fresh}.password`;
  writeFileSync(passwordFile, password, { mode: 0o600, flag: 'wx' });
  if (account) chownSync(passwordFile, account.uid, account.gid);
  const options = ['-D', fresh, '-U', serverRole, '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '-E', 'UTF8',
    '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--data-checksums', '--no-instructions'];
  const made = spawnSync(join(native, 'bin', 'initdb'), options, { cwd: '/', encoding: 'utf8', ...(account && { uid: account.uid, gid: account.gid }) });
  rmSync(passwordFile, { force: true });
  if (made.status !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    throw new Error(`initdb failed: ${made.error?.message ?? made.stderr.trim()}`);
  }
  renameSync(fresh, path);
  return { path, password };
};
