import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** The variable in which systemd names the folder of a service's credentials. */
const folderVariable = 'CREDENTIALS_DIRECTORY';

/** Whom a file lets in beside its owner, and its mode as it is shown. */
export interface FileAccess {
  readonly mode: number;
  /** Some right of its group, or of everybody. */
  readonly group: number;
  readonly others: number;
}

/**
 * Looks who may use a file. systemd hands credentials over in files of mode 0400 and lets the service's account read them by an access
 * control list, whose mask takes the place of the group's rights in the mode: they say nothing about a group there, and nobody can change
 * them. Throws where the file cannot be looked at.
 */
export const fileAccess = (path: string, environment: Readonly<Record<string, string | undefined>>): FileAccess => {
  const mode = statSync(path).mode & 0o777;
  const folder = environment[folderVariable];
  const isCredential = folder !== undefined && folder !== '' && dirname(resolve(path)) === resolve(folder);
  return { mode, group: isCredential ? 0 : mode & 0o070, others: mode & 0o007 };
};
