import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { SaxesParser } from 'saxes';
import { temporaryDirectory } from '../scripts/demo/program.ts';
import { openPool } from '../src/database/pool.ts';
import { openExport } from '../src/apple-health/archive.ts';
import { itemsOfExport } from '../src/apple-health/export-items.ts';
import { uploadItems } from '../src/apple-health/import-run.ts';
import { medianOf, spreadOf, timeOf, type Benchmark, type Findings } from './setup/benchmark.ts';
import { normalizedIn } from './setup/normalized.ts';
import { newPerson, startBenched, type BenchedProgram, type Person } from './setup/person.ts';
import { processorTimes } from './setup/processor-time.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 7);
const longCopies = 30;
const MiB = 1024 * 1024;
const compressed = join(import.meta.dirname, '..', 'test', 'fixtures', 'healthkit', 'generated', 'export-30days.xml.gz');

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

/** Imports the file for somebody; answers how long it took until the last receipt. */
const importAll = async (program: BenchedProgram, file: string, credentials: Person): Promise<number> =>
  timeOf(async () => {
    const archive = await openExport(file);
    const { statuses } = await uploadItems(itemsOfExport(archive), { url: program.bff, credentials, timeZone: 'Europe/Rome', onEnrolled: () => undefined }, 0, { settled: () => undefined, settledUpTo: () => undefined });
    if ((statuses['created'] ?? 0) < 22_000) throw new Error(JSON.stringify(statuses));
  });

/** How much resident memory grows by while a long export is read. */
const growthOfReading = async (folder: string, xml: string): Promise<{ readMiB: number; items: number; grownMiB: number }> => {
  const body = xml.slice(xml.indexOf('<Record'), xml.lastIndexOf('</HealthData>'));
  const long = join(folder, 'long.xml');
  writeFileSync(long, '<HealthData locale="en_US">');
  for (let copy = 0; copy < longCopies; copy += 1) writeFileSync(long, body, { flag: 'a' });
  writeFileSync(long, '</HealthData>', { flag: 'a' });
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let [most, items] = [before, 0];
  const archive = await openExport(long);
  for await (const page of itemsOfExport(archive)) {
    items += page.length;
    most = Math.max(most, process.memoryUsage.rss());
  }
  rmSync(long);
  return { readMiB: archive.totalBytes / MiB, items, grownMiB: (most - before) / MiB };
};

const run = async (): Promise<Findings> => {
  const directory = temporaryDirectory();
  const program = await startBenched(directory.path);
  const pool = openPool(program.database, () => undefined);
  try {
    const file = join(directory.path, 'export.xml');
    const xml = gunzipSync(readFileSync(compressed)).toString('utf8');
    writeFileSync(file, xml);
    const times: Record<'bare' | 'reading' | 'importing' | 'normalized', number[]> = { bare: [], reading: [], importing: [], normalized: [] };
    const processor: Record<'importer' | 'program' | 'postgres', number[]> = { importer: [], program: [], postgres: [] };
    for (let round = -1; round < rounds; round += 1) {
      const person = await newPerson(program);
      const [bare, reading] = [await timeOf(() => parseBare(file)), await timeOf(() => readAll(file))];
      const [own, before] = [process.cpuUsage(), processorTimes(program.pid)];
      const importing = await importAll(program, file, person);
      const normalized = importing + (await timeOf(() => normalizedIn(pool)));
      const [{ user, system }, after] = [process.cpuUsage(own), processorTimes(program.pid)];
      if (round < 0) continue; // warms up
      for (const [name, ms] of Object.entries({ bare, reading, importing, normalized })) times[name as keyof typeof times].push(ms);
      processor.importer.push((user + system) / 1000);
      processor.program.push(after.program - before.program);
      processor.postgres.push(after.children - before.children);
    }
    const { readMiB, items, grownMiB } = await growthOfReading(directory.path, xml);
    const speed = (name: keyof typeof times) => medianOf(times.bare) / medianOf(times[name]);
    return {
      figures: [{ what: 'import of export.xml until the last receipt, speed', against: 'a bare saxes parse', reached: speed('importing'), bound: { is: 'at least', must: 0.15, aim: 0.3 } }],
      table: [
        ['work', 'ms', 'speed of the bare parse'],
        ['a bare parse', spreadOf(times.bare), '1'],
        ['reading: items with their units, pairs and dates', spreadOf(times.reading), speed('reading').toFixed(2)],
        ['importing: signed in, read, uploaded, vetted twice, sealed, stored, until the last receipt', spreadOf(times.importing), speed('importing').toFixed(2)],
        ['until the last sample is normalized and charted, too', spreadOf(times.normalized), speed('normalized').toFixed(2)],
        ['processor time of importer, program and PostgreSQL', [processor.importer, processor.program, processor.postgres].map((one) => medianOf(one).toFixed(0)).join(', '), ''],
        [`reading ${readMiB.toFixed(0)} MiB (${items.toLocaleString('en')} items): growth of resident memory`, `${grownMiB.toFixed(0)} MiB`, ''],
      ],
    };
  } finally {
    await pool.end();
    await program.stop();
    directory.remove();
  }
};

/** An import beside a bare parse of its file. */
export const benchmark: Benchmark = {
  title: 'Importing',
  about: `Reads and imports the month of \`export-30days.xml.gz\` (10.5 MB of XML, 22,261 items), each time for a new person, beside a bare saxes parse of the same file, until all is
stored and until all is normalized; ways alternate, one round warms up.`,
  remarks: `Reading alone is near the bare parse; the rest is the way of uploads ([above](#uploading)) on the same two cores, of which the importer itself takes a fifth.`,
  run,
};
