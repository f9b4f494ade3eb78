/** Which detections of one plan; instants in milliseconds since 1970. */
export interface DetectionFilter {
  readonly planId: string;
  readonly deviceId?: string;
  /** Conditions on the instant of observation, all of which must hold. */
  readonly observed: readonly { readonly operator: '$gt' | '$gte' | '$lt' | '$lte' | '$eq'; readonly at: number }[];
}

/** Thrown for filters that say nothing usable; the message is advice. */
export class FilterError extends Error {}

interface Condition {
  readonly property: string;
  readonly operator: string;
  readonly value: unknown;
  /** `false` while it is switched off. */
  readonly applied?: unknown;
}

const comparisons = { equal: '$eq', greater: '$gt', greaterEqual: '$gte', less: '$lt', lessEqual: '$lte' } as const;
const isComparison = (operator: string): operator is keyof typeof comparisons => Object.hasOwn(comparisons, operator);

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw new FilterError('Send a JSON array.');
  }
};

const isCondition = (one: unknown): one is Condition =>
  typeof one === 'object' && one !== null && 'property' in one && typeof one.property === 'string' && 'operator' in one && typeof one.operator === 'string' && 'value' in one;

const instantOf = (value: unknown, instant: (text: string) => number | undefined): number => {
  const at = typeof value === 'string' ? instant(value) : undefined;
  if (at === undefined) throw new FilterError('Compare observedAt with instants that have an offset.');
  return at;
};

const observedBy = ({ operator, value }: Condition, instant: (text: string) => number | undefined): DetectionFilter['observed'] => {
  if (operator === 'between') {
    if (!Array.isArray(value) || value.length !== 2) throw new FilterError('Give two instants to between.');
    return [{ operator: '$gte', at: instantOf(value[0], instant) }, { operator: '$lte', at: instantOf(value[1], instant) }];
  }
  if (!isComparison(operator)) throw new FilterError('Compare observedAt by equal, greater, greaterEqual, less, lessEqual or between.');
  return [{ operator: comparisons[operator], at: instantOf(value, instant) }];
};

/** Components wrap values that were chosen from a list. */
const plainOf = (value: unknown): unknown => (typeof value === 'object' && value !== null && 'value' in value ? value.value : value);

const equalTo = (conditions: readonly Condition[], name: string): string | undefined => {
  const values = conditions.filter(({ property }) => property === name).map(({ operator, value }) => (operator === 'equal' ? plainOf(value) : undefined));
  const [first] = values;
  if (values.length === 0) return undefined;
  if (values.length > 1 || typeof first !== 'string' || first === '') throw new FilterError(`Give ${name} once, with equal and a text.`);
  return first;
};

/** Reads filters as chart components send them, but for those that are switched off. `instant` reads an instant with offset. Throws FilterError. */
export const detectionFilterOf = (text: string, instant: (text: string) => number | undefined): DetectionFilter => {
  const given = parsed(text);
  if (!Array.isArray(given) || given.length > 50 || !given.every(isCondition)) throw new FilterError('Send a JSON array of {property, operator, value}.');
  const list = given.filter(({ applied }) => applied !== false);
  const isTime = ({ property }: Condition): boolean => property === 'observedAt' || property === 'recordedAt';
  const [planId, deviceId] = [equalTo(list, 'planId'), equalTo(list, 'deviceId')];
  if (planId === undefined) throw new FilterError('Name the plan: planId, equal.');
  if (list.some((one) => !isTime(one) && one.property !== 'planId' && one.property !== 'deviceId')) throw new FilterError('Filter by planId, deviceId, observedAt or recordedAt.');
  return { planId, ...(deviceId !== undefined && { deviceId }), observed: list.filter(isTime).flatMap((one) => observedBy(one, instant)) };
};
