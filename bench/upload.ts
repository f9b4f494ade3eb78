/**
 * Uploads of 1,000 heart rates a request, compressed, through the whole program (BFF, vetting, Device Manager, one committed transaction),
 * beside COPY of the same samples as one wide row each into the same server; until they are durable, until they are normalized and in
 * charts, and once more when they are known; with bytes stored and processor time per sample. Ways alternate, medians are printed.
 * Usage: npm run bench -- upload
 */
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { from as copyFrom } from 'pg-copy-streams';
import { temporaryDirectory } from '../scripts/demo/program.ts';
import { openPool, type Pool } from '../src/database/pool.ts';
import { createHeartRates, type HeartRate } from './heart-rates.ts';
import { normalizedIn } from './normalized.ts';
import { newPerson, signInWithWatch, startBenched, type BenchedProgram } from './person.ts';
import { processorTimes, residentMiB } from './processor-time.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);
const uploadsPerRound = Number(process.env['BENCH_UPLOADS'] ?? 20);
const samplesPerUpload = Number(process.env['BENCH_SAMPLES'] ?? 1000);
const perDay = Number(process.env['BENCH_PER_DAY'] ?? 394);
const lanesTried = (process.env['BENCH_LANES'] ?? '1,4').split(',').map(Number);

const medianOf = (figures: readonly number[]): number => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;
const figure = (value: number) => Math.round(value).toLocaleString('en');

/** The wide row that a health data table usually is: all of a sample in one place, found by key, by device identifier and by time. */
const wideTable = `
  create schema bench;
  create table bench.health_data (
    id uuid not null default gen_random_uuid() primary key, user_id text not null, dedup text not null, device_id text not null, provider text not null, type text not null,
    format text not null, start_at timestamptz not null, end_at timestamptz not null, received_at timestamptz not null, raw jsonb not null, normalized jsonb not null,
    unique (user_id, dedup));
  create index on bench.health_data (user_id, type, start_at)`;

const normalizedOf = ({ value, startDate }: HeartRate) => ({
  period: { startDate: new Date(startDate.replace(/(\d\d)$/, ':$1')).toISOString(), offsetMinutes: 120, offsetFrom: 'declared' },
  observations: [{ code: 'https://loinc.org/8867-4', name: 'Heart rate', unit: 'bpm', unitCode: '/min', value }],
});

const wideRow = (sample: HeartRate): string =>
  ['6a1f0c6e2b7d4f0e9c3a5b10', sample.id, '0123456789abcdef', 'healthkit', 'HKQuantityTypeIdentifierHeartRate', 'healthkitstandard-json', sample.startDate, sample.endDate, new Date().toISOString(),
    JSON.stringify(sample), JSON.stringify(normalizedOf(sample))].map((text) => text.replaceAll('\\', '\\\\')).join('\t');

const copyWide = async (pool: Pool, rows: string): Promise<void> => {
  const client = await pool.connect();
  try {
    const stream = client.query(copyFrom('copy bench.health_data (user_id, dedup, device_id, provider, type, format, start_at, end_at, received_at, raw, normalized) from stdin'));
    await pipeline(Readable.from([rows]), stream);
  } finally {
    client.release();
  }
};

interface Body {
  readonly bytes: Buffer;
  readonly rows: string;
}
const bodiesOf = (heartRates: (samples: number) => HeartRate[]): Body[] =>
  Array.from({ length: uploadsPerRound }, () => {
    const samples = heartRates(samplesPerUpload);
    return { bytes: gzipSync(JSON.stringify(samples), { level: 6 }), rows: `${samples.map(wideRow).join('\n')}\n` };
  });

const inLanes = async (lanes: number, bodies: readonly Body[], work: (body: Body) => Promise<unknown>): Promise<void> => {
  const waiting = bodies.toReversed();
  await Promise.all(Array.from({ length: lanes }, async () => {
    for (let body = waiting.pop(); body !== undefined; body = waiting.pop()) await work(body);
  }));
};

const openDatabase = async ({ database }: BenchedProgram): Promise<Pool> => {
  const pool = openPool(database, () => undefined);
  await pool.query(wideTable);
  return pool;
};

