import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCompletingJournal } from '../../src/device-manager/patients/completing-journal.ts';
import { openErasureJournal } from '../../src/device-manager/patients/erasure-journal.ts';
import { openKeys } from '../../src/keys/master-key-check.ts';
import { commandLineHere } from '../cli/command-line.ts';
import { eventually, service } from '../device-manager/client.ts';
import { startTestVitalgate, type TestVitalgate } from '../setup/vitalgate.ts';

describe('H8 the erasure journals of several processes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vitalgate-journals-'));
  let first: TestVitalgate;
  const other = () => ({ DATABASE_URL: first.database.url, MASTER_KEY: readFileSync(join(first.dataDir, 'master-key'), 'utf8').trim() });
  const linesOf = (dataDir: string): string[] => {
    const path = join(dataDir, 'erasure-journal.ndjson');
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '') : [];
  };
  /** Somebody is erased through the first process, whose journal then has a line more. */
  const erase = async () => {
    const [{ id }, before] = [await first.addUser(), linesOf(first.dataDir)];
    expect((await service(first).post(`/patients/${id}/erasure`, { confirm: id })).status).toBe(202);
    const lines = await eventually(() => Promise.resolve(linesOf(first.dataDir)), (found) => found.length > before.length);
    expect(lines).toHaveLength(before.length + 1);
    return lines;
  };

  beforeAll(async () => {
    first = await startTestVitalgate();
  });
  afterAll(async () => {
    await first.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('one that starts has in its journal whom another one erased, and each once', async () => {
    const lines = await erase();
    const dataDir = join(folder, 'second');
    for (let start = 0; start < 2; start += 1) {
      const second = await startTestVitalgate({ ...other(), DATA_DIR: dataDir }, 'own-server');
      const found = linesOf(dataDir);
      await second.stop();
      expect(found).toEqual(lines);
    }
  });

  test('one that runs has soon in its journal whom another one erased', async () => {
    const dataDir = join(folder, 'third');
    const { pool } = first.database;
    const journal = openErasureJournal(join(dataDir, 'erasure-journal.ndjson'), pool, (await openKeys(pool, { DATA_DIR: first.dataDir })).keyRing);
    const completing = await startCompletingJournal(journal, { error: () => undefined }, 10);
    const lines = await erase();
    expect((await eventually(() => Promise.resolve(linesOf(dataDir)), (found) => found.length === lines.length)).toSorted()).toEqual(lines.toSorted());
    await completing.stop();
  });

  test('one whose journal cannot be written tells so and tries again', async () => {
    const told: string[] = [];
    let tries = 0;
    const complete = () => ((tries += 1) === 2 ? Promise.resolve() : Promise.reject(new Error('no space')));
    const completing = await startCompletingJournal({ complete }, { error: (_fields, message) => void told.push(message) }, 10);
    await eventually(() => Promise.resolve(told.length), (count) => count >= 2);
    await completing.stop();
    const triesAtEnd = tries;
    await sleep(50);
    expect([told[0], tries]).toEqual([expect.stringMatching(/could not be noted/), triesAtEnd]);
  });

  test('whom a journal alone named is in the one that is printed: the next restore needs it', async () => {
    const [entry = ''] = linesOf(first.dataDir);
    const stranger = { ...(JSON.parse(entry) as object), pseudonym: 'ab'.repeat(32), erasedAt: '2024-07-01T00:00:00.000Z' };
    const { keyRing } = await openKeys(first.database.pool, { DATA_DIR: first.dataDir });
    await keyRing.bury(first.database.pool, Buffer.from(stranger.pseudonym, 'hex'), new Date(stranger.erasedAt));
    const { code, out } = await commandLineHere({ ...other(), DATA_DIR: join(folder, 'cli') }).run(['patients', 'erasures']);
    expect([code, out.split('\n')]).toEqual([0, expect.arrayContaining([entry, JSON.stringify(stranger)])]);
  });
});
