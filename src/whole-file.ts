import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A file that lies complete under another name: it is put in place, or goes. */
export interface UnplacedFile {
  readonly sizeBytes: number;
  /** Gives it its name, on the disk before it resolves. */
  readonly put: () => Promise<void>;
  readonly discard: () => Promise<void>;
}

const synced = async (folder: string): Promise<void> => {
  const file = await open(folder, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
};

/** Writes a file of mode 0600 under a name of its own, `PATH.PID.tmp`; nothing is left of it when a piece cannot be had or written. */
export const writeAside = async (path: string, pieces: AsyncIterable<Buffer>): Promise<UnplacedFile> => {
  const unfinished = `${path}.${String(process.pid)}.tmp`;
  const discard = () => rm(unfinished, { force: true });
  let sizeBytes = 0;
  try {
    const file = await open(unfinished, 'wx', 0o600);
    try {
      for await (const piece of pieces) {
        await file.writeFile(piece);
        sizeBytes += piece.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await discard();
    throw error;
  }
  const put = async (): Promise<void> => {
    await rename(unfinished, path);
    await synced(dirname(path));
  };
  return { sizeBytes, put, discard };
};

/** Writes a file that is there whole or not at all, for the owner of the process alone. Answers its size in bytes. */
export const writeWhole = async (path: string, pieces: AsyncIterable<Buffer>): Promise<number> => {
  const file = await writeAside(path, pieces);
  await file.put();
  return file.sizeBytes;
};
