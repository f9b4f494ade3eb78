import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedServer, type EmbeddedConnection } from '../../src/database/embedded-server.ts';
import { openPool, type Connection } from '../../src/database/pool.ts';
import { migrateDeviceManager, migrateUserManager } from '../../src/schemas.ts';
import { connectionTo } from './test-database.ts';

/** Nothing here outlives its suite: waiting for the disk after each commit would only make the suites last longer. */
const doNotWaitForDisk = async (connection: EmbeddedConnection): Promise<void> => {
  const pool = openPool(connection, () => undefined, 1);
  for (const setting of ['fsync = off', 'full_page_writes = off', `max_wal_size = '4GB'`]) await pool.query(`alter system set ${setting}`);
  await pool.query('select pg_reload_conf()');
  await pool.end();
};

/** A database with all tables, which others are copied from: to migrate takes six times as long. */
const makeMigrated = async (server: Connection): Promise<void> => {
  const name = `test_migrated_${String(process.pid)}`;
  const administration = openPool(server, () => undefined, 1, 60_000);
  await administration.query(`create database ${name}`);
  await administration.end();
  const pool = openPool(connectionTo(server, name), () => undefined, 1, 60_000);
  await migrateUserManager(pool);
  await migrateDeviceManager(pool);
  await pool.end();
  process.env['MIGRATED_DATABASE'] = name;
};

/** One PostgreSQL for all suites: the one of DATABASE_URL, else an embedded one in a folder of its own; and a folder for what was answered. */
export default async (): Promise<void> => {
  process.env['ANSWERS_DIR'] = mkdtempSync(join(tmpdir(), 'vitalgate-answers-'));
  // Programs that tests start are compiled once, not each time.
  process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'vitalgate-test-compiled');
  if (process.env['DATABASE_URL']) {
    const server = { connectionString: process.env['DATABASE_URL'] };
    process.env['TEST_DATABASE'] = JSON.stringify(server);
    await makeMigrated(server);
    return;
  }
  const dataDir = mkdtempSync(join(tmpdir(), 'vitalgate-test-'));
  const server = await startEmbeddedServer({ dataDir });
  await doNotWaitForDisk(server.connection);
  process.env['TEST_DATABASE'] = JSON.stringify(server.connection);
  await makeMigrated(server.connection);
  Object.assign(globalThis, { testDatabase: { server, dataDir } });
};
