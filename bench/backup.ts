/**
 * Backs up the whole program while it runs, and restores it into a new DATA_DIR, each as a command of its own: time, processor time, size and
 * the largest resident memory. Medians of the rounds; a restore has the making of the embedded PostgreSQL in it.
 * Usage: npm run bench -- backup
 */
import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { nodeOptions, temporaryDirectory } from '../scripts/demo/program.ts';
import { openPool } from '../src/database/pool.ts';
import { createHeartRates } from './heart-rates.ts';
import { normalizedIn } from './normalized.ts';
import { newPerson, signInWithWatch, startBenched } from './person.ts';

const samples = Number(process.env['BENCH_SAMPLES'] ?? 250_000);
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 3);
const samplesPerUpload = 1000;

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

const told = (name: string, runs: readonly Run[]): void => {
  const seconds = runs.map((run) => run.seconds).toSorted((a, b) => a - b);
  const median = seconds[Math.floor(seconds.length / 2)] ?? Number.NaN;
  console.log(`${name.padEnd(8)} ${median.toFixed(1)} s (${(seconds[0] ?? 0).toFixed(1)} to ${(seconds.at(-1) ?? 0).toFixed(1)}), largest resident memory ${Math.max(...runs.map(({ mostMiB }) => mostMiB)).toFixed(0)} MiB`);
};

const here = temporaryDirectory();
const program = await startBenched(here.path);
try {
  const cookie = await signInWithWatch(program, await newPerson(program));
  const heartRates = createHeartRates();
  for (let sent = 0; sent < samples; sent += samplesPerUpload) {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip', cookie };
    const answer = await fetch(`${program.bff}/health-data?type=HeartRate&unit=bpm`, { method: 'POST', headers, body: new Uint8Array(gzipSync(JSON.stringify(heartRates(samplesPerUpload)))) });
    await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`an upload answered ${String(answer.status)}`);
  }
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
  console.log(`${samples.toLocaleString('en')} heart rates, database ${(Number(size?.bytes) / 1e6).toFixed(0)} MB, archive ${(bytes / 1e6).toFixed(1)} MB, ${String(rounds)} rounds`);
  told('backup', backups);
  told('restore', restores);
} finally {
  await program.stop();
  here.remove();
}
