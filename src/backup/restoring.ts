import type { PoolClient } from 'pg';
import { auditSchemas } from '../audit/audit-tables.ts';
import { forgetChainingPlace } from '../audit/chaining.ts';
import { withoutDeadline, type Pool } from '../database/pool.ts';
import { holdMigrations, migrateWithin } from '../database/migrator.ts';
import { inStreamingTransaction } from '../database/transaction.ts';
import { prepareJobs } from '../jobs/runner.ts';
import { ownSchemas } from '../schemas.ts';
import type { ArchiveReader } from './archive-reader.ts';
import { copyIn, neutralSettings } from './copying.ts';
import { addRestoredJobs, createRestoredJobs, jobsPart, restoredJobs } from './jobs-part.ts';
import { BackupFault, type Part } from './manifest.ts';
import type { RestoreSet } from './restore-set.ts';
import { nameOf } from './tables.ts';
import { demandEmpty } from './target.ts';

/** What a restore brought. */
export interface Restored {
  readonly backup: string;
  readonly takenAt: string;
  readonly rows: Readonly<Record<string, number>>;
  /** Migrations that the backup was older than. */
  readonly ran: readonly string[];
}

/** Nothing but the form of the tables as the backup had them: what migrations put into them comes from the backup. */
const prepareSchemas = async (client: PoolClient, archives: readonly ArchiveReader[]): Promise<void> => {
  for (const { name, migrations } of archives.flatMap(({ manifest }) => manifest.schemas)) {
    const own = ownSchemas.find((schema) => schema.name === name);
    await client.query(`drop schema if exists ${name} cascade`);
    await migrateWithin(client, name, own?.migrations ?? [], (migration) => migrations.includes(migration));
  }
};

const restorePart = async (client: PoolClient, archive: ArchiveReader, part: Part): Promise<void> => {
  const isJobs = nameOf(part) === nameOf(jobsPart);
  const target = isJobs ? restoredJobs : nameOf(part);
  if (isJobs) await createRestoredJobs(client);
  else await client.query(`alter table ${target} disable trigger user; delete from ${target}`);
  const rows = await copyIn(client, await archive.read(part), target, part.columns);
  if (rows !== part.rows) throw new BackupFault(`${part.file} brought ${String(rows)} rows and should bring ${String(part.rows)}.`);
  if (isJobs) await addRestoredJobs(client);
  else await client.query(`alter table ${target} enable trigger user`);
};

/** Old values are under generations of data keys that later keys do not have any more; a rotation destroys them at any time until its end. */
const demandUnrotated = async (client: PoolClient, { data, keys }: RestoreSet): Promise<void> => {
  if (!keys || keys.manifest.backup === data.manifest.backup) return;
  const { rowCount } = await client.query('select from device_manager_keys.data_key_rotation where finished_at is null or finished_at > $1 limit 1', [data.manifest.takenAt]);
  if (rowCount !== 0) throw new BackupFault('Data keys were rotated between the backup and that of its keys, or a rotation was under way: give the keys of the same backup.');
};

const migrateForward = async (client: PoolClient, archives: readonly ArchiveReader[]): Promise<string[]> => {
  const names = new Set(archives.flatMap(({ manifest }) => manifest.schemas.map(({ name }) => name)));
  const ran: string[] = [];
  for (const { name, migrations } of ownSchemas) if (names.has(name)) ran.push(...(await migrateWithin(client, name, migrations)));
  return ran;
};

/** The server may be the one of the backup with its transactions set back: what was counted there says nothing of those that come. */
const chainFromTheStart = async (client: PoolClient, archive: ArchiveReader): Promise<void> => {
  for (const schema of auditSchemas) if (archive.manifest.schemas.some(({ name }) => name === schema)) await forgetChainingPlace(client, schema);
};

/**
 * Fills an empty database from a backup, in one transaction: tables as they were, jobs, then the migrations that the backup has not seen,
 * then `complete`, whose failure undoes all. Killed before its end it leaves the database as it was. Throws BackupFault.
 */
export const restore = async <Completed>(pool: Pool, set: RestoreSet, complete: (client: PoolClient, restored: Restored) => Promise<Completed>): Promise<Restored & { readonly completed: Completed }> => {
  await demandEmpty(pool);
  await prepareJobs(pool);
  const archives = [...(set.keys ? [set.keys] : []), set.data];
  return inStreamingTransaction(pool, 'begin', async (client) => {
    await withoutDeadline(client, 'local');
    await client.query(neutralSettings);
    await holdMigrations(client);
    // Somebody may have come while we waited.
    await demandEmpty(client);
    await prepareSchemas(client, archives);
    const rows: Record<string, number> = {};
    for (const archive of archives) {
      for (const part of archive.manifest.parts) {
        await restorePart(client, archive, part);
        rows[nameOf(part)] = part.rows;
      }
    }
    await demandUnrotated(client, set);
    const ran = await migrateForward(client, archives);
    await chainFromTheStart(client, set.data);
    const { backup, takenAt } = set.data.manifest;
    const restored = { backup, takenAt, rows, ran };
    return { ...restored, completed: await complete(client, restored) };
  });
};

/** Tells the planner of the rows that came; PostgreSQL would by itself, but later. */
export const analyze = async (pool: Pool, { rows }: Restored): Promise<void> => {
  const tables = Object.keys(rows).filter((name) => name !== nameOf(jobsPart));
  const client = await pool.connect();
  try {
    await withoutDeadline(client);
    await client.query(`analyze ${tables.join(', ')}`);
  } finally {
    client.release(true); // the setting ends with the connection
  }
};
