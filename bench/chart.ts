/**
 * What a chart of 500 points costs over a year of 1,000,000 heart rates, beside one over 10,000 of the same year and one over a day of
 * the first: time to the last byte at the Device Manager, and size of the answer. Rounds alternate; medians. Usage: npm run bench -- chart
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProgram, temporaryDirectory, type Program } from '../scripts/demo/program.ts';
import { openPool, type Connection, type Pool } from '../src/database/pool.ts';
import { inTransaction } from '../src/database/transaction.ts';
import { dayOf } from '../src/device-manager/domain/chart.ts';
import type { StoredPoint } from '../src/device-manager/storage/series-body.ts';
import { mergeSeriesChunks, type SeriesChunk } from '../src/device-manager/storage/series-chunk-table.ts';
import { renewRollups } from '../src/device-manager/storage/series-rollup-table.ts';
import { openKeys } from '../src/keys/master-key-check.ts';
import type { KeyRing } from '../src/keys/scope-keys.ts';

const rounds = 21;
const days = 365;
const dayMs = 86_400_000;
const firstDay = Date.UTC(2023, 0, 1);

/** Charts read points alone, so points alone are stored: in chunks and rollups, as normalization stores them. */
const fill = (pool: Pool, keyRing: KeyRing, patientId: string, points: number): Promise<void> =>
  inTransaction(pool, async (client) => {
    const keys = await keyRing.keysOf(client, `patient:${patientId}`);
    const perDay = Math.round(points / days);
    const payloadId = randomUUID().replaceAll('-', '');
    const chunks: SeriesChunk[] = [];
    for (let day = 0; day < days; day += 1) {
      const start = firstDay + day * dayMs;
      const key = { patientId, normalizedType: 'heart-rate', rawType: 'HKQuantityTypeIdentifierHeartRate', series: '8867-4|/min', day: dayOf(start) };
      const made = Array.from({ length: perDay }, (_, index): StoredPoint => [start + Math.floor((index * dayMs) / perDay), 50 + ((day + index) % 90), payloadId, index, 'watch']);
      chunks.push({ key, name: 'Heart rate [bpm]', points: made });
    }
    await renewRollups(client, keys, patientId, await mergeSeriesChunks(client, keys, patientId, chunks));
  });

const openAll = async (program: Program): Promise<{ pool: Pool; keyRing: KeyRing }> => {
  const { database } = JSON.parse(readFileSync(join(program.dataDirectory, 'server.json'), 'utf8')) as { database: Connection };
  const pool = openPool(database, () => undefined);
  return { pool, keyRing: (await openKeys(pool, { DATA_DIR: program.dataDirectory })).keyRing };
};

const medianOf = (figures: readonly number[]): number => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;

const directory = temporaryDirectory();
const program = await startProgram(directory.path, { LOG_LEVEL: 'error' });
try {
  const { pool, keyRing } = await openAll(program);
  await fill(pool, keyRing, 'many', 1_000_000);
  await fill(pool, keyRing, 'few', 10_000);
  await pool.end();
  const day = `&from=${new Date(firstDay + 100 * dayMs).toISOString()}&to=${new Date(firstDay + 101 * dayMs).toISOString()}`;
  const charts = { 'a year of 10,000': '_id=few', 'a year of 1,000,000': '_id=many', 'a day of 2,740': `_id=many${day}` };
  const took: Record<string, number[]> = {};
  const bytes: Record<string, number> = {};
  for (let round = -3; round < rounds; round += 1) {
    for (const [name, query] of Object.entries(charts)) {
      const started = performance.now();
      const answer = await fetch(`${program.demo.deviceManager}/chart-data?normalizedDataType=heart-rate&points=500&${query}`, { headers: { authorization: `Bearer ${program.demo.serviceToken}` } });
      bytes[name] = (await answer.arrayBuffer()).byteLength;
      if (answer.status !== 200) throw new Error(`the chart was answered ${String(answer.status)}`);
      if (round >= 0) (took[name] ??= []).push(performance.now() - started); // the first rounds warm up
    }
  }
  const median = (name: string): number => medianOf(took[name] ?? []);
  for (const name of Object.keys(charts)) console.log(`${name.padEnd(22)} median ${median(name).toFixed(1)} ms, ${((bytes[name] ?? 0) / 1000).toFixed(1)} kB`);
  console.log(`1,000,000 beside 10,000: ${(median('a year of 1,000,000') / median('a year of 10,000')).toFixed(2)}`);
} finally {
  await program.stop();
  directory.remove();
}
