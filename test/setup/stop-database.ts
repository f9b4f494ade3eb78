import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { EmbeddedServer } from '../../src/database/embedded-server.ts';
import { openPool, type Connection } from '../../src/database/pool.ts';

const dropMigrated = async (): Promise<void> => {
  const pool = openPool(JSON.parse(process.env['TEST_DATABASE'] ?? '{}') as Connection, () => undefined, 1);
  await pool.query(`drop database if exists ${process.env['MIGRATED_DATABASE'] ?? ''} with (force)`);
  await pool.end();
};

export default async (): Promise<void> => {
  rmSync(process.env['ANSWERS_DIR'] ?? '', { recursive: true, force: true });
  const { testDatabase } = globalThis as { testDatabase?: { server: EmbeddedServer; dataDir: string } };
  if (!testDatabase) return dropMigrated(); // a server that was named stays
  await testDatabase.server.stop();
  rmSync(testDatabase.dataDir, { recursive: true, force: true });
  rmSync(dirname(testDatabase.server.connection.host), { recursive: true, force: true });
};
