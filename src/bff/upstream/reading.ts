import type { ChartSeries, Identified, paths } from '../../../generated/device-manager.d.ts';
import { problem } from '../../http/problem.ts';
import { timeBoundsOf, type TimeBounds } from '../time-bounds.ts';
import { codeOf, isRefusedByOthers, refusalsIn, unexpected, type Asker, type DeviceManagerClient } from './device-manager-client.ts';

type Query<Path extends keyof paths> = paths[Path] extends { get: { parameters: { query?: infer Parameters } } } ? Parameters : never;
export type ListQuery = Omit<NonNullable<Query<'/health-data'>>, 'patientId'>;
export type ChartQuery = Omit<NonNullable<Query<'/chart-data'>>, '_id' | 'patientId'>;

/** A sample as a Device Manager answers it: that of others has more and fewer members than ours. */
export type SampleRecord = Identified & Readonly<Record<string, unknown>>;

/** A chart; of others it may have more points than asked for, and no `etag`. */
export interface Chart {
  /** 'unchanged' where the asker has them already. */
  readonly series: readonly ChartSeries[] | 'unchanged';
  readonly etag: string | undefined;
}

export interface Reading {
  /** Samples of the patient, newest first. What the Device Manager answered beyond the projection is still there. */
  readonly list: (asker: Asker, query: ListQuery) => Promise<readonly SampleRecord[]>;
  /** The chart of the patient; `known` is what the asker says in If-None-Match. */
  readonly chart: (asker: Asker, query: ChartQuery, known: string | undefined) => Promise<Chart>;
}

const isOurs = (record: SampleRecord): boolean => 'state' in record;
const isoOf = (epochMs: number): string => new Date(epochMs).toISOString();

/**
 * Our filters in the query language of the original contract; undefined where no sample can fit, because it knows no such state.
 * Whole records are asked for: a projection there would leave out what the state is told from.
 */
const crudQuery = ({ state, deviceId, providerId, rawDataType, normalizedDataType, _l, _sk }: ListQuery, { fromMs, toMs }: TimeBounds): object | undefined => {
  if (state !== undefined && state !== 'normalized' && state !== 'received') return undefined;
  const recordedAt = { ...(fromMs !== undefined && { $gte: isoOf(fromMs) }), ...(toMs !== undefined && { $lt: isoOf(toMs) }) };
  const conditions = {
    ...(Object.keys(recordedAt).length > 0 && { recordedAt }),
    ...(state !== undefined && { normalizedData: { $exists: state === 'normalized' } }),
  };
  return { deviceId, providerId, rawDataType, normalizedDataType, _l, _sk, _s: '-recordedAt', ...(Object.keys(conditions).length > 0 && { _q: JSON.stringify(conditions) }) };
};

const within = (series: readonly ChartSeries[], { fromMs = -Infinity, toMs = Infinity }: TimeBounds): ChartSeries[] =>
  series.map(({ name, data }) => ({ name, data: data.filter(({ x }) => x >= fromMs && x < toMs) })).filter(({ data }) => data.length > 0);

/**
 * Reading from a Device Manager. It is asked in our words first; where it refuses them or answers records that are not ours, once
 * more in those of the original contract. Lists are cast: openapi-fetch's own mapping of immutable types forgets that a readonly
 * array is an array.
 */
export const reading = ({ client, headersOf }: DeviceManagerClient): Reading => ({
  list: async (asker, query) => {
    const bounds = timeBoundsOf(query);
    const ask = (words: object) => client.GET('/health-data', { params: { query: { ...words, patientId: asker.patientId } }, headers: headersOf(asker) });
    const first = await ask(query);
    if (codeOf(first.error) === 'unknown-data-type') throw problem('unknown-data-type');
    const records = first.data as readonly SampleRecord[] | undefined;
    if (records?.every(isOurs)) return records;
    if (records === undefined && !isRefusedByOthers(first.response.status, first.error)) throw unexpected('list', first.response.status);
    const words = crudQuery(query, bounds);
    if (words === undefined) return [];
    const { data, response } = await ask(words);
    if (data === undefined) throw unexpected('list', response.status);
    return data as readonly unknown[] as readonly SampleRecord[];
  },
  chart: async (asker, { normalizedDataType, type, from, to, ...drawing }, known) => {
    const interval = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
    const bounds = timeBoundsOf(interval);
    const header = known === undefined ? {} : { 'If-None-Match': known };
    const ask = (words: object) =>
      client.GET('/chart-data', { params: { query: { normalizedDataType, ...(type !== undefined && { type }), ...words, _id: asker.patientId }, header }, headers: headersOf(asker) });
    const first = await ask({ ...interval, ...drawing });
    const ours = codeOf(first.error);
    if (ours === 'unknown-data-type') throw problem('unknown-data-type');
    if (ours === 'invalid-request') throw problem('invalid-request', { errors: refusalsIn(first.error) });
    const etag = first.response.headers.get('etag') ?? undefined;
    if (first.response.status === 304) return { series: 'unchanged', etag };
    if (first.data !== undefined) return { series: first.data as readonly ChartSeries[], etag };
    const knowsOneWord = Object.keys({ ...interval, ...drawing }).length > 0 && isRefusedByOthers(first.response.status, first.error);
    const { data, response } = knowsOneWord ? await ask({}) : first;
    if (data === undefined) throw unexpected('chart', response.status);
    return { series: within(data as readonly ChartSeries[], bounds), etag: undefined };
  },
});
