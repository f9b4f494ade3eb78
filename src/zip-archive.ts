import { createHash } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ZipFile } from 'yazl';

/** One file of an archive; its pieces are read when its turn comes. */
export interface ArchiveFile {
  readonly name: string;
  readonly mediaType: string;
  readonly pieces: AsyncIterable<string | Buffer> | Iterable<string | Buffer>;
  /** When what is in it came; now when left out. */
  readonly at?: Date;
  /** Kept as it is: compressed already, or so small that compressing it costs more than it saves. */
  readonly isStored?: boolean;
  /** Lines of a file that has one record a line are counted. */
  readonly isLines?: boolean;
}

/** What became of a file. */
export interface WrittenFile {
  readonly name: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly records?: number;
}

async function* counted({ pieces, isLines = false }: ArchiveFile, tell: (written: Omit<WrittenFile, 'name' | 'mediaType'>) => void): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let [sizeBytes, records] = [0, 0];
  for await (const piece of pieces) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    if (bytes.length === 0) continue;
    hash.update(bytes);
    sizeBytes += bytes.length;
    if (isLines) for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) records += 1;
    yield bytes;
  }
  tell({ sizeBytes, sha256: hash.digest('hex'), ...(isLines && { records }) });
}

const streamOf = (file: ArchiveFile, written: (file: WrittenFile) => void): Readable =>
  Readable.from(counted(file, (rest) => written({ name: file.name, mediaType: file.mediaType, ...rest })), { objectMode: false });

/**
 * Keeps what yazl remembers of finished files away from it until the directory at the end is written: it looks through all of it for each
 * piece, which for a hundred thousand files takes minutes. A file whose bytes were all read was begun after the one before was written.
 * Names are copied out of the pool of small buffers, of which each would hold eight kilobytes.
 */
const entriesAside = (zip: ZipFile): { readonly put: () => void; readonly takeBack: () => void } => {
  const internal = zip as unknown as { entries: { utf8FileName: Buffer }[] };
  const done: { utf8FileName: Buffer }[] = [];
  return {
    put: () => {
      for (const entry of internal.entries.splice(0, internal.entries.length - 1)) {
        const name = Buffer.alloc(entry.utf8FileName.length);
        entry.utf8FileName.copy(name);
        entry.utf8FileName = name;
        done.push(entry);
      }
    },
    takeBack: () => {
      internal.entries = done.concat(internal.entries);
    },
  };
};

/**
 * A zip archive of files, made piece by piece as it is read: memory does not grow with what is in the files. `written` is told each
 * file when it is complete; `files` may use that for what it hands out next, such as a manifest.
 */
export async function* archiveOf(files: AsyncIterable<ArchiveFile> | Iterable<ArchiveFile>, written: (file: WrittenFile) => void): AsyncGenerator<Buffer> {
  const zip = new ZipFile();
  const output = zip.outputStream.pipe(new PassThrough());
  zip.on('error', (error: Error) => output.destroy(error));
  const aside = entriesAside(zip);
  let current: Readable | undefined;
  // One function for all files: the archive remembers it for each, and must not remember their streams.
  const giveCurrent = (done: (error: unknown, stream: NodeJS.ReadableStream) => void) => done(null, current ?? Readable.from([]));
  // Of all files one is open at a time: the next is asked for when the archive has taken the last byte of the one before.
  const adding = (async () => {
    for await (const file of files) {
      if (output.destroyed) return;
      current = streamOf(file, written);
      zip.addReadStreamLazy(file.name, { mtime: file.at ?? new Date(), mode: 0o100600, compress: file.isStored !== true }, giveCurrent);
      await finished(current);
      aside.put();
    }
    aside.takeBack();
    zip.end();
  })().catch((error: unknown) => void output.destroy(error instanceof Error ? error : new Error('A file could not be read.')));
  try {
    for await (const chunk of output) yield chunk as Buffer;
  } finally {
    output.destroy();
    current?.destroy();
    await adding;
  }
}
