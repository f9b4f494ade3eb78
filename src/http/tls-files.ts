import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { Server as TlsServer } from 'node:https';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

/** Where certificate (with its chain) and private key are, both in PEM. */
export interface TlsFiles {
  readonly certPath: string;
  readonly keyPath: string;
  /** Told when changed files cannot be used, and when they are: what was read last stays in use until then. */
  readonly onReload: (error: Error | undefined) => void;
}

/** How often the files are looked at, milliseconds; looking, unlike waiting for events, also sees links that are swapped. */
const EVERY_MS = 2_000;

/** Certificate and key as they are now. Throws an Error for the operator, without the files' content, when they are no pair. */
export const readTlsFiles = ({ certPath, keyPath }: Pick<TlsFiles, 'certPath' | 'keyPath'>): SecureContextOptions => {
  const options = { cert: readFileSync(certPath), key: readFileSync(keyPath), minVersion: 'TLSv1.2' } as const;
  try {
    createSecureContext(options);
  } catch (error) {
    throw new Error(`TLS_CERT and TLS_KEY are no pair of certificate and key (${String((error as NodeJS.ErrnoException).code)}).`, { cause: error });
  }
  return options;
};

/** Has a server use the files whenever they change; connections that are open stay as they are. Returns what ends that. */
export const reloadTlsFiles = (server: TlsServer, files: TlsFiles): (() => void) => {
  const reload = (): void => {
    try {
      server.setSecureContext(readTlsFiles(files));
      files.onReload(undefined);
    } catch (error) {
      files.onReload(error as Error);
    }
  };
  const paths = [files.certPath, files.keyPath];
  for (const path of paths) watchFile(path, { interval: EVERY_MS, persistent: false }, reload);
  return () => {
    for (const path of paths) unwatchFile(path, reload);
  };
};
