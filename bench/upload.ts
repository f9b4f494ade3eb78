import { temporaryDirectory } from '../scripts/demo/program.ts';
import { openPool } from '../src/database/pool.ts';
import { inLanes, medianOf, spreadOf, timeOf, type Benchmark, type Findings } from './setup/benchmark.ts';
import { createHeartRates } from './setup/heart-rates.ts';
import { normalizedIn } from './setup/normalized.ts';
import { newPerson, signInWithWatch, startBenched } from './setup/person.ts';
import { processorTimes, residentMiB } from './setup/processor-time.ts';
import { bodyOf, SAMPLES_PER_UPLOAD, uploadTo } from './setup/uploading.ts';
import { copyWide, createWideTable, storedBytes, wideRows } from './setup/wide-row.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 7);
const uploadsPerRound = Number(process.env['BENCH_UPLOADS'] ?? 20);
const perDay = Number(process.env['BENCH_PER_DAY'] ?? 394);
const lanes = Number(process.env['BENCH_LANES'] ?? 4);

const run = async (): Promise<Findings> => {
  const directory = temporaryDirectory();
  const program = await startBenched(directory.path);
  const pool = openPool(program.database, () => undefined);
  try {
    const cookie = await signInWithWatch(program, await newPerson(program));
    await createWideTable(pool);
    const idleMiB = residentMiB(program.pid);
    let mostMiB = idleMiB;
    const heartRates = createHeartRates(perDay);
    const samplesPerRound = uploadsPerRound * SAMPLES_PER_UPLOAD;
    const rateOf = (ms: number) => (samplesPerRound * 1000) / ms;
    const figures: Record<'copy' | 'durable' | 'normalized' | 'again' | 'program' | 'untilDurable' | 'postgres', number[]> = { copy: [], durable: [], normalized: [], again: [], program: [], untilDurable: [], postgres: [] };
    const bytes = { ours: 0, wide: 0 };
    for (let round = -1; round < rounds; round += 1) {
      const bodies = Array.from({ length: uploadsPerRound }, () => {
        const samples = heartRates(SAMPLES_PER_UPLOAD);
        return { body: bodyOf(samples), rows: wideRows(samples) };
      });
      const stored = { ours: await storedBytes(pool, 'device_manager'), wide: await storedBytes(pool, 'bench') };
      const copyMs = await timeOf(() => inLanes(1, bodies, ({ rows }) => copyWide(pool, rows)));
      const before = processorTimes(program.pid);
      const upload = (expected: 'created' | 'duplicates') => inLanes(lanes, bodies, async ({ body }) => {
        await uploadTo(program, cookie, body, expected);
        mostMiB = Math.max(mostMiB, residentMiB(program.pid));
      });
      const durableMs = await timeOf(() => upload('created'));
      const durable = processorTimes(program.pid);
      const normalizedMs = durableMs + (await timeOf(() => normalizedIn(pool)));
      const after = processorTimes(program.pid);
      const againMs = await timeOf(() => upload('duplicates'));
      if (round < 0) continue; // warms up
      const microseconds = (ms: number) => (ms * 1000) / samplesPerRound;
      const found = {
        copy: rateOf(copyMs), durable: rateOf(durableMs), normalized: rateOf(normalizedMs), again: rateOf(againMs),
        program: microseconds(after.program - before.program), untilDurable: microseconds(durable.program - before.program), postgres: microseconds(after.children - before.children),
      };
      for (const [name, value] of Object.entries(found)) figures[name as keyof typeof found].push(value);
      bytes.ours += (await storedBytes(pool, 'device_manager')) - stored.ours;
      bytes.wide += (await storedBytes(pool, 'bench')) - stored.wide;
    }
    const against = 'COPY of the same samples as wide rows';
    const ratio = (one: keyof typeof figures, other: keyof typeof figures) => medianOf(figures[one]) / medianOf(figures[other]);
    const samples = rounds * samplesPerRound;
    return {
      figures: [
        { what: `uploads of ${SAMPLES_PER_UPLOAD.toLocaleString('en')} samples until they are durable`, against, reached: ratio('durable', 'copy'), bound: { is: 'at least', must: 1, aim: 2 } },
        { what: 'the same until all are normalized and in charts', against, reached: ratio('normalized', 'copy'), bound: { is: 'at least', must: 0.5, aim: 1 } },
        { what: 'uploads of what is known', against: 'the first upload', reached: ratio('again', 'durable'), bound: { is: 'at least', must: 1.5, aim: 3 } },
        { what: 'bytes stored for a heart rate, all indexes included', against: 'the wide row', reached: bytes.ours / bytes.wide, bound: { is: 'at most', must: 0.3, aim: 0.15 } },
      ],
      table: [
        ['', `${String(lanes)} uploads at once`],
        ['COPY, samples a second', spreadOf(figures.copy)],
        ['durable, samples a second', spreadOf(figures.durable)],
        ['normalized, samples a second', spreadOf(figures.normalized)],
        ['again, samples a second', spreadOf(figures.again)],
        ['processor time of the program, µs a sample', spreadOf(figures.program)],
        ['of it until durable', spreadOf(figures.untilDurable)],
        ['processor time of PostgreSQL, µs a sample', spreadOf(figures.postgres)],
        ['bytes stored a sample, and of the wide row', `${(bytes.ours / samples).toFixed(0)} and ${(bytes.wide / samples).toFixed(0)}`],
        ['resident memory, MiB, idle and at most', `${idleMiB.toFixed(0)} and ${mostMiB.toFixed(0)}`],
      ],
    };
  } finally {
    await pool.end();
    await program.stop();
    directory.remove();
  }
};

