import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { nodeOptions, temporaryDirectory } from '../scripts/demo/program.ts';
import { openPool } from '../src/database/pool.ts';
import { spreadOf, type Benchmark, type Findings } from './setup/benchmark.ts';
import { createHeartRates } from './setup/heart-rates.ts';
import { normalizedIn } from './setup/normalized.ts';
import { newPerson, signInWithWatch, startBenched } from './setup/person.ts';
import { bodyOf, SAMPLES_PER_UPLOAD, uploadTo } from './setup/uploading.ts';

const samples = Number(process.env['BENCH_SAMPLES'] ?? 250_000);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);

interface Run {
  readonly seconds: number;
  readonly mostMiB: number;
}

const mostMiBOf = (pid: number | undefined): number => {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0; // ended meanwhile
  }
};

const command = async (dataDirectory: string, words: readonly string[]): Promise<Run> => {
  const started = performance.now();
  const child = spawn(process.execPath, [...nodeOptions, 'src/cli/vitalgate.ts', ...words], { cwd: join(import.meta.dirname, '..'), env: { PATH: process.env['PATH'], DATA_DIR: dataDirectory }, stdio: ['ignore', 'ignore', 'inherit'] });
  let mostMiB = 0;
  const watching = setInterval(() => (mostMiB = Math.max(mostMiB, mostMiBOf(child.pid))), 20);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  clearInterval(watching);
  if (code !== 0) throw new Error(`${words[0] ?? ''} ended with ${String(code)}`);
  return { seconds: (performance.now() - started) / 1000, mostMiB };
};

const rowOf = (name: string, runs: readonly Run[]): string[] => [name, spreadOf(runs.map(({ seconds }) => seconds), 1), Math.max(...runs.map(({ mostMiB }) => mostMiB)).toFixed(0)];

const run = async (): Promise<Findings> => {
  const here = temporaryDirectory();
  const program = await startBenched(here.path);
  try {
    const cookie = await signInWithWatch(program, await newPerson(program));
    const heartRates = createHeartRates();
    for (let sent = 0; sent < samples; sent += SAMPLES_PER_UPLOAD) await uploadTo(program, cookie, bodyOf(heartRates(SAMPLES_PER_UPLOAD)));
    const pool = openPool(program.database, () => undefined, 1);
    await normalizedIn(pool);
    const { rows: [size] } = await pool.query<{ bytes: string }>('select pg_database_size(current_database()) as bytes');
    await pool.end();
    const [backups, restores]: [Run[], Run[]] = [[], []];
    let bytes = 0;
    for (let round = 0; round < rounds; round += 1) {
      const archive = join(here.path, `backup-${String(round)}.zip`);
      backups.push(await command(here.path, ['backup', archive]));
      bytes = statSync(archive).size;
      const there = temporaryDirectory();
      copyFileSync(join(here.path, 'master-key'), join(there.path, 'master-key'));
      restores.push(await command(there.path, ['restore', archive, '--without-erasure-journal']));
      there.remove();
    }
    return {
      figures: [],
      table: [
        ['command', 's', 'largest resident memory, MiB'], rowOf('`vitalgate backup`', backups), rowOf('`vitalgate restore`', restores),
        [`the database, and the archive, MB: ${(Number(size?.bytes) / 1e6).toFixed(0)} and ${(bytes / 1e6).toFixed(1)}`, '', ''],
      ],
    };
  } finally {
    await program.stop();
    here.remove();
  }
};

/** A backup of the running program, and its restore. */
export const benchmark: Benchmark = {
  title: 'Backing up',
  about: `Uploads ${samples.toLocaleString('en')} heart rates (\`BENCH_SAMPLES\`), waits until they are normalized, backs up while the program runs, and restores into a new \`DATA_DIR\`, each as a command of its own, start of
Node and making of the PostgreSQL included. Memory does not follow the tables: with 10,000 heart rates it is 182 and 174 MiB.`,
  run,
};
