import { z } from 'zod';

/** The form of the archives that this program writes, and the newest that it reads. */
export const FORMAT_VERSION = 1;

/** What makes an archive of no use, or a database no place to restore it to; the message is for the operator. */
export class BackupFault extends Error {}

/** Names go into SQL. */
const name = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const partSchema = z.object({
  /** Path in the archive. */
  file: z.string(),
  schema: name,
  table: name,
  columns: z.array(name).min(1),
  rows: z.int().min(0),
  /** Of the file as it lies in the archive, compressed. */
  sizeBytes: z.int().min(0),
  sha256,
});

/** The rows of one table at the instant of the backup. */
export type Part = Readonly<z.infer<typeof partSchema>>;

const manifestSchema = z.object({
  format: z.literal('vitalgate-backup'),
  formatVersion: z.int(),
  /** Which of the two files of a backup it is. */
  holds: z.enum(['data', 'keys']),
  /** The same in both files of one backup. */
  backup: z.uuid(),
  takenAt: z.iso.datetime({ precision: 3 }),
  program: z.string(),
  postgresql: z.string(),
  schemas: z.array(z.object({ name, migrations: z.array(z.string()) })),
  /** Whether there is a file of keys beside this one. */
  hasKeys: z.boolean(),
  /** Tells installations apart without saying anything of them; null while one has no keys. */
  installation: sha256.nullable(),
  parts: z.array(partSchema),
});

/** What an archive tells of itself. */
export type Manifest = Readonly<z.infer<typeof manifestSchema>>;

export const manifestName = 'manifest.json';

const versionSchema = z.object({ format: z.literal('vitalgate-backup'), formatVersion: z.int(), program: z.string() });

/** Reads a manifest. Throws BackupFault when it is none, or of a form that this program does not know. */
export const readManifest = (text: string, path: string): Manifest => {
  let told: unknown;
  try {
    told = JSON.parse(text);
  } catch {
    told = undefined; // is no manifest
  }
  const version = versionSchema.safeParse(told);
  if (!version.success) throw new BackupFault(`${path} is no backup of Vitalgate.`);
  const { formatVersion, program } = version.data;
  if (formatVersion > FORMAT_VERSION) {
    throw new BackupFault(`${path} is of a newer form (${String(formatVersion)}) than this program reads (${String(FORMAT_VERSION)}): restore it with Vitalgate ${program} or newer.`);
  }
  const manifest = manifestSchema.safeParse(told);
  if (!manifest.success) throw new BackupFault(`${path} is broken: its manifest is not complete. Take another copy of the file.`);
  return manifest.data;
};
