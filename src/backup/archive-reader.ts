import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { entriesOf, openZip, streamOf } from '../zip-file.ts';
import { BackupFault, manifestName, readManifest, type Manifest, type Part } from './manifest.ts';

/** An archive whose every byte was found as it was written. */
export interface ArchiveReader {
  readonly manifest: Manifest;
  /** The compressed rows of a part. */
  readonly read: (part: Part) => Promise<Readable>;
  readonly close: () => void;
}

const MOST_MANIFEST_BYTES = 16 * 1024 * 1024;

const broken = (path: string, what: string) => new BackupFault(`${path} is broken: ${what}. Take another copy of the file.`);

const openedAs = async (path: string): Promise<ZipFile> => {
  try {
    return await openZip(path);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code === 'string') throw new BackupFault(`${path} cannot be read (${code}).`);
    throw broken(path, 'it is no archive, or its end is missing');
  }
};

const manifestIn = async (zip: ZipFile, entry: Entry | undefined, path: string): Promise<Manifest> => {
  if (!entry) throw new BackupFault(`${path} is no backup of Vitalgate: it has no manifest.`);
  if (entry.uncompressedSize > MOST_MANIFEST_BYTES) throw broken(path, 'its manifest is larger than any');
  const bytes = await streamOf(zip, entry).then(buffer).catch(() => undefined);
  if (bytes === undefined || crc32(bytes) !== entry.crc32) throw broken(path, 'its manifest is not as it was written');
  return readManifest(bytes.toString('utf8'), path);
};

const digestOf = async (stream: Readable): Promise<{ readonly sha256: string; readonly sizeBytes: number }> => {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const chunk of stream) {
    hash.update(chunk as Buffer);
    sizeBytes += (chunk as Buffer).length;
  }
  return { sha256: hash.digest('hex'), sizeBytes };
};

const proveParts = async (path: string, manifest: Manifest, read: ArchiveReader['read']): Promise<void> => {
  for (const part of manifest.parts) {
    const found = await read(part).then(digestOf).catch((error: unknown) => {
      throw error instanceof BackupFault ? error : broken(path, `${part.file} cannot be read`);
    });
    if (found.sha256 !== part.sha256 || found.sizeBytes !== part.sizeBytes) throw broken(path, `${part.file} is not as it was written (SHA-256)`);
  }
};

/** Opens an archive and reads all of it once. Throws BackupFault when a part is missing, cut off or changed, or it is of a form that we do not know. */
export const openArchive = async (path: string, holds: Manifest['holds']): Promise<ArchiveReader> => {
  const zip = await openedAs(path);
  try {
    const entries = new Map((await entriesOf(zip).catch(() => { throw broken(path, 'its directory cannot be read'); })).map((entry) => [entry.fileName, entry]));
    const manifest = await manifestIn(zip, entries.get(manifestName), path);
    if (manifest.holds !== holds) throw new BackupFault(`${path} holds the ${manifest.holds} of a backup, not its ${holds}.`);
    const read = (part: Part): Promise<Readable> => {
      const entry = entries.get(part.file);
      if (!entry) throw broken(path, `${part.file} is missing`);
      return streamOf(zip, entry);
    };
    await proveParts(path, manifest, async (part) => read(part));
    return { manifest, read, close: () => zip.close() };
  } catch (error) {
    zip.close();
    throw error;
  }
};
