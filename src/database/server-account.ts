import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The account PostgreSQL runs as: `undefined` means the one we run as. PostgreSQL refuses to run as root. */
export interface ServerAccount {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/**
 * Chooses the account for the server: our own, or, as root, `postgres` and else `nobody` of /etc/passwd.
 * Throws when root finds neither.
 */
export const serverAccount = (): ServerAccount | undefined => {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'));
  const entry = accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody');
  if (entry === undefined) throw new Error('PostgreSQL refuses to run as root, and there is no user postgres or nobody to run it as.');
  return { name: entry[0] ?? '', uid: Number(entry[2]), gid: Number(entry[3]) };
};

/** Tells whether the account can pass through a folder and all its parents. */
export const canReach = (account: ServerAccount, folder: string): boolean =>
  spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { uid: account.uid, gid: account.gid, cwd: '/', stdio: 'ignore' }).status === 0;
