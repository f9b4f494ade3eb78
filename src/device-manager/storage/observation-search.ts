import type { Queryable } from '../../database/pool.ts';
import type { DateCondition } from '../domain/fhir/date-search.ts';
import { sampleColumns, type SampleRow } from './sample-table.ts';

/** A normalized sample with the identifier that stays through its versions; identifiers as 32 hexadecimal digits. */
export interface ObservedRow extends SampleRow {
  readonly head: string;
  readonly device: string;
  readonly status: string | null;
}

/** A place in the order of the list: newest measurement first, then by identifier. */
export interface Place {
  readonly recordedAt: number;
  readonly _id: string;
}

/** Which normalized samples; all that is given must hold. */
export interface ObservedFilter {
  readonly patientId?: string | undefined;
  readonly heads?: readonly string[] | undefined;
  /** By rule or by type, either will do. */
  readonly rulesOrTypes?: { readonly rules: readonly string[]; readonly types: readonly string[] } | undefined;
  readonly measured?: readonly DateCondition[] | undefined;
  readonly updated?: readonly DateCondition[] | undefined;
  /** Begins here, this place included. */
  readonly from?: Place | undefined;
  readonly limit: number;
}

const hex = (expression: string) => `replace((${expression})::text, '-', '')`;

/** Versions of a reading that its sender named, and corrections, go on under the identifier of the first one; those of half of a blood pressure have one of their own. */
const headOf = (row: string) => `case when ${row}.identity like '%identifier:%' or (${row}.identity is not null and ${row}.status in ('amended', 'corrected'))
  then (select first._id from device_manager.whole_sample first where first.patient_id = ${row}.patient_id and first.identity = ${row}.identity order by first.received_at, first._id limit 1)
  else ${row}._id end`;

/** What has a value that counts, however far it has been submitted. */
const valued = `'normalized', 'submitted', 'submission-failed'`;

/** What has a value, or had one, or says why it has none. */
const emitted = (row: string) => `((${row}.rule_id is not null and ${row}.state in (${valued}, 'withdrawn', 'superseded')) or (${row}.state = 'normalization-failed' and ${row}.reason = 'value-absent'))`;
const counts = (row: string) => `${row}.state in (${valued}, 'normalization-failed')`;

/** Of versions with one identifier, the one that counts is shown, else the last. */
const isShown = `(s.identity is null or not exists (
  select from device_manager.whole_sample o where o.patient_id = s.patient_id and o.identity = s.identity and ${emitted('o')} and ${headOf('o')} = ${headOf('s')}
    and (${counts('o')}, o.received_at, o._id) > (${counts('s')}, s.received_at, s._id)))`;

const select = `select ${sampleColumns}, ${hex(headOf('s'))} as head, ${hex('s.device')} as device, s.status from device_manager.whole_sample s`;

type Parameter = (value: unknown) => string;

const compared = (start: string, end: string, { comparison, from, until }: DateCondition, parameter: Parameter): string => {
  const at = (epochMs: number) => `${parameter(new Date(epochMs))}::timestamptz`;
  const within = () => `(${start} >= ${at(from)} and ${end} < ${at(until)})`;
  switch (comparison) {
    case 'within': return within();
    case 'not-within': return `not ${within()}`;
    case 'after': return `${end} >= ${at(until)}`;
    case 'before': return `${start} < ${at(from)}`;
    case 'after-or-within': return `(${end} >= ${at(until)} or ${within()})`;
    case 'before-or-within': return `(${start} < ${at(from)} or ${within()})`;
    case 'starts-after': return `${start} >= ${at(until)}`;
    case 'ends-before': return `${end} < ${at(from)}`;
    case 'near': return `(${start} < ${at(until)} and ${end} >= ${at(from)})`;
  }
};

const conditionsOf = ({ patientId, heads, rulesOrTypes, measured = [], updated = [], from }: ObservedFilter, parameter: Parameter): string[] => {
  const conditions = [emitted('s'), isShown];
  if (patientId !== undefined) conditions.push(`s.patient_id = ${parameter(patientId)}`);
  if (heads !== undefined) {
    const list = `${parameter(heads)}::uuid[]`;
    conditions.push(`(s._id = any(${list}) or s.identity in (select f.identity from device_manager.whole_sample f where f._id = any(${list}))) and ${headOf('s')} = any(${list})`);
  }
  if (rulesOrTypes !== undefined) conditions.push(`(s.rule_id = any(${parameter(rulesOrTypes.rules)}::text[]) or s.type = any(${parameter(rulesOrTypes.types)}::text[]))`);
  conditions.push(...measured.map((one) => compared('s.recorded_at', 's.ended_at', one, parameter)), ...updated.map((one) => compared('s.updated_at', 's.updated_at', one, parameter)));
  if (from !== undefined) {
    const at = `${parameter(new Date(from.recordedAt))}::timestamptz`;
    conditions.push(`s.recorded_at <= ${at} and (s.recorded_at < ${at} or s._id >= ${parameter(from._id)}::uuid)`);
  }
  return conditions;
};

/** Normalized samples that a filter means, newest first, each reading once. */
export const findObserved = async (db: Queryable, filter: ObservedFilter): Promise<ObservedRow[]> => {
  const values: unknown[] = [];
  const parameter: Parameter = (value) => `$${values.push(value)}`;
  const where = conditionsOf(filter, parameter).join(' and ');
  return (await db.query<ObservedRow>(`${select} where ${where} order by s.recorded_at desc, s._id limit ${parameter(filter.limit)}`, values)).rows;
};
