import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const checkout = join(import.meta.dirname, '../..');
const CODE = ['src', 'generated', 'openapi', 'docs', 'package.json', 'package-lock.json'];
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

/** Whether everybody may enter a folder and all above it. */
const isOpenToAll = (folder: string): boolean => (statSync(folder).mode & 0o001) !== 0 && (dirname(folder) === folder || isOpenToAll(dirname(folder)));

/** Where the code lies: the checkout, or a copy of it where that lies below a private home, which nobody may enter. */
let root = checkout;
beforeAll(() => {
  if (!isRoot || isOpenToAll(checkout)) return;
  root = mkdtempSync(join(tmpdir(), 'vitalgate-code-'));
  chmodSync(root, 0o755);
  for (const name of [...CODE, 'node_modules']) cpSync(join(checkout, name), join(root, name), { recursive: true, verbatimSymlinks: true });
}, 120_000);
afterAll(() => {
  if (root !== checkout) rmSync(root, { recursive: true });
});

/** When what the program is made of was last written. */
const state = (): string[] =>
  CODE.flatMap((name) => {
    const path = join(root, name);
    const files = statSync(path).isDirectory() ? readdirSync(path, { recursive: true }).map((file) => join(path, String(file))) : [path];
    return files.map((file) => `${file} ${String(statSync(file).mtimeMs)}`);
  });

const start = (environment: Readonly<Record<string, string>>, as?: number): { child: ChildProcessWithoutNullStreams; told: () => string } => {
  let told = '';
  const child = spawn(process.execPath.replace(checkout, root), [join(root, 'src/main.ts')], {
    cwd: tmpdir(), env: { PATH: process.env['PATH'], BFF_PORT: '0', DEVICE_MANAGER_PORT: '0', USER_MANAGER_PORT: '0', ...environment }, ...(as !== undefined && { uid: as, gid: as }),
  });
  child.stderr.on('data', (chunk) => (told += String(chunk)));
  return { child, told: () => told };
};

const until = async (condition: () => boolean, ms: number): Promise<void> => {
  for (const end = Date.now() + ms; !condition() && Date.now() < end; ) await new Promise((resolve) => setTimeout(resolve, 100));
};

describe('the running program', () => {
  test('I6 starts, serves and stops as nobody, and writes nothing into the folder of its code', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vitalgate-nobody-'));
    if (isRoot) chownSync(folder, NOBODY, NOBODY);
    const before = state();
    const { child, told } = start({ DATA_DIR: join(folder, 'data'), TMPDIR: folder }, isRoot ? NOBODY : undefined);
    const ended = once(child, 'exit');
    try {
      await until(() => /BFF +http/.test(told()) || child.exitCode !== null, 120_000);
      const url = /BFF +(http\S+)/.exec(told())?.[1];
      expect({ url: url !== undefined, told: url === undefined ? told() : '' }).toEqual({ url: true, told: '' });
      expect((await fetch(`${String(url)}/-/ready`)).status).toBe(200);
    } finally {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    }
    expect(child.exitCode).toBe(0);
    expect(state()).toEqual(before);
  }, 240_000);

  test('I7 does not start with a debugger, wherever it comes from, and says so', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vitalgate-debugger-'));
    const { child, told } = start({ DATA_DIR: folder, NODE_OPTIONS: '--inspect=127.0.0.1:0' });
    const [code] = (await once(child, 'exit')) as [number];
    rmSync(folder, { recursive: true, force: true });
    expect(code).toBe(1);
    expect(told()).toMatch(/does not start: a debugger is open/);
  }, 60_000);
});
