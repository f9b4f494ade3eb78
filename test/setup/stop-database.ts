import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { EmbeddedServer } from '../../src/database/embedded-server.ts';

export default async (): Promise<void> => {
  rmSync(process.env['ANSWERS_DIR'] ?? '', { recursive: true, force: true });
  const { testDatabase } = globalThis as { testDatabase?: { server: EmbeddedServer; dataDir: string } };
  if (!testDatabase) return;
  await testDatabase.server.stop();
  rmSync(testDatabase.dataDir, { recursive: true, force: true });
  rmSync(dirname(testDatabase.server.connection.host), { recursive: true, force: true });
};
