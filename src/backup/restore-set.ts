import { existsSync } from 'node:fs';
import { ownSchemas } from '../schemas.ts';
import { openArchive, type ArchiveReader } from './archive-reader.ts';
import type { BackupPaths } from './backing-up.ts';
import { BackupFault, type Manifest } from './manifest.ts';

/** The files of a backup that go together, read through once. */
export interface RestoreSet {
  readonly data: ArchiveReader;
  /** Absent where the installation had no keys yet. */
  readonly keys: ArchiveReader | undefined;
  readonly close: () => void;
}

const demandKnownMigrations = ({ schemas, program }: Manifest, path: string): void => {
  for (const { name, migrations } of schemas) {
    const own = ownSchemas.find((schema) => schema.name === name);
    const unknown = migrations.filter((migration) => !own?.migrations.some((known) => known.name === migration));
    if (!own || unknown.length > 0) throw new BackupFault(`${path} is newer than this program (${name}: ${unknown.join(', ')}): restore it with Vitalgate ${program} or newer.`);
  }
};

/** Keys of a later backup do as well: they lack those of patients who were erased since, and have all others. */
const demandPair = (data: Manifest, keys: Manifest, path: string): void => {
  if (data.installation !== keys.installation) throw new BackupFault(`${path} holds the keys of another installation.`);
  if (data.backup !== keys.backup && keys.takenAt < data.takenAt) {
    throw new BackupFault(`${path} is older than the backup: patients who came between have no keys in it. Give the keys of the same backup, or of a later one.`);
  }
};

/** Opens the files of a backup and proves that this program can restore them. Throws BackupFault. */
export const openRestoreSet = async (paths: BackupPaths): Promise<RestoreSet> => {
  const data = await openArchive(paths.data, 'data');
  let keys: ArchiveReader | undefined;
  const close = (): void => {
    data.close();
    keys?.close();
  };
  try {
    demandKnownMigrations(data.manifest, paths.data);
    if (data.manifest.hasKeys) {
      if (!existsSync(paths.keys)) throw new BackupFault(`The keys of this backup are missing (${paths.keys}): without them no health data in it can be read. Name their file with --keys.`);
      keys = await openArchive(paths.keys, 'keys');
      demandKnownMigrations(keys.manifest, paths.keys);
      demandPair(data.manifest, keys.manifest, paths.keys);
    }
    return { data, keys, close };
  } catch (error) {
    close();
    throw error;
  }
};
