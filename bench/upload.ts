/**
 * Samples per second through the whole ingest path (BFF, vetting, Device Manager, one committed transaction per upload) beside
 * multi-row inserts of the same samples into one plain table of the same server: what a database alone would do.
 * Prints the median of several rounds. Usage: npm run bench -- upload
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { signIn } from '../scripts/demo/phone.ts';
import { startProgram, temporaryDirectory, type Program } from '../scripts/demo/program.ts';
import { openPool, type Connection, type Pool } from '../src/database/pool.ts';

const rounds = 7;
const uploadsPerRound = 8;
const samplesPerUpload = 1000;

interface Sample {
  readonly id: string;
  readonly value: number;
  readonly startDate: string;
  readonly endDate: string;
  readonly sourceId: string;
}

let second = 0;
const newUpload = (): Sample[] =>
  Array.from({ length: samplesPerUpload }, (_, index) => {
    second += 1;
    const at = new Date(Date.UTC(2024, 0, 1) + second * 1000).toISOString();
    return { id: randomUUID(), value: 50 + (index % 80), startDate: at, endDate: at, sourceId: 'com.apple.health.142CD7CC-53D1-4C96-8151-D0A5FD7846FE' };
  });

/** Works through the uploads with several lanes at once; answers samples per second. */
const rateOf = async (lanes: number, work: (upload: readonly Sample[]) => Promise<unknown>): Promise<number> => {
  const waiting = Array.from({ length: uploadsPerRound }, newUpload);
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: lanes }, async () => {
    for (let upload = waiting.pop(); upload !== undefined; upload = waiting.pop()) await work(upload);
  }));
  return (uploadsPerRound * samplesPerUpload * 1000) / (performance.now() - startedMs);
};

const medianOf = (figures: readonly number[]): number => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;

/** Rounds of both ways alternate, so that a slow minute of the machine slows both. */
const compare = async (lanes: number, ways: Readonly<Record<string, (upload: readonly Sample[]) => Promise<unknown>>>) => {
  const rates: Record<string, number[]> = {};
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, work] of Object.entries(ways)) {
      const rate = await rateOf(lanes, work);
      if (round >= 0) (rates[name] ??= []).push(rate); // the first round warms up
    }
  }
  return Object.entries(rates).map(([name, figures]) => ({ name, median: medianOf(figures), lowest: Math.min(...figures), highest: Math.max(...figures) }));
};

const openDatabase = async (program: Program): Promise<Pool> => {
  const { database } = JSON.parse(readFileSync(join(program.dataDirectory, 'server.json'), 'utf8')) as { database: Connection };
  const pool = openPool(database, () => undefined);
  await pool.query('create schema bench; create table bench.sample (patient_id text, _id uuid, recorded_at timestamptz, body jsonb, primary key (patient_id, _id))');
  return pool;
};

const insertDirectly = (pool: Pool, patientId: string) => (upload: readonly Sample[]) =>
  pool.query(
    `insert into bench.sample select $1, (item->>'id')::uuid, (item->>'startDate')::timestamptz, item from jsonb_array_elements($2::jsonb) item`,
    [patientId, JSON.stringify(upload)],
  );

const figure = (value: number) => Math.round(value).toLocaleString('en');

const directory = temporaryDirectory();
const program = await startProgram(directory.path, { LOG_LEVEL: 'warn' });
try {
  const phone = await signIn(program.demo.bff, program.demo.username, program.demo.password);
  await phone.assign({ deviceId: 'watch', deviceType: 'Wearable', deviceProvider: 'apple-healthkit', name: 'Watch' });
  const pool = await openDatabase(program);
  const upload = async (samples: readonly Sample[]) => {
    const { created } = await phone.upload('HeartRate', 'bpm', samples);
    if (created !== samples.length) throw new Error(`${String(created)} of ${String(samples.length)} samples were created`);
  };
  for (const lanes of [1, 4]) {
    const [through, direct] = await compare(lanes, { 'through the BFF': upload, 'direct insert': insertDirectly(pool, program.demo.patientId) });
    if (through === undefined || direct === undefined) throw new Error('nothing was measured');
    console.log(`${String(lanes)} at once, ${String(rounds)} rounds of ${figure(uploadsPerRound * samplesPerUpload)} samples in uploads of ${figure(samplesPerUpload)}`);
    for (const { name, median, lowest, highest } of [through, direct]) console.log(`  ${name.padEnd(16)} median ${figure(median)} samples/s (${figure(lowest)} to ${figure(highest)})`);
    console.log(`  ratio            ${(direct.median / through.median).toFixed(1)}`);
  }
  await pool.end();
} finally {
  await program.stop();
  directory.remove();
}
