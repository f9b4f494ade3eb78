import { afterAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProgram, temporaryDirectory, type Program } from '../../scripts/demo/program.ts';
import { openPool, type Pool } from '../../src/database/pool.ts';
import { sealedColumns } from '../../src/device-manager/storage/sealed-columns.ts';
import { openKeys } from '../../src/keys/master-key-check.ts';
import { masterKeyOf } from '../../src/keys/master-key.ts';
import { readServerFile } from '../../src/server-file.ts';
import { createRandom } from '../../src/simulator/random.ts';
import { commandLine, printed } from '../cli/command-line.ts';
import { answered, clientWith, watch, type Client } from '../device-manager/client.ts';
import { heartRates, killNode } from './app.ts';

/** Few in CI; on demand 20 kills and 1000 payloads. */
const kills = Number(process.env['KEY_ROTATION_KILLS'] ?? 2);
const payloads = Number(process.env['KEY_ROTATION_PAYLOADS'] ?? 60);
const seed = Number(process.env['SEED'] ?? randomBytes(4).readUInt32BE());
const patients = 10;
const samplesPerPayload = 20;
/** Keys of patients without data, so that wrapping them anew takes many batches. */
const emptyScopes = 400 * (kills + 1);

const random = createRandom(seed);
const canary = `PHI-${randomBytes(12).toString('hex')}`;
const [oldKey, newKey] = [randomBytes(32), randomBytes(32)];
const oldAlone = { MASTER_KEY: oldKey.toString('hex') };
const both = { MASTER_KEY: newKey.toString('hex'), MASTER_KEY_PREVIOUS: oldKey.toString('hex') };
const newAlone = { MASTER_KEY: newKey.toString('hex') };
const directory = temporaryDirectory();
const everything = '/health-data?_l=200&_p=rawData,normalizedData&_s=recordedAt';

let program: Program;
afterAll(async () => {
  try {
    await program.stop(); // a test that failed leaves it running
  } finally {
    directory.remove();
  }
});

const clientOf = (patientId: string): Client => clientWith(program.demo.deviceManager, { authorization: `Bearer ${program.demo.serviceToken}`, miauserid: patientId });

const withPool = async <Result>(work: (pool: Pool) => Promise<Result>): Promise<Result> => {
  const server = readServerFile(directory.path);
  if (!server) throw new Error('no server runs');
  const pool = openPool(server.database, () => undefined, 2);
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
};

const upload = (patientId: string, second: number) =>
  clientOf(patientId).send('/health-data/healthkit?type=HeartRate&unit=bpm', {
    method: 'POST', headers: { 'content-type': 'application/json', prefer: 'return=representation' },
    body: JSON.stringify(heartRates(second, samplesPerPayload).map((sample) => ({ ...sample, metadata: { note: canary } }))),
  });

interface Load {
  readonly statuses: Map<number, number>;
  readonly acknowledged: string[];
  readonly pause: () => Promise<void>;
  readonly resume: () => void;
  readonly stop: () => Promise<void>;
}

/** Uploads without a break, for all patients in turn; a connection that breaks, because the program was killed, is no answer. */
const startLoad = (patientIds: readonly string[]): Load => {
  const [statuses, acknowledged] = [new Map<number, number>(), [] as string[]];
  let state: 'running' | 'paused' | 'stopped' = 'running';
  let isAtRest = false;
  const loop = async (): Promise<void> => {
    for (let index = 0; state !== 'stopped'; index += 1) {
      isAtRest = state === 'paused';
      if (isAtRest) await sleep(20);
      else {
        try {
          const answer = await upload(patientIds[index % patientIds.length] ?? '', index * samplesPerPayload);
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
          acknowledged.push(...((await answer.json()) as { items: { _id: string }[] }).items.map(({ _id }) => _id));
        } catch {
          await sleep(20);
        }
      }
    }
  };
  const ended = loop();
  return {
    statuses, acknowledged,
    pause: async () => {
      state = 'paused';
      while (!isAtRest) await sleep(20);
    },
    resume: () => {
      state = 'running';
    },
    stop: async () => {
      state = 'stopped';
      await ended;
    },
  };
};

