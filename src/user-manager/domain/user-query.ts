import { userStates, type MemberFault, type UserState } from './user-account.ts';

/** How a member is kept, and so compared: `name` without regard to case, `custom` in the custom properties. */
export type MemberKind = 'text' | 'name' | 'instant' | 'boolean' | 'list' | 'custom';

export type Comparison = 'equal' | 'unequal' | 'in' | 'notIn' | 'greater' | 'greaterOrEqual' | 'less' | 'lessOrEqual' | 'exists';

/** A condition on users; `values` has one element but for `in` and `notIn`. */
export type Condition =
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly member: string; readonly kind: MemberKind; readonly comparison: Comparison; readonly values: readonly unknown[] };

const kinds: Readonly<Record<string, MemberKind>> = {
  _id: 'text', authUserId: 'text', username: 'name', email: 'name', name: 'text', userGroup: 'text', blocked: 'boolean', expirationDate: 'instant',
  roles: 'list', createdAt: 'instant', updatedAt: 'instant', creatorId: 'text', updaterId: 'text', __STATE__: 'text',
};

/** Members that can be listed by `_p` and `_s`, beside custom properties. */
export const kindOf = (member: string, customNames: ReadonlySet<string>): MemberKind | undefined =>
  Object.hasOwn(kinds, member) ? kinds[member] : customNames.has(member.split('.', 1)[0] ?? '') && /^[\w-]+(\.[\w-]+)*$/.test(member) ? 'custom' : undefined;

const comparisons: Readonly<Record<string, Comparison>> = {
  $eq: 'equal', $ne: 'unequal', $in: 'in', $nin: 'notIn', $gt: 'greater', $gte: 'greaterOrEqual', $lt: 'less', $lte: 'lessOrEqual', $exists: 'exists',
};

const MOST_LEVELS = 10;

/** A query that cannot be understood; the fault names the parameter and never a value. */
export class QueryFault extends Error {
  readonly fault: MemberFault;

  constructor(parameter: string, code: string, message: string) {
    super(message);
    this.fault = { pointer: `/query/${parameter}`, code, message };
  }
}

const refuse = (code: string, message: string): never => {
  throw new QueryFault('_q', code, message);
};

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

const fits = (value: unknown, kind: MemberKind, comparison: Comparison): boolean => {
  if (comparison === 'exists' || kind === 'boolean') return typeof value === 'boolean';
  if (value === null) return comparison !== 'greater' && comparison !== 'less' && comparison !== 'greaterOrEqual' && comparison !== 'lessOrEqual';
  if (kind === 'instant') return typeof value === 'string' && !Number.isNaN(Date.parse(value));
  if (kind === 'custom') return ['string', 'number', 'boolean'].includes(typeof value);
  return typeof value === 'string';
};

const comparisonOf = (member: string, kind: MemberKind, operator: string, operand: unknown): Condition => {
  const comparison = Object.hasOwn(comparisons, operator) ? comparisons[operator] : undefined;
  if (comparison === undefined) return refuse('unknown-operator', `Use ${Object.keys(comparisons).join(', ')}, $and or $or.`);
  const takesList = comparison === 'in' || comparison === 'notIn';
  if (takesList !== Array.isArray(operand)) return refuse('wrong-type', takesList ? 'Give $in and $nin an array.' : 'Give an array to $in or $nin alone.');
  const values: readonly unknown[] = Array.isArray(operand) ? operand : [operand];
  if (!values.every((value) => fits(value, kind, comparison))) return refuse('wrong-type', 'Compare texts with texts, dates with ISO 8601 texts, numbers with numbers.');
  if (values.some((value) => typeof value === 'string' && value.includes('\0'))) return refuse('invalid-text', 'Remove NUL characters from the text.');
  return { member, kind, comparison, values };
};

const listOf = (operand: unknown, customNames: ReadonlySet<string>, level: number): Condition[] => {
  if (!Array.isArray(operand) || operand.length === 0) return refuse('wrong-type', 'Give $and and $or an array of conditions.');
  return operand.map((one) => conditionOf(one, customNames, level + 1));
};

const conditionOf = (value: unknown, customNames: ReadonlySet<string>, level: number): Condition => {
  if (!isObject(value)) return refuse('wrong-type', 'Write a condition as a JSON object.');
  if (level > MOST_LEVELS) return refuse('too-deep', 'Nest the conditions less deeply.');
  const all = Object.entries(value).map(([member, operand]): Condition => {
    if (member === '$and') return { all: listOf(operand, customNames, level) };
    if (member === '$or') return { any: listOf(operand, customNames, level) };
    const kind = kindOf(member, customNames);
    if (kind === undefined) return refuse('unknown-member', 'Name members and custom properties of users alone.');
    if (!isObject(operand)) return comparisonOf(member, kind, '$eq', operand);
    return { all: Object.entries(operand).map(([operator, inner]) => comparisonOf(member, kind, operator, inner)) };
  });
  return { all };
};

/** Reads the parameter `_q`, a condition in JSON. Throws QueryFault. */
export const readCondition = (text: string, customNames: ReadonlySet<string>): Condition => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('malformed-json', 'Send one complete JSON object, URL encoded.');
  }
  return conditionOf(value, customNames, 0);
};

/** One member to sort by. */
export interface SortKey {
  readonly member: string;
  readonly kind: MemberKind;
  readonly descending: boolean;
}

const namesIn = (text: string): string[] => text.split(',').map((name) => name.trim());

/** Reads the parameter `_s`. Throws QueryFault. */
export const readSort = (text: string, customNames: ReadonlySet<string>): SortKey[] =>
  namesIn(text).map((name) => {
    const member = name.replace(/^-/, '');
    const kind = kindOf(member, customNames);
    if (kind === undefined) throw new QueryFault('_s', 'unknown-member', 'Name members and custom properties of users alone.');
    return { member, kind, descending: name.startsWith('-') };
  });

/** Reads the parameter `_p`: the members to answer, always with `_id`. Throws QueryFault. */
export const readProjection = (text: string, customNames: ReadonlySet<string>): ReadonlySet<string> => {
  const names = namesIn(text);
  if (names.some((name) => kindOf(name, customNames) === undefined || name.includes('.'))) throw new QueryFault('_p', 'unknown-member', 'Name members and custom properties of users alone.');
  return new Set(['_id', ...names]);
};

/** Reads the parameter `_st`. Throws QueryFault. */
export const readStates = (text: string): readonly UserState[] => {
  const names = namesIn(text);
  const states = userStates.filter((state) => names.includes(state));
  if (states.length !== new Set(names).size) throw new QueryFault('_st', 'enum', `Use ${userStates.join(', ')}.`);
  return states;
};
