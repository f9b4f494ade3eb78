import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import packageFile from '../../package.json' with { type: 'json' };
import { backUp, type Backup, type BackupPaths } from '../backup/backing-up.ts';
import { BackupFault } from '../backup/manifest.ts';
import { RefusedError, type CommandContext } from './command-context.ts';
import { withDatabase } from './database-access.ts';
import { withManual } from './manual.ts';

/** The file of keys beside a file of data. */
export const keysBeside = (data: string): string => `${data.replace(/\.zip$/, '')}.keys.zip`;

const isFolder = async (path: string): Promise<boolean> => stat(path).then((found) => found.isDirectory(), () => false);
const exists = async (path: string): Promise<boolean> => stat(path).then(() => true, () => false);

/** `20240701T093000Z`, so that names sort by time. */
const nameNow = (): string => `vitalgate-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}.zip`;

const pathsOf = async (target: string, keys: string | undefined): Promise<BackupPaths> => {
  const data = (await isFolder(target)) ? join(target, nameNow()) : target;
  const name = keysBeside(data);
  const paths = { data, keys: keys === undefined ? name : (await isFolder(keys)) ? join(keys, name.slice(name.lastIndexOf('/') + 1)) : keys };
  if (paths.data === paths.keys) throw new RefusedError('Keys and data go into two files: they are to be kept apart.', 'wrong-use');
  for (const path of Object.values(paths)) if (await exists(path)) throw new RefusedError(`${path} is there already: a backup replaces nothing.`);
  return paths;
};

/** Faults in words for the operator; a fault of the disk names its code. */
const refused = (error: unknown): unknown => {
  if (error instanceof BackupFault) return new RefusedError(error.message);
  const { code } = error as { code?: unknown };
  if (code === '42501') return new RefusedError('A backup reads all tables of Vitalgate: run it as the role that owns them.');
  return typeof code === 'string' && /^(ENOSPC|ENOENT|EACCES|EROFS|EDQUOT|EIO|ENOTDIR)$/.test(code) ? new RefusedError(`The backup cannot be written (${code}): nothing of it was kept.`) : error;
};

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;

const wordsOf = ({ data, keys, rows, takenAt }: Backup): string => [
  `${data.path}: ${megabytes(data.sizeBytes)}, ${String(Object.values(rows).reduce((sum, count) => sum + count, 0))} rows as of ${takenAt}`,
  ...(keys ? [`${keys.path}: ${megabytes(keys.sizeBytes)}, the wrapped keys: move it to another place than the data, and keep it for no longer than BACKUP_RETENTION_DAYS`] : []),
  `To restore it takes ${keys ? 'both files, ' : ''}the master key, which is in neither, and the erasure journal (DATA_DIR/erasure-journal.ndjson, or \`vitalgate patients erasures\`).`,
].join('\n');

const backup = async (context: CommandContext, target: string, { keys }: { readonly keys?: string }): Promise<void> => {
  const config = context.config();
  const paths = await pathsOf(target, keys);
  const made = await withDatabase({ config, say: context.say, owners: [] }, (pool) => backUp(pool, paths, packageFile.version)).catch((error: unknown) => {
    throw refused(error);
  });
  context.result(made, wordsOf(made));
};

/** Adds `vitalgate backup`. */
export const addBackupCommand = (program: Command, context: CommandContext): void => {
  const command = program.command('backup').description('Writes all tables as of one instant into an archive, and the wrapped keys into another one. The program may run.')
    .argument('<target>', 'a folder, in which the archive gets a name with the time, or the archive itself')
    .option('--keys <target>', 'folder or file for the wrapped keys; else beside the archive, with the ending .keys.zip');
  withManual(command.action((target: string, options: { readonly keys?: string }) => backup(context, target, options)), {
    notes: [
      'What is sealed stays sealed; the master key is not in it. Sessions, refresh tokens and links to set a password are left out.',
      'With DATABASE_URL, run it as the role that owns the tables. docs/backup.md tells what to keep where, and how to restore.',
    ],
    examples: ['npx vitalgate backup /backups', 'npx vitalgate backup /backups --keys /backups-of-keys', 'npx vitalgate --json backup /backups/before-upgrade.zip'],
  });
};
