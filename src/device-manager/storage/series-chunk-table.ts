import type { Queryable } from '../../database/pool.ts';
import { namesOfType } from '../../healthkit/type-catalogue.ts';
import type { DataKey } from '../../keys/data-key.ts';
import type { ScopeKeys } from '../../keys/scope-keys.ts';
import { rowsOf } from './erasing-rows.ts';
import { openBytes, sealBytes } from './payload-table.ts';
import type { SealedColumn } from './sealed-column.ts';
import { isAt, mergedPoints, placesOfSamples, readSeriesBytes, seriesBytes, type SeriesBody } from './series-body.ts';

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
export interface SeriesChunk extends SeriesBody {
  readonly key: SeriesChunkKey;
}

/** Which chunks or rollups; days as YYYY-MM-DD, both included. */
export interface SeriesFilter {
  readonly normalizedType: string;
  /** As a provider names it, or by any name that HealthKit's types have. */
  readonly rawType?: string | undefined;
  readonly fromDay?: string | undefined;
  readonly toDay?: string | undefined;
  /** Chunks of these days alone. */
  readonly days?: readonly string[] | undefined;
}

const aad = ({ patientId, normalizedType, rawType, series, day }: SeriesChunkKey) => `series_chunk:${patientId}:${normalizedType}:${rawType}:${series}:${day}`;
const opened = async (dataKey: DataKey, sealed: Buffer, key: SeriesChunkKey): Promise<SeriesChunk> => ({ key, ...readSeriesBytes(await openBytes(dataKey, sealed, aad(key))) });
const keyText = ({ normalizedType, rawType, series, day }: SeriesChunkKey): string => JSON.stringify([normalizedType, rawType, series, day]);

interface Row {
  readonly normalized_type: string;
  readonly raw_type: string;
  readonly series: string;
  readonly day: string;
  readonly body: Buffer;
}

const keyOf = (patientId: string, row: Row): SeriesChunkKey => ({ patientId, normalizedType: row.normalized_type, rawType: row.raw_type, series: row.series, day: row.day });

/** What of a chunk is sealed. */
export const sealedSeries: SealedColumn = {
  table: 'series_chunk', column: 'body', key: { normalized_type: 'text', raw_type: 'text', series: 'text', day: 'date' },
  placeOf: (patientId, [normalizedType = '', rawType = '', series = '', day = '']) => aad({ patientId, normalizedType, rawType, series, day }),
};

const keyColumns = (keys: readonly SeriesChunkKey[]) => [keys.map(({ normalizedType }) => normalizedType), keys.map(({ rawType }) => rawType), keys.map(({ series }) => series), keys.map(({ day }) => day)];

/** A day without points is none of a chart: neither its first nor its last. */
const deleteChunks = async (db: Queryable, patientId: string, keys: readonly SeriesChunkKey[]): Promise<void> => {
  if (keys.length === 0) return;
  await db.query(
    `delete from device_manager.series_chunk c using unnest($2::text[], $3::text[], $4::text[], $5::date[]) as t(normalized_type, raw_type, series, day)
     where c.patient_id = $1 and c.normalized_type = t.normalized_type and c.raw_type = t.raw_type and c.series = t.series and c.day = t.day`,
    [patientId, ...keyColumns(keys)],
  );
};

/** Writes chunks of one patient in place of those that are there. */
const writeChunks = async (db: Queryable, dataKey: DataKey, patientId: string, all: readonly SeriesChunk[]): Promise<void> => {
  await deleteChunks(db, patientId, all.filter(({ points }) => points.length === 0).map(({ key }) => key));
  const chunks = all.filter(({ points }) => points.length > 0);
  if (chunks.length === 0) return;
  await db.query({
    name: 'write-series-chunks',
    text: `insert into device_manager.series_chunk (patient_id, normalized_type, raw_type, series, day, body)
     select $1, t.* from unnest($2::text[], $3::text[], $4::text[], $5::date[], $6::bytea[]) as t
     on conflict (patient_id, normalized_type, raw_type, series, day) do update set body = excluded.body, updated_at = clock_timestamp()`,
    values: [patientId, ...keyColumns(chunks.map(({ key }) => key)), chunks.map((chunk) => sealBytes(dataKey, seriesBytes(chunk), aad(chunk.key)))],
  });
};

/**
 * Adds points to the chunks of some days of one patient, all at once, and answers what these have now. Points of the same samples that
 * were there before go first, so that doing it twice is doing it once. The caller holds the patient's lock and renews the rollups.
 */
