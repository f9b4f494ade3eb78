import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { entriesOf, openZip, streamOf } from '../zip-file.ts';
import { ImportFault } from './import-fault.ts';
import { createFileLedger, type LeftOut } from './left-out.ts';

/** An export as it lies on the disk; nothing of it is written anywhere. */
export interface ExportArchive {
  /** The XML of the export, from its beginning. */
  readonly chunks: () => AsyncIterable<Buffer>;
  /** Bytes of `chunks`; an estimate where the file does not say. */
  readonly totalBytes: number;
  /** A file beside the export, by the path the export has for it; undefined where there is none. */
  readonly fileNamed: (path: string) => Promise<Buffer | undefined>;
  /** What was not asked for of these files up to now, and what was and is not there. */
  readonly leftOut: () => LeftOut;
  readonly close: () => void;
}

const LARGEST_RATIO = 200;
const LARGEST_PART_BYTES = 64 * 1024 * 1024;
const RATIO_COUNTS_FROM_BYTES = 10 * 1024 * 1024;

const bomb = () => new ImportFault('The file inflates beyond all measure: it is no export of Apple Health.');

const checked = (entry: Entry): Entry => {
  if ((entry.generalPurposeBitFlag & 1) !== 0) throw new ImportFault('The archive is encrypted: unpack it and import export.xml.');
  if (entry.uncompressedSize > RATIO_COUNTS_FROM_BYTES && entry.uncompressedSize > entry.compressedSize * LARGEST_RATIO) throw bomb();
  return entry;
};

const startOf = async (zip: ZipFile, entry: Entry): Promise<string> => {
  const stream = await streamOf(zip, checked(entry));
  for await (const chunk of stream) {
    stream.destroy();
    return (chunk as Buffer).toString('utf8');
  }
  return '';
};

/** The file's name is in the language of the phone; what it is shows in its root. */
const exportIn = async (zip: ZipFile, entries: readonly Entry[]): Promise<Entry> => {
  const near = entries.filter(({ fileName }) => /^([^/]+\/)?[^/]+\.xml$/i.test(fileName) && !/_cda\.xml$/i.test(fileName) && !fileName.startsWith('__MACOSX'));
  const found: Entry[] = [];
  for (const entry of near) if ((await startOf(zip, entry)).includes('<HealthData')) found.push(entry);
  const [first] = found;
  if (!first) throw new ImportFault('The archive has no export of Apple Health: make one in the Health app with Export All Health Data.');
  if (found.length > 1) throw new ImportFault(`The archive has ${String(found.length)} exports: unpack it and import the one that is meant.`);
  return first;
};

/** A fault of yauzl in our words: broken archives, and names that lead out of them. */
const zipFault = (error: unknown): ImportFault => {
  if (error instanceof ImportFault) return error;
  const message = error instanceof Error ? error.message : '';
  return new ImportFault(/relative path|absolute path|invalid characters/.test(message) ? 'The archive has names that lead out of it: it is no export of Apple Health.' : 'The archive is broken: copy it from the phone again.');
};

async function* orZipFault(stream: Promise<Readable>): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of await stream) yield chunk as Buffer;
  } catch (error) {
    throw zipFault(error);
  }
}

const openZipExport = async (path: string): Promise<ExportArchive> => {
  let zip: ZipFile | undefined;
  try {
    const opened = await openZip(path);
    zip = opened;
    const entries = await entriesOf(opened);
    const main = await exportIn(opened, entries);
    const folder = dirname(main.fileName) === '.' ? '' : `${dirname(main.fileName)}/`;
    const byName = new Map(entries.map((entry) => [entry.fileName, entry]));
    const ledger = createFileLedger(entries.filter((entry) => entry !== main).map(({ fileName }) => (fileName.startsWith(folder) ? fileName.slice(folder.length) : fileName)));
    return {
      totalBytes: main.uncompressedSize,
      chunks: () => orZipFault(streamOf(opened, checked(main))),
      fileNamed: async (name) => {
        const path = name.replace(/^\//, '');
        const entry = byName.get(folder + path);
        ledger.asked(path, entry !== undefined);
        if (!entry) return undefined;
        if (entry.uncompressedSize > LARGEST_PART_BYTES) throw bomb();
        return buffer(orZipFault(streamOf(opened, checked(entry))));
      },
      leftOut: ledger.leftOut,
      close: () => opened.close(),
    };
  } catch (error) {
    zip?.close();
    throw zipFault(error);
  }
};

async function* inflated(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path);
  const gunzip = file.pipe(createGunzip());
  let bytes = 0;
  try {
    for await (const chunk of gunzip) {
      bytes += (chunk as Buffer).length;
      if (bytes > RATIO_COUNTS_FROM_BYTES && bytes > file.bytesRead * LARGEST_RATIO) throw bomb();
      yield chunk as Buffer;
    }
  } catch (error) {
    throw error instanceof ImportFault ? error : new ImportFault('The compressed file is broken: copy it again.');
  } finally {
    file.destroy();
  }
}

const firstBytesOf = async (path: string): Promise<Buffer> => {
  const file = await open(path, 'r');
  try {
    const { buffer: bytes, bytesRead } = await file.read({ buffer: Buffer.alloc(4) });
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
};

/**
 * Opens `export.zip`, `export.xml` or `export.xml.gz`, whatever they are called; what they are shows in their first bytes.
 * @throws ImportFault for archives that are broken, encrypted, hostile, or hold none or several exports
 */
export const openExport = async (path: string): Promise<ExportArchive> => {
  const file = await stat(path).catch(() => undefined);
  if (!file?.isFile()) throw new ImportFault(`There is no file ${basename(path)}.`);
  const start = await firstBytesOf(path);
  if (start.subarray(0, 2).toString('latin1') === 'PK') return openZipExport(path);
  const isCompressed = start[0] === 0x1f && start[1] === 0x8b;
  const ledger = createFileLedger([]);
  return {
    totalBytes: file.size * (isCompressed ? 25 : 1), chunks: () => (isCompressed ? inflated(path) : createReadStream(path)),
    fileNamed: (name) => {
      ledger.asked(name.replace(/^\//, ''), false);
      return Promise.resolve(undefined);
    },
    leftOut: ledger.leftOut, close: () => undefined,
  };
};
