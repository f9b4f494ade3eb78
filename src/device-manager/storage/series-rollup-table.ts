import type { Queryable } from '../../database/pool.ts';
import { namesOfType } from '../../healthkit/type-catalogue.ts';
import type { DataKey } from '../../keys/data-key.ts';
import type { ScopeKeys } from '../../keys/scope-keys.ts';
import type { Cell } from '../domain/chart-bucket.ts';
import { hoursOf, type SourceCells } from '../domain/chart.ts';
import { rowsOf } from './erasing-rows.ts';
import { openBytes, sealBytes } from './payload-table.ts';
import type { SealedColumn } from './sealed-column.ts';
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
const opened = async (dataKey: DataKey, body: Buffer, place: Place) => JSON.parse((await openBytes(dataKey, body, aad(place))).toString('utf8')) as Body;

/** What of a rollup is sealed. */
export const sealedRollup: SealedColumn = {
  table: 'series_rollup', column: 'body', key: { normalized_type: 'text', raw_type: 'text', series: 'text', month: 'date' },
  placeOf: (patientId, [normalizedType = '', rawType = '', series = '', month = '']) => aad({ patientId, normalizedType, rawType, series, month }),
};

const monthOf = (day: string): string => `${day.slice(0, 7)}-01`;
const isOn = (days: ReadonlySet<string>, epochMs: number): boolean => days.has(new Date(epochMs).toISOString().slice(0, 10));

const renewed = (before: Body['hours'], chunks: readonly SeriesChunk[]): Body['hours'] => {
  const days = new Set(chunks.map(({ key }) => key.day));
  const bySource = Map.groupBy(chunks.flatMap(({ points }) => points), ([, , , , source]) => source);
  const kept = Object.entries(before).map(([source, hours]) => [source, hours.filter(([x]) => !isOn(days, x))] as const);
  const all = new Map(kept);
  for (const [source, points] of bySource) {
    const added = hoursOf(points.map(([x, y]) => [x, y])).map(({ x, count, min, max, sum }) => [x, count, min, max, sum] as const);
    all.set(source, [...(all.get(source) ?? []), ...added].sort((a, b) => a[0] - b[0]));
  }
  return Object.fromEntries([...all].filter(([, hours]) => hours.length > 0));
};

interface Row {
  readonly normalized_type: string;
  readonly raw_type: string;
  readonly series: string;
  readonly month: string;
  readonly body: Buffer;
}

const placeText = ({ normalizedType, rawType, series, month }: Place): string => JSON.stringify([normalizedType, rawType, series, month]);

const placeColumns = (places: readonly Place[]) => [places.map(({ normalizedType }) => normalizedType), places.map(({ rawType }) => rawType), places.map(({ series }) => series), places.map(({ month }) => month)];

/** A month without hours would say that there is something to chart. */
const deleteRollups = async (db: Queryable, patientId: string, places: readonly Place[]): Promise<void> => {
  if (places.length === 0) return;
  await db.query(
    `delete from device_manager.series_rollup r using unnest($2::text[], $3::text[], $4::text[], $5::date[]) as t(normalized_type, raw_type, series, month)
     where r.patient_id = $1 and r.normalized_type = t.normalized_type and r.raw_type = t.raw_type and r.series = t.series and r.month = t.month`,
    [patientId, ...placeColumns(places)],
  );
};

const writeRollups = async (db: Queryable, dataKey: DataKey, patientId: string, rollups: readonly { readonly place: Place; readonly body: Body }[]): Promise<void> => {
  if (rollups.length === 0) return;
  await db.query({
    name: 'write-series-rollups',
    text: `insert into device_manager.series_rollup (patient_id, normalized_type, raw_type, series, month, body)
     select $1, t.* from unnest($2::text[], $3::text[], $4::text[], $5::date[], $6::bytea[]) as t
     on conflict (patient_id, normalized_type, raw_type, series, month) do update set body = excluded.body, updated_at = clock_timestamp()`,
    values: [patientId, ...placeColumns(rollups.map(({ place }) => place)), rollups.map(({ place, body }) => sealBytes(dataKey, Buffer.from(JSON.stringify(body)), aad(place)))],
  });
};

