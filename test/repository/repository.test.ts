import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { nodeOptions } from '../../scripts/demo/program.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

type Dependencies = Record<string, string>;
interface Manifest {
  dependencies: Dependencies;
  optionalDependencies: Dependencies;
  devDependencies: Dependencies;
}
const manifest = JSON.parse(read('package.json')) as Manifest & { name: string; version: string; scripts: { start: string; dev: string } };
const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Manifest | undefined> };
/** Walks the tree instead of asking git, which a bare machine or an unpacked archive does not have. */
const ignored = new Set(['.git', ...read('.gitignore').split('\n').map((line) => line.replaceAll('/', ''))]);
function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (ignored.has(entry.name)) return [];
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesIn(path) : [path];
  });
}
const files = filesIn('');

describe('the repository', () => {
  test.each(['dependencies', 'optionalDependencies', 'devDependencies'] as const)(
    "the lock file's root entry has the same %s as package.json",
    (kind) => {
      expect(lock.packages['']?.[kind]).toEqual(manifest[kind]);
    },
  );

  test('the program runs with the same options of Node however it is started', () => {
    const options = nodeOptions.join(' ');
    expect(manifest.scripts.start).toBe(`exec node ${options} src/main.ts`);
    expect(manifest.scripts.dev).toContain(` ${options} `);
    expect(read('src/cli/vitalgate.ts').split('\n')[0]).toBe(`#!/usr/bin/env -S node ${options}`);
  });

  test('every dependency is pinned to one exact version', () => {
    const versions = Object.values({ ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.devDependencies });
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+(-[a-z0-9.]+)?$/.test(version))).toEqual([]);
  });

  test('docs/dependencies.md says why for each dependency, and for no other', () => {
    const listed = [...read('docs/dependencies.md').matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]);
    const declared = [manifest.dependencies, manifest.optionalDependencies, manifest.devDependencies].flatMap((d) => Object.keys(d));
    expect(listed.toSorted()).toEqual(declared.toSorted());
  });

  test('the lock file names no download address', () => {
    expect(read('package-lock.json')).not.toMatch(/"resolved": "http/);
  });

  test('no file names a path or a host of the machine it was written on', () => {
    const traces = new RegExp([['/wo', 'rk/'], ['/ho', 'me/\\w'], ['/tm', 'p/plan'], ['/Us', 'ers/\\w'], ['\\.\\./sha', 'red/']].map((parts) => parts.join('')).join('|'));
    const text = files.filter((path) => !/\.(?:gz|png|pdf|log)$/.test(path));
    expect(text.filter((path) => traces.test(read(path)))).toEqual([]);
  });

  test('.npmrc keeps download addresses out of the lock file', () => {
    expect(read('.npmrc')).toContain('omit-lockfile-registry-resolved=true');
  });

  test('decisions are numbered without gaps', () => {
    const numbers = readdirSync(join(root, 'docs', 'decisions')).map((name) => Number(name.slice(0, 4))).toSorted((a, b) => a - b);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  test('the README stays under 200 lines', () => {
    expect(read('README.md').split('\n').length).toBeLessThan(200);
  });

  test('no source file outgrows its reader: 300 lines at most', () => {
    const long = files
      .filter((path) => /^(src|scripts|bench)\/.*\.ts$/.test(path))
      .filter((path) => read(path).split('\n').length > 300);
    expect(long).toEqual([]);
  });
});

describe('the page on faults', () => {
  const page = read('docs/faults.md');
  test('has each of the 27 once, held by a test or told why not', () => {
    const numbers = [...page.matchAll(/^(?:\| |- \*\*)(R\d+)/gm)].map((match) => match[1] ?? '');
    expect(numbers.toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1)))).toEqual(Array.from({ length: 27 }, (_, index) => `R${String(index + 1)}`));
  });

  test('links tests that are there', () => {
    const links = [...page.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map((match) => match[1] ?? '');
    expect(links.length).toBeGreaterThan(27);
    expect(links.filter((link) => !files.includes(link))).toEqual([]);
  });
});

describe('the suites', () => {
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const filesOf = (suite: string | undefined): string[] => {
    const env = Object.fromEntries(Object.entries({ ...process.env, SUITE: suite }).filter(([, value]) => value !== undefined));
    const { stdout } = spawnSync(process.execPath, [jest, '--listTests', '--json'], { cwd: root, encoding: 'utf8', env });
    return (JSON.parse(stdout) as string[]).map((path) => relative(root, path));
  };

  test('run each test file once, and `npm run check` runs each suite', async () => {
    const { suites } = (await import(join(root, 'jest.config.js'))) as { suites: string[] };
    const run = [undefined, ...suites].flatMap(filesOf);
    expect(run.toSorted()).toEqual(files.filter((path) => /^test\/.*[.]test[.]\w+$/.test(path)).toSorted());
    const check = read('scripts/check/steps.ts');
    expect(suites.filter((suite) => !check.includes(`args: ['run', '--silent', '${suite}']`))).toEqual([]);
  });
});
