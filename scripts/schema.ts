/** Writes test/database/schema.snapshot from the migrations, on a PostgreSQL of its own, so that a migration is reviewed by its effect. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedServer } from '../src/database/embedded-server.ts';
import { openPool } from '../src/database/pool.ts';
import { describeSchemas } from '../src/database/schema-snapshot.ts';
import { migrateDeviceManager, migrateUserManager } from '../src/schemas.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-schema-'));
const server = await startEmbeddedServer({ dataDir });
const pool = openPool(server.connection, (error) => console.error(error.message));
try {
  await migrateDeviceManager(pool);
  await migrateUserManager(pool);
  const described = await describeSchemas(pool, ['device_manager', 'device_manager_keys', 'user_manager']);
  writeFileSync(join(import.meta.dirname, '..', 'test', 'database', 'schema.snapshot'), described);
} finally {
  await pool.end();
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
