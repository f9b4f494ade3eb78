/**
 * Makes a release: `npm run release -- 0.2.0`. Checks everything, sets the version, also where pages name files of the release, gives the
 * changelog its section, keeps the contracts as the released ones, packs program and client, and installs what was packed in an empty folder to run the quick start there. Nothing is
 * published: what is left to do is told at the end. `--without-check` skips `npm run check` where it has just been run.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pack } from './release/package.ts';
import { isReleasable, released, withVersion } from './release/versions.ts';
import { verifyPacked } from './release/verify.ts';

const root = join(import.meta.dirname, '..');
const { values, positionals: [version = ''] } = parseArgs({ options: { 'without-check': { type: 'boolean', default: false } }, allowPositionals: true });
const run = (command: string, ...args: string[]): void => void execFileSync(command, args, { cwd: root, stdio: 'inherit' });
const edit = (file: string, change: (text: string) => string): void => writeFileSync(join(root, file), change(readFileSync(join(root, file), 'utf8')));

const { version: before } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
if (!isReleasable(version, before, readFileSync(join(root, 'CHANGELOG.md'), 'utf8'))) throw new Error(`Name a version after ${before}, or that one if it was never released, as 1.2.3: npm run release -- 1.2.3`);
if (execFileSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' }) !== '') throw new Error('Commit what you changed first: a release is of what is committed.');

if (!values['without-check']) run('npm', 'run', '--silent', 'check');
run('npm', 'version', version, '--no-git-tag-version', '--allow-same-version', '--silent');
for (const page of ['README.md', 'docs/operations.md']) edit(page, (text) => withVersion(text, before, version));
edit('CHANGELOG.md', (text) => released(text, version, new Date().toISOString().slice(0, 10)));
run(process.execPath, 'scripts/contract.ts', '--release');
const file = pack();
await verifyPacked(file, version);
console.log(`${file} is packed and does what the README says. Left to do:
  git commit --all --message "Release ${version}" && git tag v${version}
  npm publish ${file}`);
