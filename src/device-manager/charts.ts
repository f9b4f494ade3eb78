import { createHash } from 'node:crypto';
import type { Pool } from '../database/pool.ts';
import { problem } from '../http/problem.ts';
import { resolveType } from '../healthkit/type-catalogue.ts';
import type { KeyRing, ScopeKeys } from '../keys/scope-keys.ts';
import { hourMs, widthFor, type Cell } from './domain/chart-bucket.ts';
import { cellOf, chosen, countOf, dayOf, drawn, type ChartSeries, type ChartStyle, type SourceCells } from './domain/chart.ts';
import { recordAudit } from './storage/audit-table.ts';
import { extentOf, readSeriesChunks, type SeriesFilter } from './storage/series-chunk-table.ts';
import { chartedExtents, readRollups, type ChartedExtent } from './storage/series-rollup-table.ts';

/** Which chart, and who asks; instants in milliseconds since 1970, `from` included, `to` not. */
export interface ChartRequest extends ChartStyle {
  readonly patientId: string;
  readonly normalizedType: string;
  readonly rawType: string | undefined;
  /** May be infinite, as `to`. */
  readonly from: number;
  readonly to: number;
  readonly actor: string;
  readonly requestId: string;
}

/** A chart, and a text that is another whenever the chart is. */
export interface Chart {
  readonly version: string;
  /** Draws it; not called where the asker has this version. */
  readonly series: () => Promise<ChartSeries[]>;
}

export interface Charts {
  /** Throws unknown-data-type for a type no rule makes. */
  readonly chartOf: (request: ChartRequest) => Promise<Chart>;
  /** What can be charted of a patient. */
  readonly extentsOf: (request: Pick<ChartRequest, 'patientId' | 'actor' | 'requestId'>) => Promise<ChartedExtent[]>;
}

/** What charts must know of the rules. */
export interface ChartedTypes {
  readonly normalizedTypes: readonly string[];
  /** Series, by code and unit, whose values add up. */
  readonly cumulative: ReadonlySet<string>;
  /** Those of them that several sources measure at once, so that one of them is chosen. */
  readonly overlapping: ReadonlySet<string>;
}

interface Line {
  readonly name: string;
  readonly sources: readonly SourceCells[];
}
/** Lines by series; `exact` where each cell is one value. */
interface Lines {
  readonly exact: boolean;
  readonly bySeries: ReadonlyMap<string, Line>;
}
interface Span {
  readonly from: number;
  readonly to: number;
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_]/g, '');

/** The known spelling of a normalized type, whatever case and hyphens it is asked with. */
export const normalizedTypeNamed = (known: readonly string[], name: string): string => {
  const found = known.find((one) => plain(one) === plain(name));
  if (found !== undefined) return found;
  throw problem('unknown-data-type', { errors: [{ pointer: '/query/normalizedDataType', code: 'unknown-data-type', message: 'Use a normalized type of a health data type; docs/healthkit-types.md and GET /health-data-types of the Device Manager list them.' }] });
};

const joined = (parts: readonly { readonly series: string; readonly name: string; readonly sources: readonly SourceCells[] }[]): ReadonlyMap<string, Line> => {
  const bySeries = Map.groupBy(parts, ({ series }) => series);
  return new Map([...bySeries].map(([series, group]) => {
    const bySource = Map.groupBy(group.flatMap(({ sources }) => sources), ({ source }) => source);
    const sources = [...bySource].map(([source, some]) => ({ source, cells: some.flatMap(({ cells }) => cells) })).filter(({ cells }) => cells.length > 0);
    return [series, { name: group[0]?.name ?? series, sources }];
  }));
};

const withDays = (filter: SeriesFilter, { from, to }: Span): SeriesFilter => ({ ...filter, fromDay: dayOf(from), toDay: dayOf(to - 1) });

/** Reads values from the chunks of days. */
const valuesIn = async (pool: Pool, keys: ScopeKeys, patientId: string, filter: SeriesFilter, span: Span) => {
  const chunks = await readSeriesChunks(pool, keys, patientId, withDays(filter, span));
  return chunks.map(({ key, name, points }) => {
    const bySource = Map.groupBy(points.filter(([x]) => x >= span.from && x < span.to), ([, , , , source]) => source);
    return { series: key.series, name, sources: [...bySource].map(([source, some]) => ({ source, cells: some.map(([x, y]) => cellOf(x, y)) })) };
  });
};