/** Makes the hours of some days of one patient anew from their chunks as they are now. The caller holds the patient's lock. */
export const renewRollups = async (db: Queryable, { dataKey }: ScopeKeys, patientId: string, chunks: readonly SeriesChunk[]): Promise<void> => {
  if (chunks.length === 0) return;
  // A chunk may have changed twice: what it is now counts.
  const latest = new Map(chunks.map((chunk) => [JSON.stringify(chunk.key), chunk]));
  const placed = [...latest.values()].map((chunk) => {
    const { normalizedType, rawType, series, day } = chunk.key;
    return { chunk, place: { patientId, normalizedType, rawType, series, month: monthOf(day) } };
  });
  const groups = [...Map.groupBy(placed, ({ place }) => placeText(place)).values()].flatMap((group) => (group[0] ? [{ place: group[0].place, chunks: group.map(({ chunk }) => chunk) }] : []));
  const { rows } = await db.query<Row>({
    name: 'series-rollups-to-renew',
    text: `select r.normalized_type, r.raw_type, r.series, to_char(r.month, 'YYYY-MM-DD') as month, r.body
     from unnest($2::text[], $3::text[], $4::text[], $5::date[]) as t(normalized_type, raw_type, series, month)
     join device_manager.series_rollup r on r.patient_id = $1 and r.normalized_type = t.normalized_type and r.raw_type = t.raw_type and r.series = t.series and r.month = t.month`,
    values: [patientId, ...placeColumns(groups.map(({ place }) => place))],
  });
  const hoursBefore = async (row: Row): Promise<[string, Body['hours']]> => {
    const place = { patientId, normalizedType: row.normalized_type, rawType: row.raw_type, series: row.series, month: row.month };
    return [placeText(place), (await opened(dataKey, row.body, place)).hours];
  };
  const before = new Map(await Promise.all(rows.map(hoursBefore)));
  const made = groups.map(({ place, chunks: group }) => ({ place, body: { name: group[0]?.name ?? '', hours: renewed(before.get(placeText(place)) ?? {}, group) } satisfies Body }));
  const hasHours = ({ body }: { readonly body: Body }): boolean => Object.keys(body.hours).length > 0;
  await deleteRollups(db, patientId, made.filter((one) => !hasHours(one)).map(({ place }) => place));
  await writeRollups(db, dataKey, patientId, made.filter(hasHours));
};

const cellsOf = (hours: Body['hours'][string]): Cell[] => hours.map(([x, count, min, max, sum]) => ({ x, count, min, max, sum }));

/** The rollups of a chart in order of month: all of each month that has one of the days. */
export const readRollups = async (db: Queryable, { dataKey }: ScopeKeys, patientId: string, { normalizedType, rawType, fromDay, toDay }: SeriesFilter): Promise<SeriesRollup[]> => {
  const { rows } = await db.query<{ raw_type: string; series: string; month: string; body: Buffer }>(
    `select raw_type, series, to_char(month, 'YYYY-MM-DD') as month, body from device_manager.series_rollup
     where patient_id = $1 and normalized_type = $2 and ($3::text[] is null or raw_type = any($3))
       and ($4::date is null or month >= date_trunc('month', $4::date)) and ($5::date is null or month <= $5) order by month`,
    [patientId, normalizedType, rawType === undefined ? null : namesOfType(rawType), fromDay ?? null, toDay ?? null],
  );
  return Promise.all(rows.map(async (row) => {
    const { name, hours } = await opened(dataKey, row.body, { patientId, normalizedType, rawType: row.raw_type, series: row.series, month: row.month });
    return { series: row.series, name, sources: Object.entries(hours).map(([source, of]) => ({ source, cells: cellsOf(of) })) };
  }));
};

/** A normalized type of a patient that has points, with the first and the last UTC day of them, as YYYY-MM-DD. */
export interface ChartedExtent {
  readonly normalizedType: string;
  readonly firstDay: string;
  readonly lastDay: string;
}

/** What can be charted of a patient. The months tell which series there are, so that of each only the two ends of its days are looked up. */
export const chartedExtents = async (db: Queryable, patientId: string): Promise<ChartedExtent[]> => {
  const end = (order: 'asc' | 'desc') => `(select day from device_manager.series_chunk c where c.patient_id = $1 and c.normalized_type = s.normalized_type
       and c.raw_type = s.raw_type and c.series = s.series order by day ${order} limit 1)`;
  const { rows } = await db.query<{ normalized_type: string; first_day: string; last_day: string }>(
    `select normalized_type, to_char(min(${end('asc')}), 'YYYY-MM-DD') as first_day, to_char(max(${end('desc')}), 'YYYY-MM-DD') as last_day
     from (select distinct normalized_type, raw_type, series from device_manager.series_rollup where patient_id = $1) s group by normalized_type order by normalized_type`,
    [patientId],
  );
  return rows.map(({ normalized_type: normalizedType, first_day: firstDay, last_day: lastDay }) => ({ normalizedType, firstDay, lastDay }));
};

/** Erases the rollups of a patient. */
export const eraseRollups = rowsOf('series_rollup');