/** Runs the rotation of the master key and kills it after some batches, or lets it end; answers whether it ended by itself. */
const rotateMaster = async (batches: number): Promise<boolean> => {
  const child = spawn(process.execPath, ['src/cli/vitalgate.ts', 'keys', 'rotate', '--master'], {
    cwd: join(import.meta.dirname, '..', '..'), env: { PATH: process.env['PATH'], DATA_DIR: directory.path, ...both }, stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  let seen = 0;
  for await (const line of createInterface(child.stderr)) if (/^\d+ keys$/.test(line) && (seen += 1) >= batches) child.kill('SIGKILL');
  return (await ended) === 0;
};

interface Status {
  readonly masterKeys: readonly { readonly id: string; readonly keys: number }[];
  readonly patients: { readonly withOlder: number };
  readonly values: readonly { readonly older: number }[];
  readonly rotations: readonly { readonly finished_at: string | null; readonly unreadable: number; readonly resealed: number }[];
}
const statusOf = (settings: Readonly<Record<string, string>>) => printed<Status>(commandLine({ DATA_DIR: directory.path, ...settings }).run(['--json', 'keys', 'status']));

const digestsOf = (patientIds: readonly string[]): Promise<string[]> =>
  Promise.all(patientIds.map(async (patientId) => createHash('sha256').update(JSON.stringify(await answered(clientOf(patientId).get(everything)))).digest('hex')));

const storedIds = async (): Promise<Set<string>> =>
  withPool(async (pool) => new Set((await pool.query<{ _id: string }>(`select replace(_id::text, '-', '') as _id from device_manager.sample`)).rows.map(({ _id }) => _id)));

const filesHolding = (text: string): string[] =>
  readdirSync(directory.path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text));

const isNormalized = (patientIds: readonly string[]): Promise<boolean> =>
  withPool(async (pool) => (await pool.query(`select from device_manager.whole_sample where patient_id = any($1) and state = 'received' limit 1`, [patientIds])).rowCount === 0);

test(`G3, R24: ${String(kills)} times kill -9 while keys are rotated under uploads: nothing under the old ones, all readable, nobody refused`, async () => {
  process.stdout.write(`seed of the kills: SEED=${String(seed)}\n`);
  program = await startProgram(directory.path, oldAlone);
  const idsFrom = (prefix: string) => Array.from({ length: patients }, (_, index) => `${prefix}${String(index)}${randomBytes(8).toString('hex')}`);
  const [resting, loaded] = [idsFrom('resting'), idsFrom('loaded')];
  for (const patientId of [...resting, ...loaded]) await answered(clientOf(patientId).post('/devices/assign', watch));
  for (let index = 0; index < payloads; index += 1) await answered(upload(resting[index % patients] ?? '', index * samplesPerPayload));
  while (!(await isNormalized(resting))) await sleep(200);
  const before = await digestsOf(resting);
  const load = startLoad(loaded);

  // New data keys, while the program is killed.
  expect((await commandLine({ DATA_DIR: directory.path, ...oldAlone }).run(['keys', 'rotate', '--data'])).code).toBe(0);
  let interrupted = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(random.whole(0, 1500));
    interrupted += await withPool(async (pool) => (await pool.query('select from device_manager_keys.data_key_rotation where finished_at is null')).rowCount ?? 0);
    await killNode(program);
    program = await startProgram(directory.path, oldAlone);
  }
  let status = await statusOf(oldAlone);
  for (let waitedMs = 0; waitedMs < 120_000 && status.rotations[0]?.finished_at === null; waitedMs += 1000) {
    await sleep(1000);
    status = await statusOf(oldAlone);
  }
  expect(status).toMatchObject({ patients: { withOlder: 0 }, values: sealedColumns.map(() => ({ older: 0 })), rotations: [{ unreadable: 0, finished_at: expect.any(String) }] });
  expect(status.rotations[0]?.resealed).toBeGreaterThanOrEqual(payloads * 3);

  // A new master key, while the command is killed.
  await load.pause();
  await withPool(async (pool) => {
    const { keyRing } = await openKeys(pool, { DATA_DIR: directory.path, ...oldAlone });
    for (let index = 0; index < emptyScopes; index += 1) await keyRing.keysOf(pool, `patient:empty${String(index)}`);
  });
  await program.stop();
  program = await startProgram(directory.path, both);
  load.resume();
  let cutOff = 0;
  for (let kill = 0; kill < kills; kill += 1) if (!(await rotateMaster(random.whole(1, 2)))) cutOff += 1;
  expect(await rotateMaster(Infinity)).toBe(true);
  await load.pause();
  await load.stop();
  const ids = [oldKey, newKey].map((key) => masterKeyOf(key).id);
  expect((await statusOf(newAlone)).masterKeys.map(({ id }) => id)).toEqual([ids[1]]);
  await program.stop();

  // The new ones alone open everything, the old one opens nothing.
  await expect(startProgram(directory.path, oldAlone)).rejects.toThrow(`The master key is not the one this database was used with: keys are wrapped by ${ids[1] ?? ''}`);
  program = await startProgram(directory.path, newAlone);
  expect(await digestsOf(resting)).toEqual(before);
  await digestsOf(loaded);
  expect([...load.statuses.keys()]).toEqual([200]);
  expect((await storedIds()).isSupersetOf(new Set(load.acknowledged))).toBe(true);
  const oldGenerations = await withPool(async (pool) => (await pool.query(`select from device_manager_keys.data_key where generation = 1 and scope = any($1)`, [[...resting, ...loaded].map((id) => `patient:${id}`)])).rowCount);
  expect(oldGenerations).toBe(0);
  // A kill may come when the command has just ended; most do not.
  expect(cutOff).toBeGreaterThan(kills / 2);
  const [hits, resealed] = [(count: number): string => `${String(count)} of ${String(kills)} kills`, String(status.rotations[0]?.resealed)];
  process.stdout.write(`${String(load.statuses.get(200))} uploads, ${hits(interrupted)} hit new data keys under way, ${hits(cutOff)} a new master key, ${resealed} values sealed anew\n`);

  // G2, G4: neither health data nor keys in clear, wherever the program writes.
  const [said, commandLineOf] = [program.output(), readFileSync(`/proc/${String(program.pid)}/cmdline`, 'utf8')];
  expect(await program.stop()).toBe(0);
  expect(filesHolding(resting[0] ?? '').length).toBeGreaterThan(0);
  for (const secret of [canary, oldKey.toString('hex'), newKey.toString('hex')]) {
    expect(filesHolding(secret)).toEqual([]);
    expect(said + commandLineOf).not.toContain(secret);
  }
}, 300_000 + kills * 60_000);
