import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

type Dependencies = Record<string, string>;
interface Manifest {
  dependencies: Dependencies;
  optionalDependencies: Dependencies;
  devDependencies: Dependencies;
}
const manifest = JSON.parse(read('package.json')) as Manifest & { name: string; version: string };
const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Manifest | undefined> };
const tracked = () =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' }).trim().split('\n');

describe('the repository', () => {
  test.each(['dependencies', 'optionalDependencies', 'devDependencies'] as const)(
    "the lock file's root entry has the same %s as package.json",
    (kind) => {
      expect(lock.packages['']?.[kind]).toEqual(manifest[kind]);
    },
  );

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

  test('the README stays under 200 lines', () => {
    expect(read('README.md').split('\n').length).toBeLessThan(200);
  });

  test('no source file outgrows its reader: 300 lines at most', () => {
    const long = tracked()
      .filter((path) => /^(src|scripts|bench)\/.*\.ts$/.test(path))
      .filter((path) => read(path).split('\n').length > 300);
    expect(long).toEqual([]);
  });
});
