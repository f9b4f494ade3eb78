import { afterAll, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { addToJournal, readJournal, type JournalEntry } from '../../src/device-manager/patients/erasure-journal.ts';
import { startProgram, type Program } from '../../scripts/demo/program.ts';
import { heartRates, signIn, type App } from './app.ts';

/** Room for a new database, and what is left of it when the disk is nearly full. */
const diskBytes = 256 * 1024 * 1024;
const leftBytes = 3 * 1024 * 1024;

const disk = mkdtempSync(join(tmpdir(), 'vitalgate-disk-'));
const mounted = process.platform === 'linux' && process.getuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${String(diskBytes)},mode=0711`, 'none', disk]).status === 0;
if (!mounted) process.stderr.write('a disk that fills up is not tested: only root may mount one\n');
let program: Program | undefined;
afterAll(async () => {
  await program?.stop();
  if (mounted) spawnSync('umount', ['-l', disk]);
  rmSync(disk, { recursive: true, force: true });
});

const fill = (): string => {
  const filler = join(disk, 'filler');
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - leftBytes)));
  return filler;
};

/** Uploads until something is refused; answers what was acknowledged before. */
const uploadUntilRefused = async (app: App): Promise<{ acknowledged: number; status: number }> => {
  for (let acknowledged = 0; ; acknowledged += 1000) {
    const answer = await app.post('/health-data?type=HeartRate&unit=bpm', heartRates(acknowledged, 1000)).catch(() => undefined);
    if (answer?.status !== 200) return { acknowledged, status: answer?.status ?? 0 };
  }
};

const storedIn = async (app: App): Promise<number> => {
  let stored = 0;
  for (;;) {
    const page = (await (await app.get(`/health-data?_l=200&_sk=${String(stored)}`)).json()) as unknown[];
    stored += page.length;
    if (page.length < 200) return stored;
  }
};

/** The program goes on, or ended because its PostgreSQL did; then whatever watches over it starts it again. */
const goesOn = async (running: Program): Promise<Program> => {
  const ended = await Promise.race([running.ended.then(() => true), sleep(5_000, false)]);
  return ended ? startProgram(running.dataDirectory) : running;
};

(mounted ? test : test.skip)('a disk that is full refuses uploads, loses nothing that was acknowledged, and is of use again once there is room', async () => {
  program = await startProgram(join(disk, 'data'));
  const app = await signIn(program.demo);
  expect((await app.post('/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit' })).status).toBe(200);
  const filler = fill();
  const { acknowledged, status } = await uploadUntilRefused(app);
  // No answer at all is what a program gives whose PostgreSQL had to end.
  expect([0, 503]).toContain(status);
  expect(acknowledged).toBeGreaterThan(0);
  rmSync(filler);
  program = await goesOn(program);
  const again = await signIn(program.demo);
  expect((await again.post('/health-data?type=HeartRate&unit=bpm', heartRates(1_000_000, 10))).status).toBe(200);
  const stored = await storedIn(again);
  expect(stored).toBeGreaterThanOrEqual(acknowledged + 10);
  expect(stored).toBeLessThanOrEqual(acknowledged + 10 + 1000);
}, 180_000);

(mounted ? test : test.skip)('a disk that is full in the middle of a line of the erasure journal leaves one that can be read, and that goes on once there is room', async () => {
  const path = join(disk, 'journal', 'erasure-journal.ndjson');
  const entryOf = (number: number): JournalEntry => ({ version: 1, installation: 'a'.repeat(16), pseudonym: String(number).padStart(64, '0'), erasedAt: '2026-11-27T00:00:00.000Z' });
  await addToJournal(path, [entryOf(1)]);
  const filler = join(disk, 'all-of-it');
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(filler, Buffer.alloc(bavail * bsize));
  let noted = 1;
  const more = async (): Promise<never> => {
    for (;;) {
      await addToJournal(path, [entryOf(noted + 1)]);
      noted += 1;
    }
  };
  await expect(more()).rejects.toThrow('ENOSPC');
  const entries = (count: number) => Array.from({ length: count }, (_, index) => entryOf(index + 1));
  const text = readFileSync(path, 'utf8');
  expect([text.endsWith('\n'), readJournal(text)]).toEqual([false, entries(noted)]);
  rmSync(filler);
  await addToJournal(path, [entryOf(noted + 1)]);
  await addToJournal(path, [entryOf(noted + 2)]);
  expect(readJournal(readFileSync(path, 'utf8'))).toEqual(entries(noted + 2));
}, 60_000);
