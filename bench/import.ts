/**
 * Time of an import beside a bare saxes parse of the same file in the same run: reading alone (XML to items), and all of it (read, uploaded,
 * stored, until it is normalized), each a new person; and what reading a long export costs in memory. Usage: npm run bench -- import
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { SaxesParser } from 'saxes';
import { temporaryDirectory } from '../scripts/demo/program.ts';
import { openPool } from '../src/database/pool.ts';
import { normalizedIn } from './normalized.ts';
import { newPerson, startBenched, type Person } from './person.ts';
import { processorTimes } from './processor-time.ts';
import { openExport } from '../src/apple-health/archive.ts';
import { itemsOfExport } from '../src/apple-health/export-items.ts';
import { uploadItems } from '../src/apple-health/import-run.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);
const longCopies = 30;
const MiB = 1024 * 1024;
const compressed = join(import.meta.dirname, '..', 'test', 'fixtures', 'healthkit', 'generated', 'export-30days.xml.gz');

const timeOf = async (work: () => unknown): Promise<number> => {
  const started = performance.now();
  await work();
  return performance.now() - started;
};
const medianOf = (figures: readonly number[]): number => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;

const parseBare = (path: string): void => {
  const parser = new SaxesParser();
  const text = readFileSync(path, 'utf8');
  for (let at = 0; at < text.length; at += 65_536) parser.write(text.slice(at, at + 65_536));
  parser.close();
};
const readAll = async (path: string): Promise<number> => {
  const archive = await openExport(path);
  let items = 0;
  for await (const page of itemsOfExport(archive)) items += page.length;
  archive.close();
  return items;
};

const directory = temporaryDirectory();
const program = await startBenched(directory.path);
try {
  const file = join(directory.path, 'export.xml');
  const xml = gunzipSync(readFileSync(compressed)).toString('utf8');
  writeFileSync(file, xml);
  const pool = openPool(program.database, () => undefined);
  let durableMs = 0;
  const importAll = async (credentials: Person) => {
    const started = performance.now();
    const archive = await openExport(file);
    const { statuses } = await uploadItems(itemsOfExport(archive), { url: program.bff, credentials, onEnrolled: () => undefined }, 0, { settled: () => undefined, settledUpTo: () => undefined });
    if ((statuses['created'] ?? 0) < 22_000) throw new Error(JSON.stringify(statuses));
    durableMs = performance.now() - started;
    await normalizedIn(pool);
  };
  const times = { bare: [] as number[], reading: [] as number[], importing: [] as number[], normalized: [] as number[] };
  const processor = { importer: [] as number[], program: [] as number[], postgres: [] as number[] };
  for (let round = -1; round < rounds; round += 1) {
    const person = await newPerson(program);
    const [bare, reading] = [await timeOf(() => parseBare(file)), await timeOf(() => readAll(file))];
    const [own, before] = [process.cpuUsage(), processorTimes(program.pid)];
    const normalized = await timeOf(() => importAll(person));
    const [{ user, system }, after] = [process.cpuUsage(own), processorTimes(program.pid)];
    if (round < 0) continue; // warms up
    times.bare.push(bare);
    times.reading.push(reading);
    times.importing.push(durableMs);
    times.normalized.push(normalized);
    processor.importer.push((user + system) / 1000);
    processor.program.push(after.program - before.program);
    processor.postgres.push(after.children - before.children);
  }
  const bare = medianOf(times.bare);
  for (const [name, figures] of Object.entries(times)) console.log(`${name}: ${medianOf(figures).toFixed(0)} ms (${Math.min(...figures).toFixed(0)} to ${Math.max(...figures).toFixed(0)}), speed of the bare parse ${(bare / medianOf(figures)).toFixed(2)}`);
  for (const [name, figures] of Object.entries(processor)) console.log(`processor time of the ${name}: ${medianOf(figures).toFixed(0)} ms`);
  await pool.end();

  const body = xml.slice(xml.indexOf('<Record'), xml.lastIndexOf('</HealthData>'));
  const long = join(directory.path, 'long.xml');
  writeFileSync(long, '<HealthData locale="en_US">');
  for (let copy = 0; copy < longCopies; copy += 1) writeFileSync(long, body, { flag: 'a' });
  writeFileSync(long, '</HealthData>', { flag: 'a' });
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let most = before;
  const archive = await openExport(long);
  let items = 0;
  for await (const page of itemsOfExport(archive)) {
    items += page.length;
    most = Math.max(most, process.memoryUsage.rss());
  }
  console.log(`reading ${(archive.totalBytes / MiB).toFixed(0)} MiB (${String(items)} items): resident memory grew by ${((most - before) / MiB).toFixed(0)} MiB`);
  rmSync(long);
} finally {
  await program.stop();
  directory.remove();
}
