import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
/** Where what is packed lies unpacked. */
export const staged = join(root, 'build', 'package');

/** What goes along as it is. */
const alongside = ['CHANGELOG.md', 'LICENSE', 'NOTICE', 'README.md', 'SECURITY.md', 'docs', 'generated', 'openapi', 'operations', 'scripts/distribute.sql', 'dist/client'];

/** Of these folders what is made anew, or of no use to who runs the program. */
const notAlong = new Set(['docs/site', 'docs/screenshots', 'openapi/released'].map((path) => join(root, path)));

type Manifest = Readonly<Record<string, unknown>> & { readonly name: string; readonly version: string };

const ofDevelopment = new Set(['private', 'scripts', 'devDependencies', 'files']);

/** The manifest as it is published: the program compiled, because Node runs no TypeScript of installed packages, and nothing of development. */
const published = (manifest: Manifest): object =>
  ({ ...Object.fromEntries(Object.entries(manifest).filter(([name]) => !ofDevelopment.has(name))), bin: { vitalgate: 'src/cli/vitalgate.js' } });

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
const startCompiled = (): void => {
  const folder = join(staged, 'operations', 'systemd');
  for (const path of readdirSync(folder).map((name) => join(folder, name))) {
    writeFileSync(path, readFileSync(path, 'utf8').replace(/\b(src\/\S+)\.ts\b/g, '$1.js'));
  }
};

/** Compiles and packs what is published into `build/`; answers the path of the packed file. */
export const pack = (): string => {
  rmSync(staged, { recursive: true, force: true });
  run(process.execPath, ['scripts/client.ts']);
  run(join(root, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.package.json']);
  copyAssets('src');
  for (const name of alongside) cpSync(join(root, name), join(staged, name), { recursive: true, filter: (path) => !notAlong.has(path) });
  startCompiled();
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  writeFileSync(join(staged, 'package.json'), `${JSON.stringify(published(manifest), undefined, 2)}\n`);
  run('npm', ['pack', '--silent', '--pack-destination', join(root, 'build')], staged);
  return join(root, 'build', `${manifest.name}-${manifest.version}.tgz`);
};