const storedBytes = async (pool: Pool, schema: string): Promise<number> =>
  Number((await pool.query<{ bytes: string }>(`select sum(pg_total_relation_size(c.oid)) as bytes from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind in ('r', 'p')`, [schema])).rows[0]?.bytes ?? 0);

const directory = temporaryDirectory();
const program = await startBenched(directory.path);
try {
  const cookie = await signInWithWatch(program, await newPerson(program));
  const pool = await openDatabase(program);
  const idleMiB = residentMiB(program.pid);
  let mostMiB = idleMiB;
  const upload = (expected: 'created' | 'duplicates') => async ({ bytes }: Body) => {
    const answer = await fetch(`${program.bff}/health-data?type=HeartRate&unit=bpm`, { method: 'POST', headers: { 'content-type': 'application/json', 'content-encoding': 'gzip', cookie }, body: new Uint8Array(bytes) });
    const text = await answer.text();
    if (!answer.ok || (JSON.parse(text) as Record<string, number>)[expected] !== samplesPerUpload) throw new Error(`an upload answered ${String(answer.status)} ${text.slice(0, 500)}`);
    mostMiB = Math.max(mostMiB, residentMiB(program.pid));
  };
  const heartRates = createHeartRates(perDay);
  const samplesPerRound = uploadsPerRound * samplesPerUpload;
  for (const lanes of lanesTried) {
    const rates: Record<string, number[]> = {};
    const note = (name: string, value: number, isWarm: boolean) => isWarm && (rates[name] ??= []).push(value);
    let stored = 0;
    let copied = 0;
    for (let round = -1; round < rounds; round += 1) {
      const bodies = bodiesOf(heartRates);
      const timed = async (work: () => Promise<unknown>): Promise<number> => {
        const started = performance.now();
        await work();
        return (samplesPerRound * 1000) / (performance.now() - started);
      };
      const [storedBefore, copiedBefore] = [await storedBytes(pool, 'device_manager'), await storedBytes(pool, 'bench')];
      note('copy', await timed(() => inLanes(1, bodies, ({ rows }) => copyWide(pool, rows))), round >= 0);
      const before = processorTimes(program.pid);
      const started = performance.now();
      await inLanes(lanes, bodies, upload('created'));
      const durableMs = performance.now() - started;
      const durable = processorTimes(program.pid);
      await normalizedIn(pool);
      const normalizedMs = performance.now() - started;
      const after = processorTimes(program.pid);
      note('durable', (samplesPerRound * 1000) / durableMs, round >= 0);
      note('normalized', (samplesPerRound * 1000) / normalizedMs, round >= 0);
      note('µs node', ((after.program - before.program) * 1000) / samplesPerRound, round >= 0);
      note('µs postgres', ((after.children - before.children) * 1000) / samplesPerRound, round >= 0);
      note('µs node until durable', ((durable.program - before.program) * 1000) / samplesPerRound, round >= 0);
      note('again', await timed(() => inLanes(lanes, bodies, upload('duplicates'))), round >= 0);
      if (round < 0) continue;
      stored += (await storedBytes(pool, 'device_manager')) - storedBefore;
      copied += (await storedBytes(pool, 'bench')) - copiedBefore;
    }
    const median = (name: string) => medianOf(rates[name] ?? []);
    console.log(`${String(lanes)} at once, ${String(rounds)} rounds of ${figure(samplesPerRound)} heart rates, ${String(perDay)} a day`);
    for (const [name, figures] of Object.entries(rates)) console.log(`  ${name.padEnd(24)} ${figure(medianOf(figures)).padStart(8)} (${figure(Math.min(...figures))} to ${figure(Math.max(...figures))})`);
    console.log(`  durable / copy           ${(median('durable') / median('copy')).toFixed(2)}`);
    console.log(`  normalized / copy        ${(median('normalized') / median('copy')).toFixed(2)}`);
    console.log(`  again / durable          ${(median('again') / median('durable')).toFixed(2)}`);
    const samples = rounds * samplesPerRound;
    console.log(`  bytes per sample         ${figure(stored / samples)} of ${figure(copied / samples)}, ratio ${(stored / copied).toFixed(2)}`);
    console.log(`  resident memory          ${figure(mostMiB)} MiB, idle ${figure(idleMiB)} MiB`);
  }
  await pool.end();
} finally {
  await program.stop();
  directory.remove();
}
