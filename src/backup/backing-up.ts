import { randomUUID } from 'node:crypto';
import type { PoolClient } from 'pg';
import { withoutDeadline, type Pool, type Queryable } from '../database/pool.ts';
import { beginSnapshot, inStreamingTransaction } from '../database/transaction.ts';
import { keySchema } from '../keys/migrations.ts';
import { ownSchemas } from '../schemas.ts';
import { writeAside, type UnplacedFile } from '../whole-file.ts';
import { archiveOf, type ArchiveFile, type WrittenFile } from '../zip-archive.ts';
import { allRowsOrNone, copiedOut, neutralSettings } from './copying.ts';
import { hasJobs, jobsPart, jobsQuery } from './jobs-part.ts';
import { BackupFault, FORMAT_VERSION, manifestName, type Manifest, type Part } from './manifest.ts';
import { keptTables, nameOf, type Table } from './tables.ts';

/** Where the two files of a backup are to lie. */
export interface BackupPaths {
  readonly data: string;
  readonly keys: string;
}

/** A backup that was made. */
export interface Backup {
  readonly backup: string;
  readonly takenAt: string;
  readonly data: { readonly path: string; readonly sizeBytes: number };
  /** Absent while the installation has no keys. */
  readonly keys?: { readonly path: string; readonly sizeBytes: number };
  readonly rows: Readonly<Record<string, number>>;
}

type Facts = Omit<Manifest, 'holds' | 'parts' | 'schemas'>;

const factsOf = async (db: Queryable, program: string, hasKeys: boolean): Promise<Facts> => {
  const { rows: [now] } = await db.query<{ at: Date; version: string }>(`select transaction_timestamp() as at, current_setting('server_version') as version`);
  const { rows: [known] } = hasKeys
    ? await db.query<{ mark: string }>(`select encode(sha256(convert_to(created_at::text, 'UTF8')), 'hex') as mark from ${keySchema}.scope_key where scope = 'installation'`)
    : { rows: [] };
  return {
    format: 'vitalgate-backup', formatVersion: FORMAT_VERSION, backup: randomUUID(), takenAt: (now?.at ?? new Date()).toISOString(), program, postgresql: now?.version ?? '',
    hasKeys, installation: known?.mark ?? null,
  };
};

const migrationsOf = async (db: Queryable, tables: readonly Table[]): Promise<Manifest['schemas']> => {
  const schemas: Manifest['schemas'] = [];
  for (const { name } of ownSchemas.filter((own) => tables.some(({ schema }) => schema === own.name))) {
    const { rows } = await db.query<{ name: string }>(`select name from ${name}.migration order by applied_at, name`);
    schemas.push({ name, migrations: rows.map((row) => row.name) });
  }
  return schemas;
};

/** One file of a backup: a zip archive of the tables, each compressed as it comes from the database, and at its end what is in it. */
const archiveWith = (client: PoolClient, facts: Facts, holds: Manifest['holds'], schemas: Manifest['schemas'], tables: readonly Table[], tell: (part: Part) => void): AsyncGenerator<Buffer> => {
  const parts: Part[] = [];
  let current: Omit<Part, 'sizeBytes' | 'sha256'> | undefined;
  const written = ({ sizeBytes, sha256 }: WrittenFile): void => {
    if (!current) return;
    const part = { ...current, sizeBytes, sha256 };
    parts.push(part);
    tell(part);
    current = undefined;
  };
  function* files(): Generator<ArchiveFile> {
    for (const table of tables) {
      const file = `tables/${nameOf(table)}.copy.zst`;
      let rows = 0;
      async function* pieces(): AsyncGenerator<Buffer> {
        const tellRows = (count: number) => (rows = count);
        yield* copiedOut(client, { table, tell: tellRows, ...(table === jobsPart && { query: jobsQuery }) });
        current = { file, schema: table.schema, table: table.table, columns: [...table.columns], rows };
      }
      yield { name: file, mediaType: 'application/zstd', isStored: true, pieces: pieces() };
    }
    const manifest: Manifest = { ...facts, holds, schemas, parts };
    yield { name: manifestName, mediaType: 'application/json', pieces: [`${JSON.stringify(manifest, null, 2)}\n`] };
  }
  return archiveOf(files(), written);
};

/** Nobody may change a table while it is read: rows are those of one instant, but columns would not be. */
const heldTables = async (client: PoolClient, pool: Pool): Promise<Table[]> => {
  const before = await keptTables(pool);
  if (before.length === 0) throw new BackupFault('There is nothing to back up: the database has no tables of Vitalgate.');
  await client.query(`lock table ${before.map(nameOf).join(', ')} in access share mode`);
  return keptTables(client);
};

const putInPlace = async (files: readonly UnplacedFile[]): Promise<void> => {
  for (const file of files) await file.put();
};

/**
 * Writes all that the tables of ours held at one instant into two files of mode 0600, while the program runs: keys into one, the rest into
 * the other. Both are put in place when both are whole, the keys first. Nothing is opened: what is sealed stays so. Memory does not grow with
 * the tables. Throws BackupFault.
 */
export const backUp = (pool: Pool, paths: BackupPaths, program: string): Promise<Backup> =>
  inStreamingTransaction(pool, beginSnapshot, async (client): Promise<Backup> => {
    await withoutDeadline(client, 'local');
    await client.query(neutralSettings);
    await client.query(allRowsOrNone);
    const tables = await heldTables(client, pool);
    const isKey = ({ schema }: Pick<Table, 'schema'>): boolean => schema === keySchema;
    const facts = await factsOf(client, program, tables.some(isKey));
    const schemas = await migrationsOf(client, tables);
    const rows: Record<string, number> = {};
    const tell = (part: Part) => void (rows[nameOf(part)] = part.rows);
    const write = (holds: Manifest['holds'], some: readonly Table[]): Promise<UnplacedFile> =>
      writeAside(paths[holds], archiveWith(client, facts, holds, schemas.filter(({ name }) => (name === keySchema) === (holds === 'keys')), some, tell));
    const keys = facts.hasKeys ? await write('keys', tables.filter(isKey)) : undefined;
    const others = [...tables.filter((table) => !isKey(table)), ...((await hasJobs(client)) ? [jobsPart] : [])];
    const data = await write('data', others).catch(async (error: unknown) => {
      await keys?.discard();
      throw error;
    });
    await putInPlace([...(keys ? [keys] : []), data]);
    return {
      backup: facts.backup, takenAt: facts.takenAt, data: { path: paths.data, sizeBytes: data.sizeBytes }, ...(keys && { keys: { path: paths.keys, sizeBytes: keys.sizeBytes } }), rows,
    };
  });
