import type { TlsFiles } from './tls-files.ts';

/** One of the three services, put together and not yet listening. */
export interface Service {
  readonly name: string;
  /** With TLS where files are named; may be called again for another address. */
  readonly listen: (port: number, host: string, tls?: TlsFiles) => Promise<{ url: string; port: number }>;
  /** Finishes what is under way, then gives everything back. */
  readonly stop: () => Promise<void>;
}
