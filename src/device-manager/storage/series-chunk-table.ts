import type { Queryable } from '../../database/pool.ts';
import type { ScopeKeys } from '../../keys/scope-keys.ts';
import { openBytes, sealBytes } from './payload-table.ts';

/** One point: milliseconds since 1970, value, and the sample it comes from. */
export type StoredPoint = readonly [x: number, y: number, sampleId: string];

/** Which points: one series of one patient on one UTC day (YYYY-MM-DD). */
export interface SeriesChunkKey {
  readonly patientId: string;
  readonly normalizedType: string;
  readonly rawType: string;
  /** Code and unit, `8867-4|/min`. */
  readonly series: string;
  readonly day: string;
}

export interface SeriesChunk {
  readonly rawType: string;
  readonly series: string;
  /** Name with unit, as a chart shows it. */
  readonly name: string;
  readonly points: readonly StoredPoint[];
}

const aad = ({ patientId, normalizedType, rawType, series, day }: SeriesChunkKey) => `series_chunk:${patientId}:${normalizedType}:${rawType}:${series}:${day}`;
const bodyOf = (key: Buffer, sealed: Buffer, place: SeriesChunkKey) => JSON.parse(openBytes(key, sealed, aad(place)).toString('utf8')) as { name: string; points: StoredPoint[] };

/**
 * Adds points to the chunk of a day. Points of the same samples that were there before go first, so that doing it twice is doing it
 * once. The caller holds the patient's lock.
 */
export const mergeSeriesChunk = async (db: Queryable, { dataKey }: ScopeKeys, key: SeriesChunkKey, name: string, points: readonly StoredPoint[]): Promise<void> => {
  const at = [key.patientId, key.normalizedType, key.rawType, key.series, key.day];
  const { rows } = await db.query<{ body: Buffer }>(
    'select body from device_manager.series_chunk where patient_id = $1 and normalized_type = $2 and raw_type = $3 and series = $4 and day = $5::date',
    at,
  );
  const before = rows[0] ? bodyOf(dataKey, rows[0].body, key).points : [];
  const renewed = new Set(points.map(([, , sampleId]) => sampleId));
  const merged = [...before.filter(([, , sampleId]) => !renewed.has(sampleId)), ...points].sort((a, b) => a[0] - b[0]);
  await db.query(
    `insert into device_manager.series_chunk (patient_id, normalized_type, raw_type, series, day, body) values ($1, $2, $3, $4, $5::date, $6)
     on conflict (patient_id, normalized_type, raw_type, series, day) do update set body = excluded.body, updated_at = now()`,
    [...at, sealBytes(dataKey, Buffer.from(JSON.stringify({ name, points: merged })), aad(key))],
  );
};

/**
 * Removes the points of samples from the chunks of one day of a normalized type, whatever their series: what another rule made of them
 * before must not stay in a chart. The caller holds the patient's lock.
 */
export const removePoints = async (
  db: Queryable, { dataKey }: ScopeKeys, { patientId, normalizedType, day }: Pick<SeriesChunkKey, 'patientId' | 'normalizedType' | 'day'>, samples: ReadonlySet<string>,
): Promise<void> => {
  const { rows } = await db.query<{ raw_type: string; series: string; body: Buffer }>(
    'select raw_type, series, body from device_manager.series_chunk where patient_id = $1 and normalized_type = $2 and day = $3::date',
    [patientId, normalizedType, day],
  );
  for (const row of rows) {
    const place = { patientId, normalizedType, rawType: row.raw_type, series: row.series, day };
    const { name, points } = bodyOf(dataKey, row.body, place);
    const others = points.filter(([, , sampleId]) => !samples.has(sampleId));
    if (others.length === points.length) continue;
    await db.query(
      `update device_manager.series_chunk set body = $6, updated_at = now()
       where patient_id = $1 and normalized_type = $2 and raw_type = $3 and series = $4 and day = $5::date`,
      [patientId, normalizedType, row.raw_type, row.series, day, sealBytes(dataKey, Buffer.from(JSON.stringify({ name, points: others })), aad(place))],
    );
  }
};

/** The chunks of a chart in order of day; days as YYYY-MM-DD, both included. */
export const readSeriesChunks = async (
  db: Queryable, { dataKey }: ScopeKeys, patientId: string,
  { normalizedType, rawType, fromDay, toDay }: { readonly normalizedType: string; readonly rawType?: string | undefined; readonly fromDay?: string | undefined; readonly toDay?: string | undefined },
): Promise<SeriesChunk[]> => {
  const { rows } = await db.query<{ raw_type: string; series: string; day: string; body: Buffer }>(
    `select raw_type, series, to_char(day, 'YYYY-MM-DD') as day, body from device_manager.series_chunk
     where patient_id = $1 and normalized_type = $2 and ($3::text is null or raw_type = $3)
       and ($4::date is null or day >= $4) and ($5::date is null or day <= $5) order by day`,
    [patientId, normalizedType, rawType ?? null, fromDay ?? null, toDay ?? null],
  );
  return rows.map((row) => {
    const place = { patientId, normalizedType, rawType: row.raw_type, series: row.series, day: row.day };
    return { rawType: row.raw_type, series: row.series, ...bodyOf(dataKey, row.body, place) };
  });
};
