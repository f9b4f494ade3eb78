import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { from as copyFrom } from 'pg-copy-streams';
import type { Pool } from '../../src/database/pool.ts';
import type { HeartRate } from './heart-rates.ts';

/** The wide row that a health data table usually is: all of a sample in one place, found by key, by device identifier and by time. */
const wideTable = `
  create schema bench;
  create table bench.health_data (
    id uuid not null default gen_random_uuid() primary key, user_id text not null, dedup text not null, device_id text not null, provider text not null, type text not null,
    format text not null, start_at timestamptz not null, end_at timestamptz not null, received_at timestamptz not null, raw jsonb not null, normalized jsonb not null,
    unique (user_id, dedup));
  create index on bench.health_data (user_id, type, start_at)`;
const columns = 'user_id, dedup, device_id, provider, type, format, start_at, end_at, received_at, raw, normalized';

/** Makes the table beside those of the program. */
export const createWideTable = (pool: Pool): Promise<unknown> => pool.query(wideTable);

const normalizedOf = ({ value, startDate }: HeartRate) => ({
  period: { startDate: new Date(startDate.replace(/(\d\d)$/, ':$1')).toISOString(), offsetMinutes: 120, offsetFrom: 'declared' },
  observations: [{ code: 'https://loinc.org/8867-4', name: 'Heart rate', unit: 'bpm', unitCode: '/min', value }],
});

/** The values of one heart rate in the order of the columns. */
export const wideValues = (sample: HeartRate): string[] =>
  ['6a1f0c6e2b7d4f0e9c3a5b10', sample.id, '0123456789abcdef', 'healthkit', 'HKQuantityTypeIdentifierHeartRate', 'healthkitstandard-json', sample.startDate, sample.endDate, new Date().toISOString(),
    JSON.stringify(sample), JSON.stringify(normalizedOf(sample))];

/** Samples as the text that COPY reads. */
export const wideRows = (samples: readonly HeartRate[]): string =>
  `${samples.map((sample) => wideValues(sample).map((text) => text.replaceAll('\\', '\\\\')).join('\t')).join('\n')}\n`;

/** COPY of rows that were written before. */
export const copyWide = async (pool: Pool, rows: string): Promise<void> => {
  const client = await pool.connect();
  try {
    await pipeline(Readable.from([rows]), client.query(copyFrom(`copy bench.health_data (${columns}) from stdin`)));
  } finally {
    client.release();
  }
};

/** One row in a statement and a transaction of its own. */
export const insertWide = (pool: Pool, values: readonly string[]): Promise<unknown> =>
  pool.query({ name: 'insert-wide', text: `insert into bench.health_data (${columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, values: [...values] });

/** Bytes that the tables of a schema take, all indexes included. */
export const storedBytes = async (pool: Pool, schema: string): Promise<number> =>
  Number((await pool.query<{ bytes: string }>(`select sum(pg_total_relation_size(c.oid)) as bytes from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind in ('r', 'p')`, [schema])).rows[0]?.bytes ?? 0);
