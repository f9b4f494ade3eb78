import { afterAll, describe, expect, test } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../../src/simulator/random.ts';
import { startProgram, temporaryDirectory, type Program } from '../../scripts/demo/program.ts';
import { createTestDatabase } from '../setup/test-database.ts';
import { chartedPoints, heartRates, killNode, signIn, storedIds, type App } from './app.ts';

/** The moments of the kills are drawn from the seed; kill cycles per situation: few in CI, more in full size. */
const seed = Number(process.env['SEED'] ?? 20260801);
const cycles = Number(process.env['FAULT_CYCLES'] ?? 3);
const samplesPerUpload = 20;

const parentOf = (pid: string): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1];
  } catch {
    return undefined; // gone while we looked
  }
};

const descendantsOf = (ancestor: number): number[] => {
  const parents = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => [pid, parentOf(pid)] as const);
  const found = new Set([String(ancestor)]);
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const [pid, parent] of parents) if (parent !== undefined && found.has(parent)) found.add(pid);
  }
  return [...found].map(Number);
};

const killEverything = async (program: Program): Promise<void> => {
  for (const pid of descendantsOf(program.pid)) process.kill(pid, 'SIGKILL');
  await program.ended;
};

interface UploadLoop {
  /** Resolves when the first upload was acknowledged. */
  readonly first: Promise<undefined>;
  /** The samples that were acknowledged until the program died, and how many were sent. */
  readonly ended: Promise<{ acknowledged: string[]; sent: number }>;
}

const uploadUntilKilled = async (app: App, firstSecond: number, acknowledgedOne: () => void): Promise<{ acknowledged: string[]; sent: number }> => {
  const acknowledged: string[] = [];
  for (let sent = 0; ; sent += samplesPerUpload) {
    const batch = heartRates(firstSecond + sent, samplesPerUpload);
    try {
      const answer = await app.post('/health-data?type=HeartRate&unit=bpm', batch);
      const receipt = (await answer.json()) as { items: { _id?: string }[] };
      if (answer.status === 200) acknowledged.push(...receipt.items.map((item) => item._id ?? 'refused'));
      acknowledgedOne();
    } catch {
      return { acknowledged, sent: sent + samplesPerUpload }; // the connection broke: what was in flight counts as unknown
    }
  }
};

const startUploading = (app: App, firstSecond: number): UploadLoop => {
  const { promise: first, resolve } = Promise.withResolvers<undefined>();
  return { first, ended: uploadUntilKilled(app, firstSecond, () => resolve(undefined)) };
};

/** Waits until every stored sample is charted: nothing may be left behind by a job that was killed. */
const chartOfAll = async (app: App, wanted: number, seconds: number): Promise<number[]> => {
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 500) {
    const points = await chartedPoints(app, seconds);
    if (points.length >= wanted) return points;
    await sleep(500);
  }
  return chartedPoints(app, seconds);
};

describe('killed during an upload loop', () => {
  const directories: { remove: () => void }[] = [];
  let program: Program;
  // A test that failed leaves its program running.
  afterAll(async () => {
    await program.stop();
    directories.forEach((directory) => directory.remove());
  });

  // An embedded PostgreSQL is killed with the program; one that was named for the suite outlives it.
  test.each([
    ['node alone, on the embedded PostgreSQL', killNode, false],
    ['node and its PostgreSQL at once', killEverything, false],
    ...(process.env['DATABASE_URL'] ? [['node alone, on the PostgreSQL of DATABASE_URL', killNode, true] as const] : []),
  ] as const)(
    'kill -9 of %s: every acknowledged sample is there once',
    async (_situation, kill, named) => {
      const database = named ? await createTestDatabase() : undefined;
      const settings = database ? { DATABASE_URL: database.url } : {};
      const directory = temporaryDirectory();
      directories.push(directory);
      const acknowledged: string[] = [];
      const draw = createRandom(seed);
      program = await startProgram(directory.path, settings);
      const enrol = await (await signIn(program.demo)).post('/devices/assign', { deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' });
      expect(enrol.status).toBe(200);

      let second = 0;
      for (let cycle = 0; cycle < cycles; cycle += 1) {
        const loop = startUploading(await signIn(program.demo), second);
        await loop.first;
        await sleep(draw.next() * 400);
        await kill(program);
        const { acknowledged: some, sent } = await loop.ended;
        acknowledged.push(...some);
        second += sent;
        program = await startProgram(directory.path, settings);
      }

      const app = await signIn(program.demo);
      const stored = await storedIds(app);
      expect(acknowledged.length).toBeGreaterThan(0);
      expect(acknowledged).not.toContain('refused');
      expect(new Set(stored).size).toBe(stored.length);
      expect(new Set(stored).isSupersetOf(new Set(acknowledged))).toBe(true);
      const points = await chartOfAll(app, stored.length, second);
      expect(points).toHaveLength(stored.length);
      expect(new Set(points).size).toBe(points.length);
      expect(await program.stop()).toBe(0);
      await database?.drop();
    },
    120_000 + cycles * 60_000,
  );
});
