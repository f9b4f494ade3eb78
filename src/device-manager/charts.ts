import { createHash } from 'node:crypto';
import type { Pool } from '../database/pool.ts';
import { inOneOrder } from '../healthkit/item-identity.ts';
import { problem } from '../http/problem.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { linesIn, type Line, type Span } from './chart-lines.ts';
import { dayMs } from './domain/chart-bucket.ts';
import { chooseByDay, chosen, countOf, dayOf, drawn, unitOf, type ChartSeries, type ChartStyle, type ChooseByDay, type SeriesKind } from './domain/chart.ts';
import { recordAudit } from './storage/audit-table.ts';
import { extentOf, type SeriesFilter } from './storage/series-chunk-table.ts';
import { chartedExtents, type ChartedExtent } from './storage/series-rollup-table.ts';

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
  /** Those of them that several sources measure at once, so that each day one of them is chosen. */
  readonly overlapping: ReadonlySet<string>;
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_]/g, '');

/** The known spelling of a normalized type, whatever case and hyphens it is asked with. */
export const normalizedTypeNamed = (known: readonly string[], name: string): string => {
  const found = known.find((one) => plain(one) === plain(name));
  if (found !== undefined) return found;
  throw problem('unknown-data-type', { errors: [{ pointer: '/query/normalizedDataType', code: 'unknown-data-type', message: 'Use a normalized type of a health data type; docs/healthkit-types.md and GET /health-data-types of the Device Manager list them.' }] });
};

/** How some lines of a chart are drawn. */
interface Drawing {
  readonly style: ChartStyle;
  readonly span: Span;
  readonly exact: boolean;
  readonly kindOf: (series: string) => SeriesKind;
}

const lineDrawn = ([series, { name, sources }]: SeriesLine, { style, span, exact, kindOf }: Drawing, byDay: ChooseByDay): ChartSeries[] => {
  const kind = kindOf(series);
  const { isCumulative } = kind;
  const { from, ...choice } = chosen(sources, style.source && inOneOrder(style.source), kind, byDay);
  if (from.length === 0) return [];
  const known = sources.toSorted((a, b) => countOf(b) - countOf(a)).map((one) => one.source);
  return [{ name, ...choice, sources: known, ...(isCumulative && { cumulative: true }), ...drawn(from, style, { spanMs: span.to - span.from, isCumulative, exact }) }];
};

type SeriesLine = readonly [series: string, line: Line];

const linesDrawn = (lines: readonly SeriesLine[], drawing: Drawing): ChartSeries[] => {
  const overlapping = lines.filter(([series]) => drawing.kindOf(series).isOverlapping);
  const byUnit = new Map([...Map.groupBy(overlapping, ([series]) => unitOf(series))].map(([unit, some]) => [unit, chooseByDay(some.map(([, { sources }]) => sources), drawing.style.timeZone)]));
  return lines.flatMap((line) => lineDrawn(line, drawing, byUnit.get(unitOf(line[0])) ?? ((sources) => [...sources])));
};

/** Raised whenever the same values are drawn otherwise, so that nobody keeps a chart as it was drawn before. */
const DRAWN_AS = 2;

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
      normalizedType, rawType,
      fromDay: Number.isFinite(from) ? dayOf(from) : undefined, toDay: Number.isFinite(to) ? dayOf(to) : undefined,
    };
    const extent = await extentOf(pool, patientId, filter);
    const digest = createHash('sha256').update(JSON.stringify([DRAWN_AS, patientId, filter, from, to, points, timeZone, source, extent?.version ?? null, [cumulative, overlapping].map((series) => [...series].toSorted())])).digest('base64url').slice(0, 27);
    const span = extent && { from: Math.max(from, Date.parse(extent.firstDay)), to: Math.min(to, Date.parse(extent.lastDay) + dayMs) };
    const series = async (): Promise<ChartSeries[]> => {
      const keys = await keyRing.knownKeysOf(pool, `patient:${patientId}`);
      if (!keys || !span || span.to <= span.from) return [];
      const { exact, bySeries } = await linesIn({ pool, keys, patientId, filter, overlapping }, span, { points, timeZone });
      const kindOf = (name: string): SeriesKind => ({ isCumulative: cumulative.has(name), isOverlapping: overlapping.has(name) });
      return linesDrawn([...bySeries].sort(([a], [b]) => (a < b ? -1 : 1)), { style: request, span, exact, kindOf });
    };
    return { version: digest, series };
  },
});
