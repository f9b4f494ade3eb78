import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** How many mails to an address lie in the DATA_DIR of a User Manager that has no mail server. */
export const mailsTo = (dataDirectory: string, address: string): number => {
  const folder = join(dataDirectory, 'mail');
  if (!existsSync(folder)) return 0;
  return readdirSync(folder).filter((name) => name.endsWith('.eml') && readFileSync(join(folder, name), 'utf8').includes(address)).length;
};
