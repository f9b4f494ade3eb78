import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withoutDeadLinks } from './links.ts';
import { productionLock, type Lock } from './lock.ts';

const root = join(import.meta.dirname, '..', '..');
/** Where what is packed lies unpacked. */
export const staged = join(root, 'build', 'package');

/** What goes along as it is. */
const alongside = ['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'NOTICE', 'README.md', 'SECURITY.md', 'docs', 'docs/screenshots/charts-light.png', 'generated', 'openapi', 'operations', 'scripts/distribute.sql'];

/**
 * Where the lock file is packed. At the root, under the name that npm itself reads, a registry would have npm put the packages of all
 * platforms beneath this one, a PostgreSQL and a Node of each, and link whichever Node came first.
 */
export const packedLock = join('operations', 'npm-shrinkwrap.json');

/** Of these folders what is made anew, or of no use to who runs the program. */
const notAlong = new Set(['docs/site', 'docs/screenshots', 'openapi/released'].map((path) => join(root, path)));

type Manifest = Readonly<Record<string, unknown>> & { readonly name: string; readonly version: string };

const ofDevelopment = new Set(['private', 'scripts', 'devDependencies', 'files']);

/** The manifest as it is published: the program compiled, because Node runs no TypeScript of installed packages, and nothing of development. */
const published = (manifest: Manifest): { readonly bin: unknown } =>
  ({ ...Object.fromEntries(Object.entries(manifest).filter(([name]) => !ofDevelopment.has(name))), bin: { vitalgate: 'src/cli/vitalgate.js' } });

const readJson = (name: string): unknown => JSON.parse(readFileSync(join(root, name), 'utf8'));
const writeJson = (path: string, value: object): void => writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);

const run = (command: string, args: readonly string[], folder = root): string =>
  execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

const copyAssets = (folder: string): void => {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
    if (!entry.isFile() || entry.name.endsWith('.ts')) continue;
    const path = join(entry.parentPath, entry.name);
    const target = join(staged, path.slice(root.length + 1));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(path, target);
  }
};

/** Units and script start what was compiled. */
const startCompiled = (target: string): void => {
  const folder = join(target, 'operations', 'systemd');
  for (const path of readdirSync(folder).map((name) => join(folder, name))) {
    writeFileSync(path, readFileSync(path, 'utf8').replace(/\b(src\/\S+)\.ts\b/g, '$1.js'));
  }
};

/** Pages name what is not packed, such as tests, without leading there. */
const closeLinks = (target: string): void => {
  const pages = readdirSync(target, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
  for (const page of pages.map((name) => join(target, name))) {
    writeFileSync(page, withoutDeadLinks(readFileSync(page, 'utf8'), (link) => existsSync(join(dirname(page), link))));
  }
};

/** Puts all that is not compiled where it is packed from: pages, contracts, units, the manifest, and the lock file of production. */
export const stageFiles = (target: string): void => {
  for (const name of alongside) cpSync(join(root, name), join(target, name), { recursive: true, filter: (path) => !notAlong.has(path) });
  startCompiled(target);
  const manifest = published(readJson('package.json') as Manifest);
  writeJson(join(target, 'package.json'), manifest);
  writeJson(join(target, packedLock), productionLock(readJson('package-lock.json') as Lock, manifest.bin));
  closeLinks(target);
};

/** Compiles and packs what is published into `build/`; answers the path of the packed file. */
export const pack = (): string => {
  rmSync(staged, { recursive: true, force: true });
  run(process.execPath, ['scripts/client.ts']);
  run(join(root, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.package.json']);
  copyAssets('src');
  cpSync(join(root, 'dist', 'client'), join(staged, 'dist', 'client'), { recursive: true });
  stageFiles(staged);
  const manifest = readJson('package.json') as Manifest;
  run('npm', ['pack', '--silent', '--pack-destination', join(root, 'build')], staged);
  return join(root, 'build', `${manifest.name}-${manifest.version}.tgz`);
};
