import { temporaryDirectory } from '../scripts/demo/program.ts';
import { openPool } from '../src/database/pool.ts';
import { inLanes, timeOf, type Benchmark, type Findings } from './setup/benchmark.ts';
import { createHeartRates } from './setup/heart-rates.ts';
import { normalizedIn } from './setup/normalized.ts';
import { newPerson, signInWithWatch, startBenched } from './setup/person.ts';
import { residentMiB } from './setup/processor-time.ts';
import { bodyOf, SAMPLES_PER_UPLOAD, uploadTo } from './setup/uploading.ts';

const samples = Number(process.env['BENCH_SAMPLES'] ?? 1_000_000);
const lanes = 4;
const uploadsAhead = 20;

const run = async (): Promise<Findings> => {
  const directory = temporaryDirectory();
  const program = await startBenched(directory.path);
  const pool = openPool(program.database, () => undefined);
  const idleMiB = residentMiB(program.pid);
  let mostMiB = idleMiB;
  const watching = setInterval(() => (mostMiB = Math.max(mostMiB, residentMiB(program.pid))), 100);
  try {
    const cookie = await signInWithWatch(program, await newPerson(program));
    const heartRates = createHeartRates();
    const ms = await timeOf(async () => {
      for (let sent = 0; sent < samples; sent += uploadsAhead * SAMPLES_PER_UPLOAD) {
        const bodies = Array.from({ length: uploadsAhead }, () => bodyOf(heartRates(SAMPLES_PER_UPLOAD)));
        await inLanes(lanes, bodies, (body) => uploadTo(program, cookie, body));
      }
      await normalizedIn(pool);
    });
    return {
      figures: [{ what: `resident memory of the program, ${samples.toLocaleString('en')} samples uploaded and normalized`, against: 'the same program idle', reached: mostMiB - idleMiB, unit: 'MiB', bound: { is: 'at most', must: 256, aim: 128 } }],
      table: [
        ['', 'MiB'],
        ['idle', idleMiB.toFixed(0)],
        ['at most', mostMiB.toFixed(0)],
        ['at the end', residentMiB(program.pid).toFixed(0)],
        ['samples a second until normalized, of one person', `${((samples * 1000) / ms).toFixed(0)} (no MiB)`],
      ],
    };
  } finally {
    clearInterval(watching);
    await pool.end();
    await program.stop();
    directory.remove();
  }
};

/** What a million samples do to the memory of the program. */
export const benchmark: Benchmark = {
  title: 'Memory',
  about: `Uploads ${samples.toLocaleString('en')} heart rates of one person, ${String(lanes)} uploads of ${String(SAMPLES_PER_UPLOAD)} at once, and waits until all are normalized, looking at the resident memory of the one process that
runs all services and jobs, ten times a second. PostgreSQL has its own.`,
  remarks: `Most of it is there early: the 160,000 samples of the benchmark of uploads leave the program some 230 MiB above idle. Runs differ by 25 MiB; normalizing fewer samples at
once, or half the room for young objects, made no difference that can be told from that.`,
  run,
};
