import type { Pool } from '../database/pool.ts';
import { problem } from '../http/problem.ts';
import { resolveType } from '../healthkit/type-catalogue.ts';
import type { KeyRing } from '../keys/scope-keys.ts';
import { dayOf, seriesOf, type ChartSeries } from './domain/chart.ts';
import { recordAudit } from './storage/audit-table.ts';
import { readSeriesChunks } from './storage/series-chunk-table.ts';

/** Which chart, and who asks; instants in milliseconds since 1970, `from` included, `to` not. */
export interface ChartRequest {
  readonly patientId: string;
  readonly normalizedType: string;
  readonly rawType: string | undefined;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly actor: string;
  readonly requestId: string;
}

export interface Charts {
  /** Throws unknown-data-type for a type no rule makes. */
  readonly chartOf: (request: ChartRequest) => Promise<ChartSeries[]>;
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_]/g, '');

/** The known spelling of a normalized type, whatever case and hyphens it is asked with. */
export const normalizedTypeNamed = (known: readonly string[], name: string): string => {
  const found = known.find((one) => plain(one) === plain(name));
  if (found !== undefined) return found;
  throw problem('unknown-data-type', { errors: [{ pointer: '/query/normalizedDataType', code: 'unknown-data-type', message: `Use one of ${known.join(', ')}.` }] });
};

/** Charts from the sealed chunks of each day. */
export const createCharts = (pool: Pool, keyRing: KeyRing, knownTypes: readonly string[]): Charts => ({
  chartOf: async ({ patientId, normalizedType, rawType, from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY, actor, requestId }) => {
    const type = normalizedTypeNamed(knownTypes, normalizedType);
    await recordAudit(pool, { patientId, actor, action: 'read', resource: `chart/${type}`, requestId });
    const keys = await keyRing.knownKeysOf(pool, `patient:${patientId}`);
    if (!keys) return [];
    const chunks = await readSeriesChunks(pool, keys, patientId, {
      normalizedType: type,
      rawType: rawType === undefined ? undefined : (resolveType(rawType)?.identifier ?? rawType),
      fromDay: Number.isFinite(from) ? dayOf(from) : undefined,
      toDay: Number.isFinite(to) ? dayOf(to) : undefined,
    });
    return seriesOf(chunks, from, to);
  },
});