/** Uploads through the whole program beside what the database alone could do. */
export const benchmark: Benchmark = {
  title: 'Uploading',
  about: `Starts the whole program on the embedded PostgreSQL (\`fsync\` on) and uploads new heart rates, ${SAMPLES_PER_UPLOAD.toLocaleString('en')} a request, compressed as phones send them, 394 a day.
*Durable* is all that happens before the 200: session check, byte gate, vetting, the Device Manager, encryption, one committed transaction.
*Normalized* is until no sample waits for it. *Again* sends the same requests once more. *COPY* puts the same samples into the same server as one wide row
each (12 columns, raw and normalized as jsonb, found by key, by UUID and by type and time), in text made before. Ways alternate; one round warms up.
\`BENCH_ROUNDS\`, \`BENCH_UPLOADS\` (a round), \`BENCH_SAMPLES_PER_UPLOAD\`, \`BENCH_LANES\` and \`BENCH_PER_DAY\` change that, \`BENCH_PROFILE=<folder>\` leaves a profile of processor time there,
\`BENCH_DATABASE_URL\` takes another PostgreSQL. A month of one person with iPhone and Watch is 22,226 samples.`,
  remarks: `Normalization begins while uploads go on, so that durable and normalized are close together, and share the two cores with the client and PostgreSQL. Of the program's
processor time, 18 % is keeping (two keyed digests for each sample are 11 %), 14 % vetting, which BFF and Device Manager both do, 10 % the JSON gate, 13 % collecting garbage, and
about a tenth normalization with its points and rollups; PostgreSQL takes a quarter of all. The COPY it is held against is told no JSON, vets nothing, digests and seals nothing. What would
help is one vetting where both services trust each other, and one digest for each sample.

Of the bytes of a heart rate, 126 are its row, 99 the index by identifier, 79 the index by time, 8 the index by payload, 38 the payload (compressed and sealed), 15 the normalized record,
10 points and rollups. The patient's identifier of 32 characters lies in row and both large indexes, because tables are divided by it: with a number in its place a heart rate would
take about 260.`,
  run,
};
