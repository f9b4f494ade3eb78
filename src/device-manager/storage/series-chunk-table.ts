import type { Queryable } from '../../database/pool.ts';
import type { ScopeKeys } from '../../keys/scope-keys.ts';
import { rowsOf } from './erasing-rows.ts';
import { openBytes, sealBytes } from './payload-table.ts';

/** One point: milliseconds since 1970, value, the sample it comes from, and what measured it. */
export type StoredPoint = readonly [x: number, y: number, sampleId: string, source: string];

/** Which points: one series of one patient on one UTC day (YYYY-MM-DD). */
export interface SeriesChunkKey {
  readonly patientId: string;
  readonly normalizedType: string;
  readonly rawType: string;
  /** Code and unit, `8867-4|/min`. */
  readonly series: string;
  readonly day: string;
}

/** The points of one series on one day. */
export interface SeriesChunk {
  readonly key: SeriesChunkKey;
  /** Name with unit, as a chart shows it. */
  readonly name: string;
  readonly points: readonly StoredPoint[];
}

/** Which chunks or rollups; days as YYYY-MM-DD, both included. */
export interface SeriesFilter {
  readonly normalizedType: string;
  readonly rawType?: string | undefined;
  readonly fromDay?: string | undefined;
  readonly toDay?: string | undefined;
}

/** As sealed: sources are named once, and points refer to them by position. */
interface Body {
  readonly name: string;
  readonly sources: readonly string[];
  readonly points: readonly (readonly [x: number, y: number, sampleId: string, source: number])[];
}

const aad = ({ patientId, normalizedType, rawType, series, day }: SeriesChunkKey) => `series_chunk:${patientId}:${normalizedType}:${rawType}:${series}:${day}`;

const opened = (dataKey: Buffer, sealed: Buffer, key: SeriesChunkKey): SeriesChunk => {
  const { name, sources, points } = JSON.parse(openBytes(dataKey, sealed, aad(key)).toString('utf8')) as Body;
  return { key, name, points: points.map(([x, y, sampleId, source]) => [x, y, sampleId, sources[source] ?? '']) };
};

const sealed = (dataKey: Buffer, { key, name, points }: SeriesChunk): Buffer => {
  const sources = [...new Set(points.map(([, , , source]) => source))];
  const positions = new Map(sources.map((source, position) => [source, position]));
  const body: Body = { name, sources, points: points.map(([x, y, sampleId, source]) => [x, y, sampleId, positions.get(source) ?? 0]) };
  return sealBytes(dataKey, Buffer.from(JSON.stringify(body)), aad(key));
};

/**
 * Adds points to the chunk of a day and answers all it has now. Points of the same samples that were there before go first, so that
 * doing it twice is doing it once. The caller holds the patient's lock and renews the rollup.
 */
export const mergeSeriesChunk = async (db: Queryable, { dataKey }: ScopeKeys, key: SeriesChunkKey, name: string, points: readonly StoredPoint[]): Promise<SeriesChunk> => {
  const at = [key.patientId, key.normalizedType, key.rawType, key.series, key.day];
  const { rows } = await db.query<{ body: Buffer }>(
    'select body from device_manager.series_chunk where patient_id = $1 and normalized_type = $2 and raw_type = $3 and series = $4 and day = $5::date',
    at,
  );
  const before = rows[0] ? opened(dataKey, rows[0].body, key).points : [];
  const renewed = new Set(points.map(([, , sampleId]) => sampleId));
  const chunk = { key, name, points: [...before.filter(([, , sampleId]) => !renewed.has(sampleId)), ...points].sort((a, b) => a[0] - b[0]) };
  await db.query(
    `insert into device_manager.series_chunk (patient_id, normalized_type, raw_type, series, day, body) values ($1, $2, $3, $4, $5::date, $6)
     on conflict (patient_id, normalized_type, raw_type, series, day) do update set body = excluded.body, updated_at = clock_timestamp()`,
    [...at, sealed(dataKey, chunk)],
  );
  return chunk;
};

/**
 * Removes the points of samples from the chunks of one day of a normalized type, whatever their series: what another rule made of them
 * before must not stay in a chart. Answers the chunks that changed, as they are now. The caller holds the patient's lock and renews
 * the rollups.
 */
export const removePoints = async (
  db: Queryable, { dataKey }: ScopeKeys, { patientId, normalizedType, day }: Pick<SeriesChunkKey, 'patientId' | 'normalizedType' | 'day'>, samples: ReadonlySet<string>,
): Promise<SeriesChunk[]> => {
  const { rows } = await db.query<{ raw_type: string; series: string; body: Buffer }>(
    'select raw_type, series, body from device_manager.series_chunk where patient_id = $1 and normalized_type = $2 and day = $3::date',
    [patientId, normalizedType, day],
  );
  const chunks = rows.map((row) => opened(dataKey, row.body, { patientId, normalizedType, rawType: row.raw_type, series: row.series, day }));
  const changed = chunks.filter(({ points }) => points.some(([, , sampleId]) => samples.has(sampleId))).map((chunk) => ({ ...chunk, points: chunk.points.filter(([, , sampleId]) => !samples.has(sampleId)) }));
  for (const chunk of changed) {
    await db.query(
      `update device_manager.series_chunk set body = $6, updated_at = clock_timestamp()
       where patient_id = $1 and normalized_type = $2 and raw_type = $3 and series = $4 and day = $5::date`,
      [patientId, normalizedType, chunk.key.rawType, chunk.key.series, day, sealed(dataKey, chunk)],
    );
  }
  return changed;
};

const filtered = `patient_id = $1 and normalized_type = $2 and ($3::text is null or raw_type = $3) and ($4::date is null or day >= $4) and ($5::date is null or day <= $5)`;
const valuesOf = (patientId: string, { normalizedType, rawType, fromDay, toDay }: SeriesFilter) => [patientId, normalizedType, rawType ?? null, fromDay ?? null, toDay ?? null];

/** The chunks of a chart in order of day. */
export const readSeriesChunks = async (db: Queryable, { dataKey }: ScopeKeys, patientId: string, filter: SeriesFilter): Promise<SeriesChunk[]> => {
  const { rows } = await db.query<{ raw_type: string; series: string; day: string; body: Buffer }>(
    `select raw_type, series, to_char(day, 'YYYY-MM-DD') as day, body from device_manager.series_chunk where ${filtered} order by day`,
    valuesOf(patientId, filter),
  );
  return rows.map((row) => opened(dataKey, row.body, { patientId, normalizedType: filter.normalizedType, rawType: row.raw_type, series: row.series, day: row.day }));
};

/** The first and the last day of a chart, and a text that changes whenever one of its chunks does; undefined when it has none. */
export const extentOf = async (db: Queryable, patientId: string, filter: SeriesFilter): Promise<{ firstDay: string; lastDay: string; version: string } | undefined> => {
  const { rows } = await db.query<{ first_day: string | null; last_day: string | null; version: string | null }>(
    `select to_char(min(day), 'YYYY-MM-DD') as first_day, to_char(max(day), 'YYYY-MM-DD') as last_day,
       count(*)::text || '/' || sum(extract(epoch from updated_at))::text || '/' || max(updated_at)::text as version
     from device_manager.series_chunk where ${filtered}`,
    valuesOf(patientId, filter),
  );
  const { first_day: firstDay = null, last_day: lastDay = null, version = null } = rows[0] ?? {};
  return firstDay === null || lastDay === null || version === null ? undefined : { firstDay, lastDay, version };
};

/** Erases the points of a patient. */
export const eraseSeries = rowsOf('series_chunk');
