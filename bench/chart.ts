import { randomUUID } from 'node:crypto';
import { temporaryDirectory } from '../scripts/demo/program.ts';
import { openPool, type Pool } from '../src/database/pool.ts';
import { inTransaction } from '../src/database/transaction.ts';
import { dayOf } from '../src/device-manager/domain/chart.ts';
import type { StoredPoint } from '../src/device-manager/storage/series-body.ts';
import { mergeSeriesChunks, type SeriesChunk } from '../src/device-manager/storage/series-chunk-table.ts';
import { renewRollups } from '../src/device-manager/storage/series-rollup-table.ts';
import { openKeys } from '../src/keys/master-key-check.ts';
import type { KeyRing } from '../src/keys/scope-keys.ts';
import { medianOf, spreadOf, timeOf, type Benchmark, type Findings } from './setup/benchmark.ts';
import { startBenched } from './setup/person.ts';

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

const run = async (): Promise<Findings> => {
  const directory = temporaryDirectory();
  const program = await startBenched(directory.path);
  try {
    const pool = openPool(program.database, () => undefined);
    const { keyRing } = await openKeys(pool, { DATA_DIR: program.dataDirectory });
    await fill(pool, keyRing, 'many', 1_000_000);
    await fill(pool, keyRing, 'few', 10_000);
    await pool.end();
    const day = `&from=${new Date(firstDay + 100 * dayMs).toISOString()}&to=${new Date(firstDay + 101 * dayMs).toISOString()}`;
    const charts = { few: ['a year of 10,000 values', '_id=few'], many: ['a year of 1,000,000 values', '_id=many'], day: ['one day, 2,740 values', `_id=many${day}`] } as const;
    const took: Record<keyof typeof charts, number[]> = { few: [], many: [], day: [] };
    const bytes: Record<keyof typeof charts, number> = { few: 0, many: 0, day: 0 };
    for (let round = -3; round < rounds; round += 1) {
      for (const name of ['few', 'many', 'day'] as const) {
        const ms = await timeOf(async () => {
          const answer = await fetch(`${program.deviceManager}/chart-data?normalizedDataType=heart-rate&points=500&${charts[name][1]}`, { headers: { authorization: `Bearer ${program.serviceToken}` } });
          bytes[name] = (await answer.arrayBuffer()).byteLength;
          if (answer.status !== 200) throw new Error(`the chart was answered ${String(answer.status)}`);
        });
        if (round >= 0) took[name].push(ms); // the first rounds warm up
      }
    }
    return {
      figures: [{ what: 'a chart of 500 points over 1,000,000 samples, time', against: 'the same over 10,000', reached: medianOf(took.many) / medianOf(took.few), bound: { is: 'at most', must: 1.5, aim: 1.1 } }],
      table: [['chart', 'ms', 'kB'], ...(['few', 'many', 'day'] as const).map((name) => [charts[name][0], spreadOf(took[name], 1), (bytes[name] / 1000).toFixed(1)])],
    };
  } finally {
    await program.stop();
    directory.remove();
  }
};

/** Charts of a year, whatever is in it. */
export const benchmark: Benchmark = {
  title: 'Charts',
  about: `Asks the Device Manager for the chart of a year, of at most 500 points, over 1,000,000 heart rates and over 10,000, and for one day of the first, to the last byte;
${String(rounds)} alternating rounds. A year costs the same however many values it has, because it is drawn from the hours of twelve months.`,
  run,
};
