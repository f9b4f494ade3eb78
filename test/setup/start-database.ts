import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedServer } from '../../src/database/embedded-server.ts';

/** One PostgreSQL for all suites: the one of DATABASE_URL, else an embedded one in a folder of its own. */
export default async (): Promise<void> => {
  if (process.env['DATABASE_URL']) {
    process.env['TEST_DATABASE'] = JSON.stringify({ connectionString: process.env['DATABASE_URL'] });
    return;
  }
  const dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-test-'));
  const server = await startEmbeddedServer({ dataDir });
  process.env['TEST_DATABASE'] = JSON.stringify(server.connection);
  Object.assign(globalThis, { testDatabase: { server, dataDir } });
};
