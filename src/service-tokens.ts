import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { secretFile } from './keys/secret-file.ts';
import { serviceTokenFault } from './keys/service-token.ts';

/** The token of a file that a restore may have cut off, or somebody written: it opens as much as SERVICE_TOKEN, and must be as good. */
const tokenIn = (path: string): string => {
  const token = secretFile(path, () => randomBytes(32).toString('base64url'));
  const fault = serviceTokenFault(token);
  if (fault !== undefined) throw new Error(`The service token in ${path} ${fault}: delete the file, and the next start makes a new one.`);
  return token;
};

/** The tokens that services accept of each other; they show the first. Makes one in DATA_DIR where none is given. Throws when that of the file is none. */
export const serviceTokensOf = ({ SERVICE_TOKEN, SERVICE_TOKEN_PREVIOUS, DATA_DIR }: Pick<Config, 'SERVICE_TOKEN' | 'SERVICE_TOKEN_PREVIOUS' | 'DATA_DIR'>): readonly [string, ...string[]] => {
  const current = SERVICE_TOKEN ?? tokenIn(join(DATA_DIR, 'service-token'));
  return SERVICE_TOKEN_PREVIOUS === undefined ? [current] : [current, SERVICE_TOKEN_PREVIOUS];
};
