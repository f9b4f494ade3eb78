import type { Comparison, Condition, MemberKind, SortKey } from './condition.ts';
import { postgresPattern } from './postgres-pattern.ts';

const casts: Readonly<Record<MemberKind, string>> = { text: 'text', name: 'text', id: 'uuid', number: 'numeric', instant: 'timestamptz', boolean: 'boolean', list: 'jsonb', custom: 'jsonb' };
const signs: Partial<Readonly<Record<Comparison, string>>> = { greater: '>', greaterOrEqual: '>=', less: '<', lessOrEqual: '<=', matches: '~', matchesAnyCase: '~*' };

/** Builds SQL whose every value is a parameter; `columns` are the expressions of members, `customColumn` that of the JSON that holds custom ones. */
export const createSqlWriter = (columns: Readonly<Record<string, string>>, customColumn = 'null::jsonb') => {
  const values: unknown[] = [];
  const parameter = (value: unknown): string => `$${values.push(value)}`;
  const expression = (member: string, kind: MemberKind): string => (kind === 'custom' ? `${customColumn} #> ${parameter(member.split('.'))}::text[]` : (columns[member] ?? 'null'));
  const constant = (value: unknown, kind: MemberKind): string => {
    const cast = casts[kind];
    const kept = cast === 'jsonb' ? JSON.stringify(value) : kind === 'name' ? (value as string).toLowerCase() : value;
    return `${parameter(kept)}::${cast}`;
  };
  /** Lists and custom members are JSON, where an array also equals what it holds. */
  const equal = (left: string, kind: MemberKind, value: unknown): string => {
    if (value === null) return casts[kind] === 'jsonb' ? `coalesce(${left} = 'null'::jsonb, true)` : `${left} is null`;
    return `coalesce(${left} ${casts[kind] === 'jsonb' ? '@>' : '='} ${constant(value, kind)}, false)`;
  };
  const compare = (left: string, kind: MemberKind, comparison: Comparison, list: readonly unknown[]): string => {
    const [first] = list;
    if (comparison === 'exists') return `${left} is ${first === true ? 'not ' : ''}null`;
    const sign = signs[comparison];
    if (sign !== undefined) {
      const isAnyCase = comparison === 'matchesAnyCase';
      const right = constant(isAnyCase || comparison === 'matches' ? postgresPattern(first as string, isAnyCase) : first, kind);
      return `coalesce(${left} ${sign} ${right}${casts[kind] === 'jsonb' ? ` and jsonb_typeof(${left}) = jsonb_typeof(${right})` : ''}, false)`;
    }
    const any = list.map((value) => equal(left, kind, value)).join(' or ') || 'false';
    return comparison === 'equal' || comparison === 'in' ? `(${any})` : `not (${any})`;
  };
  const where = (condition: Condition): string => {
    if ('all' in condition) return condition.all.length === 0 ? 'true' : `(${condition.all.map(where).join(' and ')})`;
    if ('any' in condition) return condition.any.length === 0 ? 'false' : `(${condition.any.map(where).join(' or ')})`;
    return compare(expression(condition.member, condition.kind), condition.kind, condition.comparison, condition.values);
  };
  const order = (sort: readonly SortKey[]): string[] => sort.map(({ member, kind, descending }) => `${expression(member, kind)} ${descending ? 'desc nulls last' : 'asc nulls first'}`);
  return { values, parameter, where, order };
};

export type SqlWriter = ReturnType<typeof createSqlWriter>;
