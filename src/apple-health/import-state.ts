import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** How far an import is, across runs: the number of items that are settled, and nothing of what they say. */
export interface ImportState {
  readonly settled: () => number;
  readonly save: (settled: number) => void;
  readonly clear: () => void;
}

const START_BYTES = 64 * 1024;
/** What the items of a file are: where that changes, the position of an earlier one is another, and an import begins anew. */
const COUNTING = 2;

/** Tells a file and what is imported of it from others: by its size and its beginning. */
const fingerprint = async (path: string, whose: readonly string[]): Promise<string> => {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(START_BYTES) });
    return createHash('sha256').update(buffer.subarray(0, bytesRead)).update(JSON.stringify([COUNTING, (await stat(path)).size, ...whose])).digest('hex').slice(0, 32);
  } finally {
    await file.close();
  }
};

/** Opens the state of an import in a folder, which is made; `whose` tells imports of one file apart. */
export const openImportState = async (folder: string, path: string, whose: readonly string[]): Promise<ImportState> => {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${await fingerprint(path, whose)}.json`);
  return {
    settled: () => {
      try {
        const { settled } = JSON.parse(readFileSync(file, 'utf8')) as { settled?: unknown };
        return typeof settled === 'number' && Number.isSafeInteger(settled) && settled > 0 ? settled : 0;
      } catch (error) {
        if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return 0; // begins anew; nothing is doubled
        throw error;
      }
    },
    save: (settled) => {
      writeFileSync(`${file}.new`, JSON.stringify({ settled }), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
    clear: () => rmSync(file, { force: true }),
  };
};
