import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addJob } from '../../src/jobs/runner.ts';
import { commandLineHere, printed } from '../cli/command-line.ts';
import { createTestDatabase, type TestDatabase } from '../setup/test-database.ts';

describe('a backup by a role that may read all tables and does not own them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-roles-'));
  const [role, password] = [`backup_${randomBytes(6).toString('hex')}`, randomBytes(18).toString('hex')];
  let database: TestDatabase;
  const backup = (url: string) => commandLineHere({ DATABASE_URL: url, DATA_DIR: folder }).run(['--json', 'backup', folder]);

  beforeAll(async () => {
    database = await createTestDatabase('migrated');
    await database.pool.query(`create role ${role} login password '${password}'; grant pg_read_all_data to ${role}`);
    await addJob(database.pool, { task: 'normalize', payload: { patientId: 'a', payloadId: 'b' } });
  });
  afterAll(async () => {
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });
  // Roles are of the whole server.
  afterAll(async () => {
    const { pool, drop } = await createTestDatabase();
    await pool.query(`drop role ${role}`);
    await drop();
  });

  test('is refused, as row security hides the jobs from it, and leaves no file', async () => {
    const { code, told } = await backup(database.url.replace(/\/\/[^@]*@/, `//${role}:${password}@`));
    expect([code, told, readdirSync(folder)]).toEqual([1, expect.stringMatching(/as the role that owns them/), []]);
  });

  test('has the job when the owner makes it: the control', async () => {
    expect(await printed(backup(database.url))).toMatchObject({ rows: { 'graphile_worker.job': 1 } });
  });
});
