import { temporaryDirectory } from '../scripts/demo/program.ts';
import { openPool, type Pool } from '../src/database/pool.ts';
import { inLanes, medianOf, spreadOf, timeOf, type Benchmark, type Findings } from './setup/benchmark.ts';
import { createHeartRates } from './setup/heart-rates.ts';
import { normalizedIn } from './setup/normalized.ts';
import { newPerson, signInWithWatch, startBenched } from './setup/person.ts';
import { bodyOf, SAMPLES_PER_UPLOAD, uploadTo } from './setup/uploading.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 7);
const sizes = { few: 100_000, many: Number(process.env['BENCH_STORED'] ?? 10_000_000) };
const uploadsPerRound = 10;
const lanes = 4;
const payloadsOfPatient = 100;
const payloadsAtOnce = 500;
const samplesOfPayload = 1000;

/** Rows of patients who uploaded 100 payloads of 1,000 samples each, with bytes of the usual size that nobody can open. */
const fill = async (pool: Pool, samples: number): Promise<void> => {
  for (let first = 0; first < samples / samplesOfPayload; first += payloadsAtOnce) {
    const last = Math.min(first + payloadsAtOnce, samples / samplesOfPayload) - 1;
    await pool.query(`
      with made as (select n, 'stored-' || n / ${String(payloadsOfPatient)} as patient_id, gen_random_uuid() as payload_id, timestamptz '2023-01-01' + n * interval '1 hour' as at from generate_series($1::int, $2::int) as n),
        payloads as (insert into device_manager.payload (patient_id, payload_id, provider, format, received_at, body, context, digest, size_bytes, item_count)
          select patient_id, payload_id, 'healthkit', 'healthkitstandard-json', at, decode(repeat(md5(n::text), 1250), 'hex'), '\\x00', '\\x00', 250000, ${String(samplesOfPayload)} from made),
        groups as (insert into device_manager.sample_group (patient_id, payload_id, group_no, provider, format, device, device_id, type, received_at, updated_at, state, normalized_type, rule_id, rule_version)
          select patient_id, payload_id, 0, 'healthkit', 'healthkitstandard-json', gen_random_uuid(), 'watch', 'HKQuantityTypeIdentifierHeartRate', at, at, 'normalized', 'heart-rate', 'healthkit-heart-rate', 1 from made)
      insert into device_manager.sample (patient_id, _id, payload_id, item_index, group_no, recorded_at, content_key)
        select patient_id, gen_random_uuid(), payload_id, i, 0, at + i * interval '3 seconds', ('x' || substr(md5(n || '/' || i), 1, 16))::bit(64)::bigint from made, generate_series(0, ${String(samplesOfPayload - 1)}) as i`, [first, last]);
  }
  await pool.query('vacuum analyze');
  await pool.query('checkpoint');
};

const start = async (stored: number) => {
  const directory = temporaryDirectory();
  const program = await startBenched(directory.path);
  const pool = openPool(program.database, () => undefined, 2, 1_800_000);
  const stop = async () => {
    await pool.end();
    await program.stop();
    directory.remove();
  };
  await fill(pool, stored);
  const cookie = await signInWithWatch(program, await newPerson(program));
  const heartRates = createHeartRates();
  const round = async () => {
    const bodies = Array.from({ length: uploadsPerRound }, () => bodyOf(heartRates(SAMPLES_PER_UPLOAD)));
    const durableMs = await timeOf(() => inLanes(lanes, bodies, (body) => uploadTo(program, cookie, body)));
    const normalizedMs = durableMs + (await timeOf(() => normalizedIn(pool)));
    const rateOf = (ms: number) => (uploadsPerRound * SAMPLES_PER_UPLOAD * 1000) / ms;
    return { durable: rateOf(durableMs), normalized: rateOf(normalizedMs) };
  };
  return { round, stop };
};

const run = async (): Promise<Findings> => {
  const few = await start(sizes.few);
  const many = await start(sizes.many);
  try {
    const figures: Record<'few' | 'many' | 'fewNormalized' | 'manyNormalized', number[]> = { few: [], many: [], fewNormalized: [], manyNormalized: [] };
    for (let round = -1; round < rounds; round += 1) {
      const [ofFew, ofMany] = [await few.round(), await many.round()];
      if (round < 0) continue; // warms up
      figures.few.push(ofFew.durable);
      figures.many.push(ofMany.durable);
      figures.fewNormalized.push(ofFew.normalized);
      figures.manyNormalized.push(ofMany.normalized);
    }
    const told = (count: number) => count.toLocaleString('en');
    return {
      figures: [{ what: `uploads with ${told(sizes.many)} samples stored`, against: `with ${told(sizes.few)}`, reached: medianOf(figures.many) / medianOf(figures.few), bound: { is: 'at least', must: 0.8, aim: 0.95 } }],
      table: [
        ['samples stored before', 'durable, samples a second', 'normalized, samples a second'],
        [told(sizes.few), spreadOf(figures.few), spreadOf(figures.fewNormalized)],
        [told(sizes.many), spreadOf(figures.many), spreadOf(figures.manyNormalized)],
      ],
    };
  } finally {
    await Promise.all([few.stop(), many.stop()]);
  }
};

/** Whether uploads become slower as the tables grow. */
export const benchmark: Benchmark = {
  title: 'Growth',
  about: `Two programs, each on a PostgreSQL of its own: one with ${sizes.few.toLocaleString('en')} samples stored, one with ${sizes.many.toLocaleString('en')} (\`BENCH_STORED\`), of patients with 100,000 samples each. Both take
uploads of a new person, ${String(uploadsPerRound)} times ${SAMPLES_PER_UPLOAD.toLocaleString('en')} heart rates a round, ${String(lanes)} at once, in turns; one round warms up.`,
  run,
};
