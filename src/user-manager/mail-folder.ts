import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Mails that were written to files in place of a server, and what a killed process left of one. */
const mailsIn = async (folder: string): Promise<string[]> => {
  try {
    return (await readdir(folder)).filter((name) => /\.(?:eml|tmp)$/.test(name)).map((name) => join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
};

const HEAD_BYTES = 8_192;

const headOf = async (path: string): Promise<string> => {
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead).split(/\r?\n\r?\n/, 1)[0] ?? '';
  } finally {
    await file.close();
  }
};

/** Long lines of a header go on behind a space (RFC 5322, 2.2.3). */
const isTo = (head: string, address: string): boolean => {
  const to = /^to:((?:.*)(?:\r?\n[ \t].*)*)/im.exec(head)?.[1] ?? '';
  return to.toLowerCase().split(/[\s<>,;"]+/).includes(address.toLowerCase());
};

/** Removes the mails to an address and answers how many; one that is gone meanwhile does not count. */
export const eraseMailsTo = async (folder: string, address: string): Promise<number> => {
  let erased = 0;
  for (const path of await mailsIn(folder)) {
    if (!isTo(await headOf(path), address)) continue;
    await rm(path, { force: true });
    erased += 1;
  }
  return erased;
};

/** Removes the mails that were written before an instant, and answers how many. */
export const removeMailsBefore = async (folder: string, before: Date): Promise<number> => {
  let removed = 0;
  for (const path of await mailsIn(folder)) {
    if ((await stat(path)).mtime >= before) continue;
    await rm(path, { force: true });
    removed += 1;
  }
  return removed;
};
