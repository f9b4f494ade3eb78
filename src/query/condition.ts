import { parseBound } from '../measurement/instant.ts';
import { postgresPattern } from './postgres-pattern.ts';

/** How a member is kept, and so compared: `name` without regard to case, `id` as 32 hexadecimal digits, `custom` in JSON. */
export type MemberKind = 'text' | 'name' | 'id' | 'number' | 'instant' | 'boolean' | 'list' | 'custom';

export type Comparison = 'equal' | 'unequal' | 'in' | 'notIn' | 'greater' | 'greaterOrEqual' | 'less' | 'lessOrEqual' | 'exists' | 'matches' | 'matchesAnyCase';

/** A condition on records; `values` has one element but for `in` and `notIn`. */
export type Condition =
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly member: string; readonly kind: MemberKind; readonly comparison: Comparison; readonly values: readonly unknown[] };

/** What can be asked about one kind of record. */
export interface Vocabulary {
  /** `sealed` is kept encrypted: nobody can compare it. */
  readonly kindOf: (member: string) => MemberKind | 'sealed' | undefined;
  /** Whether texts may be compared with patterns. */
  readonly patterns: boolean;
  /** Advice for a member that is none. */
  readonly unknownMember: string;
}

const comparisons: Readonly<Record<string, Comparison>> = {
  $eq: 'equal', $ne: 'unequal', $in: 'in', $nin: 'notIn', $gt: 'greater', $gte: 'greaterOrEqual', $lt: 'less', $lte: 'lessOrEqual', $exists: 'exists',
};

const MOST_LEVELS = 10;
const MOST_VALUES = 1000;
const LONGEST_PATTERN = 200;

/** Advice for a pattern that is none, or that the database cannot match. */
export const INVALID_PATTERN = 'Send a regular expression of at most 200 characters, without back references, named groups, properties of Unicode and flags inside.';

/** A query that cannot be understood; the fault names the parameter and never a value. */
export class QueryFault extends Error {
  readonly fault: { readonly pointer: string; readonly code: string; readonly message: string };

  constructor(parameter: string, code: string, message: string) {
    super(message);
    this.fault = { pointer: `/query/${parameter}`, code, message };
  }
}

/** The kind of a member. Throws QueryFault when there is none, or nobody can compare it. */
export const kindIn = ({ kindOf, unknownMember }: Vocabulary, member: string, parameter: string): MemberKind => {
  const kind = kindOf(member);
  if (kind === 'sealed') throw new QueryFault(parameter, 'not-filterable', 'Leave out members that are kept encrypted.');
  if (kind === undefined) throw new QueryFault(parameter, 'unknown-member', unknownMember);
  return kind;
};

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const fits = (value: unknown, kind: MemberKind, comparison: Comparison): boolean => {
  if (comparison === 'exists' || kind === 'boolean') return typeof value === 'boolean';
  if (value === null) return comparison === 'equal' || comparison === 'unequal' || comparison === 'in' || comparison === 'notIn';
  if (kind === 'number') return typeof value === 'number' && Number.isFinite(value);
  if (kind === 'id') return typeof value === 'string' && /^[0-9a-f]{32}$/i.test(value);
  if (kind === 'custom') return ['string', 'number', 'boolean'].includes(typeof value);
  return typeof value === 'string';
};

/** The instant in UTC, as records have it; undefined for a text that is none. */
const isoOf = (text: string): string | undefined => {
  const instant = parseBound(text);
  return typeof instant === 'object' ? instant.iso : undefined;
};

/** No column has a text with a NUL or half of a surrogate pair, and PostgreSQL takes none to compare with. */
const isKeepable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

const isPattern = (text: string): boolean => text.length <= LONGEST_PATTERN && postgresPattern(text, false) !== undefined;