/** Reads whole hours from the rollups of months, and values at the ends, where an hour counts in part. */
const hoursIn = async (pool: Pool, keys: ScopeKeys, patientId: string, filter: SeriesFilter, { from, to }: Span) => {
  const inner = { from: Math.ceil(from / hourMs) * hourMs, to: Math.floor(to / hourMs) * hourMs };
  // Within one hour there is no whole one, and the two ends would overlap.
  if (inner.from > inner.to) return valuesIn(pool, keys, patientId, filter, { from, to });
  const isWhole = ({ x }: Cell): boolean => x >= inner.from && x < inner.to;
  const rollups = await readRollups(pool, keys, patientId, withDays(filter, { from, to }));
  const whole = rollups.map(({ series, name, sources }) => ({ series, name, sources: sources.map(({ source, cells }) => ({ source, cells: cells.filter(isWhole) })) }));
  const ends = [{ from, to: inner.from }, { from: inner.to, to }].filter((end) => end.to > end.from);
  const values = await Promise.all(ends.map((end) => valuesIn(pool, keys, patientId, filter, end)));
  return [...whole, ...values.flat()];
};

const countIn = ({ sources }: Line): number => sources.reduce((sum, source) => sum + countOf(source), 0);

const linesIn = async (pool: Pool, keys: ScopeKeys, patientId: string, filter: SeriesFilter, span: Span, points: number): Promise<Lines> => {
  if (widthFor(span.to - span.from, points) >= hourMs) {
    const bySeries = joined(await hoursIn(pool, keys, patientId, filter, span));
    if ([...bySeries.values()].some((line) => countIn(line) > points)) return { exact: false, bySeries };
  }
  return { exact: true, bySeries: joined(await valuesIn(pool, keys, patientId, filter, span)) };
};

const lineDrawn = ({ name, sources }: Line, exact: boolean, style: ChartStyle, span: Span, { isCumulative, isOverlapping }: { readonly isCumulative: boolean; readonly isOverlapping: boolean }): ChartSeries[] => {
  const { from, source } = chosen(sources, style.source, isOverlapping);
  if (from.length === 0) return [];
  const known = sources.toSorted((a, b) => countOf(b) - countOf(a)).map((one) => one.source);
  return [{ name, ...(source !== undefined && { source }), sources: known, ...(isCumulative && { cumulative: true }), ...drawn(from, style, { spanMs: span.to - span.from, isCumulative, exact }) }];
};

const dayMs = 24 * hourMs;

/** Charts from the sealed chunks of each day and the rollups of each month. */
export const createCharts = (pool: Pool, keyRing: KeyRing, charted: () => Promise<ChartedTypes>): Charts => ({
  extentsOf: async ({ patientId, actor, requestId }) => {
    await recordAudit(pool, { patientId, actor, action: 'read', resource: 'chart/types', requestId });
    return chartedExtents(pool, patientId);
  },
  chartOf: async (request) => {
    const { patientId, rawType, from, to, points, timeZone, source } = request;
    const { normalizedTypes, cumulative, overlapping } = await charted();
    const normalizedType = normalizedTypeNamed(normalizedTypes, request.normalizedType);
    await recordAudit(pool, { patientId, actor: request.actor, action: 'read', resource: `chart/${normalizedType}`, requestId: request.requestId });
    const filter: SeriesFilter = {
      normalizedType, rawType: rawType === undefined ? undefined : (resolveType(rawType)?.identifier ?? rawType),
      fromDay: Number.isFinite(from) ? dayOf(from) : undefined, toDay: Number.isFinite(to) ? dayOf(to) : undefined,
    };
    const extent = await extentOf(pool, patientId, filter);
    const digest = createHash('sha256').update(JSON.stringify([patientId, filter, from, to, points, timeZone, source, extent?.version ?? null, [...cumulative].toSorted()])).digest('base64url').slice(0, 27);
    const span = extent && { from: Math.max(from, Date.parse(extent.firstDay)), to: Math.min(to, Date.parse(extent.lastDay) + dayMs) };
    const series = async (): Promise<ChartSeries[]> => {
      const keys = await keyRing.knownKeysOf(pool, `patient:${patientId}`);
      if (!keys || !span || span.to <= span.from) return [];
      const { exact, bySeries } = await linesIn(pool, keys, patientId, filter, span, points);
      return [...bySeries].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([name, line]) => lineDrawn(line, exact, request, span, { isCumulative: cumulative.has(name), isOverlapping: overlapping.has(name) }));
    };
    return { version: digest, series };
  },
});
