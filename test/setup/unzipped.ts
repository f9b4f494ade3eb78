import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { fromBuffer, type Options, type ZipFile } from 'yauzl';
import { entriesOf, streamOf } from '../../src/zip-file.ts';

/** The files of an archive by their names; yauzl checks sizes, and the checksums are checked by inflating. */
export const unzipped = async (archive: Buffer): Promise<Map<string, Buffer>> => {
  const zip = await promisify<Buffer, Options, ZipFile>(fromBuffer)(archive, { lazyEntries: true });
  const files = new Map<string, Buffer>();
  for (const entry of await entriesOf(zip)) files.set(entry.fileName, await buffer(await streamOf(zip, entry)));
  return files;
};