export const mergeSeriesChunks = async (db: Queryable, { dataKey }: ScopeKeys, patientId: string, added: readonly SeriesChunk[]): Promise<SeriesChunk[]> => {
  if (added.length === 0) return [];
  const { rows } = await db.query<Row>({
    name: 'series-chunks-to-merge',
    text: `select c.normalized_type, c.raw_type, c.series, to_char(c.day, 'YYYY-MM-DD') as day, c.body
     from unnest($2::text[], $3::text[], $4::text[], $5::date[]) as t(normalized_type, raw_type, series, day)
     join device_manager.series_chunk c on c.patient_id = $1 and c.normalized_type = t.normalized_type and c.raw_type = t.raw_type and c.series = t.series and c.day = t.day`,
    values: [patientId, ...keyColumns(added.map(({ key }) => key))],
  });
  const pointsBefore = async (row: Row): Promise<[string, SeriesChunk['points']]> => {
    const key = keyOf(patientId, row);
    return [keyText(key), (await opened(dataKey, row.body, key)).points];
  };
  const before = new Map(await Promise.all(rows.map(pointsBefore)));
  const merged = added.map(({ key, name, points }): SeriesChunk => ({ key, name, points: mergedPoints(before.get(keyText(key)) ?? [], points) }));
  await writeChunks(db, dataKey, patientId, merged);
  return merged;
};

/** A sample whose points are to go: where it is kept, and what was made of it. */
export interface Charted {
  readonly _id: string;
  readonly payload_id: string;
  readonly item_index: number;
  readonly normalized_type: string | null;
  readonly recorded_at: Date;
}

/**
 * Removes the points of samples from the chunks of their normalized types and days, whatever the series: what another rule made of them
 * before must not stay in a chart. Answers the chunks that changed, as they are now. The caller holds the patient's lock and renews
 * the rollups.
 */
export const removePoints = async (db: Queryable, { dataKey }: ScopeKeys, patientId: string, samples: readonly Charted[]): Promise<SeriesChunk[]> => {
  const charted = samples.flatMap(({ normalized_type: type, recorded_at: at }) => (type === null ? [] : [{ type, day: at.toISOString().slice(0, 10) }]));
  const days = [...new Map(charted.map((one) => [`${one.type}\n${one.day}`, one])).values()];
  if (days.length === 0) return [];
  const { rows } = await db.query<Row>(
    `select c.normalized_type, c.raw_type, c.series, to_char(c.day, 'YYYY-MM-DD') as day, c.body from unnest($2::text[], $3::date[]) as t(normalized_type, day)
     join device_manager.series_chunk c on c.patient_id = $1 and c.normalized_type = t.normalized_type and c.day = t.day`,
    [patientId, days.map(({ type }) => type), days.map(({ day }) => day)],
  );
  const places = placesOfSamples(samples);
  const chunks = await Promise.all(rows.map((row) => opened(dataKey, row.body, keyOf(patientId, row))));
  const changed = chunks.filter(({ points }) => points.some((point) => isAt(places, point)))
    .map((chunk): SeriesChunk => ({ ...chunk, points: chunk.points.filter((point) => !isAt(places, point)) }));
  if (changed.length > 0) await writeChunks(db, dataKey, patientId, changed);
  return changed;
};

const filtered = `patient_id = $1 and normalized_type = $2 and ($3::text[] is null or raw_type = any($3)) and ($4::date is null or day >= $4) and ($5::date is null or day <= $5) and ($6::date[] is null or day = any($6))`;
const valuesOf = (patientId: string, { normalizedType, rawType, fromDay, toDay, days }: SeriesFilter) => [patientId, normalizedType, rawType === undefined ? null : namesOfType(rawType), fromDay ?? null, toDay ?? null, days ?? null];

/** The chunks of a chart in order of day. */
export const readSeriesChunks = async (db: Queryable, { dataKey }: ScopeKeys, patientId: string, filter: SeriesFilter): Promise<SeriesChunk[]> => {
  const { rows } = await db.query<{ raw_type: string; series: string; day: string; body: Buffer }>(
    `select raw_type, series, to_char(day, 'YYYY-MM-DD') as day, body from device_manager.series_chunk where ${filtered} order by day`,
    valuesOf(patientId, filter),
  );
  return Promise.all(rows.map((row) => opened(dataKey, row.body, { patientId, normalizedType: filter.normalizedType, rawType: row.raw_type, series: row.series, day: row.day })));
};

/**
 * The first and the last day of a chart, and a text that changes whenever one of its chunks does; undefined when it has none. What
 * removes chunks changes how many there are, and what adds some is later than all before.
 */
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
