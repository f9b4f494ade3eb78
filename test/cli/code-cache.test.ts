import { expect, test } from '@jest/globals';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPlainProgram, temporaryDirectory } from '../../scripts/demo/program.ts';

const filesIn = (folder: string): number => (existsSync(folder) ? readdirSync(folder, { recursive: true }).length : 0);

test('what Node compiled is kept while the program runs, so that a kill leaves it for the next start', async () => {
  const directory = temporaryDirectory();
  const cache = join(directory.path, 'compiled');
  const { pid, ended } = await startPlainProgram(join(directory.path, 'data'), { NODE_COMPILE_CACHE: cache });
  for (let waitedMs = 0; filesIn(cache) < 500 && waitedMs < 30_000; waitedMs += 50) await sleep(50);
  process.kill(pid, 'SIGKILL');
  await ended;
  expect(filesIn(cache)).toBeGreaterThanOrEqual(500);
  directory.remove();
});

test('a folder that cannot be made is done without', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory.path, 'file'), '');
  const { stop } = await startPlainProgram(join(directory.path, 'data'), { NODE_COMPILE_CACHE: join(directory.path, 'file', 'compiled') });
  expect(await stop()).toBe(0);
  directory.remove();
});
