import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import packageFile from '../../package.json' with { type: 'json' };
import type { ServiceName } from '../config.ts';
import { openPool, type Connection, type Pool } from '../database/pool.ts';
import type { Listening } from '../listening.ts';
import { processGauges } from '../metrics/process-gauges.ts';
import { cookiesAreSecure } from '../public-address.ts';

/** What starting needs beside the settings. */
export interface StartOptions {
  readonly log: Logger;
  /** Told once when the program cannot go on, for instance because PostgreSQL ended. */
  readonly onFatal: (reason: string) => void;
  /** Tells in the audit which settings a start had. */
  readonly configurationDigest: string;
  /** True in tests: an answer that breaks its contract is a 500. */
  readonly validateResponses?: boolean;
  /** False in tests that start often: what a route needs is compiled at its first request, and a broken spec does not stop the start. */
  readonly warmUp?: boolean;
}

/** A start under way: what was told and opened so far. */
export interface Starting extends StartOptions, Listening {
  readonly notices: string[];
}

/** A pool that is closed when the program stops. Throws where there is no database. */
export const openServicePool = ({ log, started }: Starting, connection: Connection | undefined, size?: number, connectWithinMs?: number): Pool => {
  if (connection === undefined) throw new Error('This service needs a database.');
  const pool = openPool(connection, (error) => log.warn({ error: error.name, code: (error as { code?: unknown }).code }, 'a database connection broke'), size, connectWithinMs);
  started.push(() => pool.end());
  return pool;
};

/** What all services are given. */
export const common = ({ config, log, validateResponses = false, warmUp = true }: Starting, name: ServiceName) => ({
  log: log.child({ service: name }),
  version: packageFile.version,
  validateResponses,
  gauges: processGauges(packageFile.version, config.DATA_DIR),
  isPublicHttps: config.PUBLIC_URL?.startsWith('https:') === true,
  warmUp,
  secureCookies: cookiesAreSecure({ publicUrl: config.PUBLIC_URL, host: config.HOST, tls: config.TLS_CERT !== undefined }),
});

/** How the audit tells a start. */
export const startOf = ({ configurationDigest }: Pick<Starting, 'configurationDigest'>) => ({ event: 'program-started', actor: 'program', resource: `configuration/${configurationDigest}`, requestId: `start-${randomUUID()}` }) as const;