/** Reads comparisons of one parameter. Throws QueryFault. */
export const comparisonReader = (vocabulary: Vocabulary, parameter: string) => {
  const refuse = (code: string, message: string): never => {
    throw new QueryFault(parameter, code, message);
  };
  const patternOf = (member: string, kind: MemberKind, pattern: unknown, options: unknown): Condition => {
    if (!vocabulary.patterns) return refuse('unknown-operator', `Use ${Object.keys(comparisons).join(', ')}, $and or $or.`);
    if (kind !== 'text' || typeof pattern !== 'string' || (options !== undefined && options !== '' && options !== 'i')) return refuse('wrong-type', 'Give $regex a text for a member that is text, and $options i or nothing.');
    if (!isPattern(pattern) || !isKeepable(pattern)) return refuse('invalid-pattern', INVALID_PATTERN);
    return { member, kind, comparison: options === 'i' ? 'matchesAnyCase' : 'matches', values: [pattern] };
  };
  /** One comparison of a member. */
  const compare = (member: string, operator: string, operand: unknown): Condition => {
    const kind = kindIn(vocabulary, member, parameter);
    const comparison = Object.hasOwn(comparisons, operator) ? comparisons[operator] : undefined;
    if (comparison === undefined) return refuse('unknown-operator', `Use ${Object.keys(comparisons).join(', ')}${vocabulary.patterns ? ', $regex' : ''}, $and or $or.`);
    const takesList = comparison === 'in' || comparison === 'notIn';
    if (takesList !== Array.isArray(operand)) return refuse('wrong-type', takesList ? 'Give $in and $nin an array.' : 'Give an array to $in or $nin alone.');
    const values: readonly unknown[] = Array.isArray(operand) ? operand : [operand];
    if (values.length > MOST_VALUES || !values.every((value) => fits(value, kind, comparison))) return refuse('wrong-type', 'Compare texts with texts, dates with ISO 8601 texts, numbers with numbers.');
    if (values.some((value) => typeof value === 'string' && !isKeepable(value))) return refuse('invalid-text', 'Remove NUL characters and lone surrogates from the text.');
    const kept = (value: unknown): unknown => (kind === 'instant' && typeof value === 'string' ? (isoOf(value) ?? refuse('invalid-date', 'Send an instant that exists, with an offset, or a day alone for its midnight in UTC.')) : value);
    return { member, kind, comparison, values: values.map(kept) };
  };
  return { compare, patternOf, refuse };
};

const conditionReader = (vocabulary: Vocabulary, parameter: string) => {
  const { compare, patternOf, refuse } = comparisonReader(vocabulary, parameter);
  const membersOf = (member: string, operand: unknown): Condition => {
    const kind = kindIn(vocabulary, member, parameter);
    if (!isObject(operand)) return compare(member, '$eq', operand);
    const { $regex, $options, ...others } = operand;
    if ($options !== undefined && $regex === undefined) return refuse('unknown-operator', 'Give $options beside $regex alone.');
    return { all: [...($regex === undefined ? [] : [patternOf(member, kind, $regex, $options)]), ...Object.entries(others).map(([operator, inner]) => compare(member, operator, inner))] };
  };
  const listOf = (operand: unknown, level: number): Condition[] => {
    if (!Array.isArray(operand) || operand.length === 0) return refuse('wrong-type', 'Give $and and $or an array of conditions.');
    return operand.map((one) => conditionOf(one, level + 1));
  };
  const conditionOf = (value: unknown, level: number): Condition => {
    if (!isObject(value)) return refuse('wrong-type', 'Write a condition as a JSON object.');
    if (level > MOST_LEVELS) return refuse('too-deep', 'Nest the conditions less deeply.');
    return {
      all: Object.entries(value).map(([member, operand]): Condition => {
        if (member === '$and') return { all: listOf(operand, level) };
        return member === '$or' ? { any: listOf(operand, level) } : membersOf(member, operand);
      }),
    };
  };
  return (value: unknown): Condition => conditionOf(value, 0);
};

/** Reads the JSON of a parameter. Throws QueryFault. */
export const jsonOf = (text: string, parameter: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new QueryFault(parameter, 'malformed-json', 'Send one complete JSON document, URL encoded.');
  }
};

/** Reads the parameter `_q`, a condition in JSON. Throws QueryFault. */
export const readCondition = (text: string, vocabulary: Vocabulary): Condition => conditionReader(vocabulary, '_q')(jsonOf(text, '_q'));

/** One member to sort by. */
export interface SortKey {
  readonly member: string;
  readonly kind: MemberKind;
  readonly descending: boolean;
}

/** Names separated by commas. */
export const namesIn = (text: string): string[] => text.split(',').map((name) => name.trim());

/** Reads the parameter `_s`. Throws QueryFault. */
export const readSort = (text: string, vocabulary: Vocabulary): SortKey[] =>
  namesIn(text).map((name) => {
    const member = name.replace(/^-/, '');
    return { member, kind: kindIn(vocabulary, member, '_s'), descending: name.startsWith('-') };
  });

/** The states of records; only `PUBLIC` ones are shown when nobody says otherwise. */
export const recordStates = ['PUBLIC', 'DRAFT', 'TRASH', 'DELETED'] as const;
export type RecordState = (typeof recordStates)[number];

/** Reads the parameter `_st`. Throws QueryFault. */
export const readStates = (text: string): readonly RecordState[] => {
  const names = namesIn(text);
  const states = recordStates.filter((state) => names.includes(state));
  if (states.length !== new Set(names).size) throw new QueryFault('_st', 'enum', `Use ${recordStates.join(', ')}.`);
  return states;
};
