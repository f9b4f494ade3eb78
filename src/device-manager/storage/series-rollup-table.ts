import type { Queryable } from '../../database/pool.ts';
import type { ScopeKeys } from '../../keys/scope-keys.ts';
import type { Cell } from '../domain/chart-bucket.ts';
import { hoursOf, type SourceCells } from '../domain/chart.ts';
import { rowsOf } from './erasing-rows.ts';
import { openBytes, sealBytes } from './payload-table.ts';
import type { SeriesChunk, SeriesChunkKey, SeriesFilter } from './series-chunk-table.ts';

/** The hours of one series in one month. */
export interface SeriesRollup {
  readonly series: string;
  readonly name: string;
  readonly sources: readonly SourceCells[];
}

type Place = Omit<SeriesChunkKey, 'day'> & { readonly month: string };

/** As sealed: hours by source, each with when, how many, least, most and sum. */
interface Body {
  readonly name: string;
  readonly hours: Readonly<Record<string, readonly (readonly [x: number, count: number, min: number, max: number, sum: number])[]>>;
}

const aad = ({ patientId, normalizedType, rawType, series, month }: Place) => `series_rollup:${patientId}:${normalizedType}:${rawType}:${series}:${month}`;
const opened = (dataKey: Buffer, body: Buffer, place: Place) => JSON.parse(openBytes(dataKey, body, aad(place)).toString('utf8')) as Body;
const monthOf = (day: string): string => `${day.slice(0, 7)}-01`;
const isOn = (days: ReadonlySet<string>, epochMs: number): boolean => days.has(new Date(epochMs).toISOString().slice(0, 10));

const renewed = (before: Body['hours'], chunks: readonly SeriesChunk[]): Body['hours'] => {
  const days = new Set(chunks.map(({ key }) => key.day));
  const bySource = Map.groupBy(chunks.flatMap(({ points }) => points), ([, , , source]) => source);
  const kept = Object.entries(before).map(([source, hours]) => [source, hours.filter(([x]) => !isOn(days, x))] as const);
  const all = new Map(kept);
  for (const [source, points] of bySource) {
    const added = hoursOf(points.map(([x, y]) => [x, y])).map(({ x, count, min, max, sum }) => [x, count, min, max, sum] as const);
    all.set(source, [...(all.get(source) ?? []), ...added].sort((a, b) => a[0] - b[0]));
  }
  return Object.fromEntries([...all].filter(([, hours]) => hours.length > 0));
};

/** Makes the hours of some days anew from their chunks as they are now. The caller holds the patient's lock. */
export const renewRollups = async (db: Queryable, { dataKey }: ScopeKeys, chunks: readonly SeriesChunk[]): Promise<void> => {
  // A chunk may have changed twice: what it is now counts.
  const latest = new Map(chunks.map((chunk) => [JSON.stringify(chunk.key), chunk]));
  const groups = Map.groupBy(latest.values(), ({ key }) => [key.normalizedType, key.rawType, key.series, monthOf(key.day)].join('\n'));
  for (const group of groups.values()) {
    const [first] = group;
    if (!first) continue;
    const { patientId, normalizedType, rawType, series, day } = first.key;
    const place = { patientId, normalizedType, rawType, series, month: monthOf(day) };
    const at = [patientId, normalizedType, rawType, series, place.month];
    const { rows } = await db.query<{ body: Buffer }>(
      'select body from device_manager.series_rollup where patient_id = $1 and normalized_type = $2 and raw_type = $3 and series = $4 and month = $5::date', at,
    );
    const body: Body = { name: first.name, hours: renewed(rows[0] ? opened(dataKey, rows[0].body, place).hours : {}, group) };
    await db.query(
      `insert into device_manager.series_rollup (patient_id, normalized_type, raw_type, series, month, body) values ($1, $2, $3, $4, $5::date, $6)
       on conflict (patient_id, normalized_type, raw_type, series, month) do update set body = excluded.body, updated_at = clock_timestamp()`,
      [...at, sealBytes(dataKey, Buffer.from(JSON.stringify(body)), aad(place))],
    );
  }
};

const cellsOf = (hours: Body['hours'][string]): Cell[] => hours.map(([x, count, min, max, sum]) => ({ x, count, min, max, sum }));

/** The rollups of a chart in order of month: all of each month that has one of the days. */
export const readRollups = async (db: Queryable, { dataKey }: ScopeKeys, patientId: string, { normalizedType, rawType, fromDay, toDay }: SeriesFilter): Promise<SeriesRollup[]> => {
  const { rows } = await db.query<{ raw_type: string; series: string; month: string; body: Buffer }>(
    `select raw_type, series, to_char(month, 'YYYY-MM-DD') as month, body from device_manager.series_rollup
     where patient_id = $1 and normalized_type = $2 and ($3::text is null or raw_type = $3)
       and ($4::date is null or month >= date_trunc('month', $4::date)) and ($5::date is null or month <= $5) order by month`,
    [patientId, normalizedType, rawType ?? null, fromDay ?? null, toDay ?? null],
  );
  return rows.map((row) => {
    const { name, hours } = opened(dataKey, row.body, { patientId, normalizedType, rawType: row.raw_type, series: row.series, month: row.month });
    return { series: row.series, name, sources: Object.entries(hours).map(([source, of]) => ({ source, cells: cellsOf(of) })) };
  });
};

/** Erases the rollups of a patient. */
export const eraseRollups = rowsOf('series_rollup');
