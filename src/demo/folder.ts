import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { forgetEmbeddedServer } from '../database/embedded-server.ts';
import { serverAccount } from '../database/server-account.ts';
import { takeServerLock } from '../database/server-lock.ts';
import { knownStatePath } from '../database/state-directory.ts';

/** The file that marks a folder as a demo's; it comes first and goes last, so that whatever lies beside it may be removed. */
const markName = 'this-is-a-demo';

const markText = 'All in this folder belongs to a demo of Vitalgate (npm start -- --demo) and is removed when it stops, or when the next one starts.\n';

/** The folder of a demo, held by this process. */
export interface DemoFolder {
  /** Removes all that the demo kept; to be called once its PostgreSQL has stopped. */
  readonly forget: () => Promise<void>;
}

/** The folder holds something that no demo made. */
export class NotADemoError extends Error {
  constructor(dataDir: string) {
    super(`--demo begins with an empty folder and forgets all that is in it when it stops; ${dataDir} holds something that is not a demo's. Name another one in DATA_DIR, or leave it unset.`);
    this.name = 'NotADemoError';
  }
}

const markIn = (dataDir: string): string => join(dataDir, markName);

/** Tells if a folder is a demo's: one that runs, or one that was killed and left it behind. */
export const isDemoFolder = (dataDir: string): boolean => existsSync(markIn(dataDir));

const holdsSomething = (dataDir: string): boolean => existsSync(dataDir) && (readdirSync(dataDir).length > 0 || knownStatePath(dataDir, serverAccount()) !== undefined);

const clear = async (dataDir: string): Promise<void> => {
  await forgetEmbeddedServer(dataDir);
  for (const name of readdirSync(dataDir)) if (name !== markName) rmSync(join(dataDir, name), { recursive: true, force: true });
};

/**
 * Takes a folder for a demo: an empty one, or the one that a killed demo left, which is emptied. Throws NotADemoError for any other
 * without touching it, and DataInUseError while another demo runs there.
 */
export const openDemoFolder = async (dataDir: string): Promise<DemoFolder> => {
  if (!isDemoFolder(dataDir) && holdsSomething(dataDir)) throw new NotADemoError(dataDir);
  const lock = await takeServerLock(`demo ${resolve(dataDir)}`, dataDir);
  try {
    mkdirSync(dataDir, { recursive: true, mode: serverAccount() ? 0o711 : 0o700 });
    if (isDemoFolder(dataDir)) await clear(dataDir);
    else writeFileSync(markIn(dataDir), markText, { flag: 'wx' });
  } catch (error) {
    await lock.release();
    throw error;
  }
  return {
    forget: async () => {
      await clear(dataDir);
      rmSync(markIn(dataDir), { force: true });
      await lock.release();
    },
  };
};
