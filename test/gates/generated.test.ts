import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** Runs in a copy, so that other tests and an editor never meet a changed specification. */
const checkCopy = (change: (folder: string) => void): { status: number | null; said: string } => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-contract-'));
  try {
    for (const name of ['openapi', 'generated', 'docs', 'src', 'scripts', 'bench', 'redocly.yaml', 'package.json']) cpSync(join(root, name), join(folder, name), { recursive: true });
    // Of the tests only their names are read.
    cpSync(join(root, 'test'), join(folder, 'test'), { recursive: true, filter: (path) => !path.includes('fixtures') });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    change(folder);
    const { status, stderr } = spawnSync(process.execPath, [join(folder, 'scripts/generate.ts'), '--check'], { cwd: folder, encoding: 'utf8' });
    return { status, said: stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const edit = (path: string, from: string, to: string) => (folder: string): void => {
  const text = readFileSync(join(folder, path), 'utf8');
  if (!text.includes(from)) throw new Error(`${path} has no ${from}`);
  writeFileSync(join(folder, path), text.replace(from, to));
};

describe('generated files', () => {
  test('are fresh', () => {
    expect(checkCopy(() => undefined)).toEqual({ status: 0, said: '' });
  }, 120_000);

  test('of all services count as stale when a shared schema was edited and nothing generated', () => {
    const { status, said } = checkCopy(edit('openapi/components/problem.yaml', 'maxLength: 2000', 'maxLength: 2001'));
    expect(status).toBe(1);
    expect(said).toBe('stale: bff.json, device-manager.json, user-manager.json; run npm run generate\n');
  }, 120_000);

  test('of the docs count as stale when a setting or a command changed', () => {
    const { status, said } = checkCopy((folder) => {
      edit('src/config/settings.ts', 'The address to listen on.', 'Where to listen.')(folder);
      edit('src/cli/migrate.ts', 'says which migrations ran', 'says what ran')(folder);
    });
    expect(status).toBe(1);
    expect(said).toBe('stale: docs/configuration.md, docs/commands.md; run npm run generate\n');
  }, 120_000);

  test('count as stale when they were edited by hand', () => {
    const { status, said } = checkCopy(edit('generated/bff.d.ts', 'readonly uploadId?: ', 'readonly uploadIdentifier?: '));
    expect(status).toBe(1);
    expect(said).toBe('stale: bff.d.ts; run npm run generate\n');
  }, 120_000);
});
