import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { open, type Entry, type Options, type ZipFile } from 'yauzl';

const openArchive = promisify<string, Options, ZipFile>(open);

/** Opens a zip archive, whose entries are read when they are asked for. Throws what yauzl says of archives that are broken or name paths outside. */
export const openZip = (path: string): Promise<ZipFile> => openArchive(path, { lazyEntries: true, autoClose: false, strictFileNames: true });

/** All entries of an archive that was just opened. */
export const entriesOf = async (zip: ZipFile): Promise<Entry[]> => {
  const entries: Entry[] = [];
  await new Promise<void>((resolve, reject) => {
    zip.on('entry', (entry: Entry) => {
      entries.push(entry);
      zip.readEntry();
    }).once('end', resolve).once('error', reject);
    zip.readEntry();
  });
  return entries;
};

/** The bytes of one entry, inflated. */
export const streamOf = (zip: ZipFile, entry: Entry): Promise<Readable> =>
  new Promise((resolve, reject) => zip.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream))));
