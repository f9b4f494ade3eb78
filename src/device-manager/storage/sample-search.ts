import type { Pool } from '../../database/pool.ts';
import { inTransaction } from '../../database/transaction.ts';
import { createSqlWriter, type SqlWriter } from '../../query/condition-sql.ts';
import type { Condition, SortKey } from '../../query/condition.ts';
import { namesOfType } from '../../healthkit/type-catalogue.ts';
import { asksForDeleted } from '../domain/health-data-query.ts';
import { PatternError, TooSlowError } from '../domain/sample-faults.ts';
import { selectSample, type SampleRow } from './sample-table.ts';

/** Which samples; all that is given must hold. Instants in milliseconds since 1970, `from` included, `to` not. */
export interface SampleFilter {
  readonly patientId?: string | undefined;
  readonly deviceId?: string | undefined;
  readonly provider?: string | undefined;
  /** As a provider names it, or by any name that HealthKit's types have. */
  readonly type?: string | undefined;
  readonly normalizedType?: string | undefined;
  readonly state?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** What a client asked in its own words. */
  readonly conditions: readonly Condition[];
  /** Samples after this one in the order of the list. */
  readonly after?: { readonly recordedAt: number; readonly _id: string } | undefined;
}

/** A page of samples: sorted as asked, then newest first. */
export interface SamplePage extends SampleFilter {
  readonly sort: readonly SortKey[];
  readonly limit: number;
  readonly skip: number;
}

const QUERY_WITHIN_MS = 2000;

const columns: Readonly<Record<string, string>> = {
  _id: 's._id', patientId: 's.patient_id', deviceId: 's.device_id', providerId: 's.provider', rawDataType: 's.type', rawDataFormat: 's.format', normalizedDataType: 's.normalized_type',
  state: 's.state', reason: 's.reason', ruleId: 's.rule_id', ruleVersion: 's.rule_version', recordedAt: 's.recorded_at', observedAt: 's.recorded_at', receivedAt: 's.received_at', createdAt: 's.received_at',
  updatedAt: 's.updated_at', creatorId: "(case when s.provider = 'healthkit' then s.patient_id else s.provider end)", updaterId: "'vitalgate'::text", __STATE__: "'PUBLIC'::text",
};

const conditionsOf = ({ parameter, where }: SqlWriter, filter: SampleFilter): string => {
  const equal = (column: string, value: string | undefined): string[] => (value === undefined ? [] : [`${column} = ${parameter(value)}`]);
  const { from, to, after, conditions } = filter;
  const ofState = filter.state === undefined && !conditions.some(asksForDeleted) ? [`s.state <> 'deleted'`] : equal('s.state', filter.state);
  return [
    ...equal('s.patient_id', filter.patientId), ...equal('s.device_id', filter.deviceId), ...equal('s.provider', filter.provider), ...(filter.type === undefined ? [] : [`s.type = any(${parameter(namesOfType(filter.type))})`]),
    ...equal('s.normalized_type', filter.normalizedType), ...ofState,
    ...(from === undefined ? [] : [`s.recorded_at >= ${parameter(new Date(from))}`]), ...(to === undefined ? [] : [`s.recorded_at < ${parameter(new Date(to))}`]),
    ...(after === undefined ? [] : [((at: string, _id: string) => `s.recorded_at <= ${at} and (s.recorded_at < ${at} or s._id > ${_id})`)(`${parameter(new Date(after.recordedAt))}::timestamptz`, `${parameter(after._id)}::uuid`)]),
    ...conditions.map(where), 'true',
  ].join(' and ');
};

const codeOf = (error: unknown): unknown => (typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined);

/** Runs a statement; one with a client's own words for two seconds at most. Throws TooSlowError, PatternError. */
const run = async <Row extends object>(pool: Pool, { conditions }: SampleFilter, sql: string, values: unknown[]): Promise<Row[]> => {
  if (conditions.length === 0) return (await pool.query<Row>(sql, values)).rows;
  try {
    return await inTransaction(pool, async (client) => {
      await client.query(`set local statement_timeout = ${String(QUERY_WITHIN_MS)}`);
      return (await client.query<Row>(sql, values)).rows;
    });
  } catch (error) {
    if (codeOf(error) === '57014') throw new TooSlowError();
    if (codeOf(error) === '2201B') throw new PatternError();
    throw error;
  }
};

/** Samples that a filter means. */
export const findSamples = (pool: Pool, { sort, limit, skip, ...filter }: SamplePage): Promise<SampleRow[]> => {
  const writer = createSqlWriter(columns);
  const where = conditionsOf(writer, filter);
  const order = [...writer.order(sort), 's.recorded_at desc', 's._id'].join(', ');
  return run<SampleRow>(pool, filter, `${selectSample} where ${where} order by ${order} limit ${writer.parameter(limit)} offset ${writer.parameter(skip)}`, writer.values);
};

/** How many samples there are, and whose when all are of one patient. */
export interface SampleCount {
  readonly number: number;
  readonly patientId?: string;
}

/** How many samples a filter means. */
export const countSamples = async (pool: Pool, filter: SampleFilter): Promise<SampleCount> => {
  const writer = createSqlWriter(columns);
  const where = conditionsOf(writer, filter);
  const [row] = await run<{ count: string; first: string | null; last: string | null }>(
    pool, filter, `select count(*), min(s.patient_id) as first, max(s.patient_id) as last from device_manager.whole_sample s where ${where}`, writer.values,
  );
  return { number: Number(row?.count ?? 0), ...(row && row.first !== null && row.first === row.last && { patientId: row.first }) };
};
