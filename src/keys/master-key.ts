import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { secretFile } from './secret-file.ts';

/**
 * The 32 bytes that wrap every other key: from the setting (hex or base64), else from DATA_DIR/master-key, which is made once.
 * Throws when the text is not 32 bytes.
 */
export const loadMasterKey = ({ masterKey, dataDir }: { readonly masterKey?: string | undefined; readonly dataDir: string }): Buffer => {
  const text = masterKey ?? secretFile(join(dataDir, 'master-key'), () => randomBytes(32).toString('hex'));
  const key = /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  if (key.length !== 32) throw new Error('The master key is not 32 bytes in hex or base64.');
  return key;
};
