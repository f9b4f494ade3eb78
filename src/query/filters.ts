import { comparisonReader, jsonOf, kindIn, type Condition, type Vocabulary } from './condition.ts';

const MOST_FILTERS = 50;

const operators: Readonly<Record<string, string>> = {
  equal: '$eq', notEqual: '$ne', greater: '$gt', greaterEqual: '$gte', less: '$lt', lessEqual: '$lte', exists: '$exists', includeSome: '$in', notIncludeAny: '$nin',
};

const known = [...Object.keys(operators), 'regex', 'between', 'notBetween'];

interface Filter {
  readonly property?: unknown;
  readonly operator?: unknown;
  readonly value?: unknown;
  /** `false` while it is switched off. */
  readonly applied?: unknown;
}

/** Components send what a person chose with its label. */
const chosen = (value: unknown): unknown => (typeof value === 'object' && value !== null && 'value' in value ? value.value : value);

/**
 * Reads the parameter `filters` of user interface components: an array of `{ property, operator, value }`, all of which must hold.
 * One with `applied: false` is switched off. Throws QueryFault; operators on lists are unknown, for no member is one.
 */
export const readFilters = (text: string, vocabulary: Vocabulary): Condition => {
  const { compare, patternOf, refuse } = comparisonReader(vocabulary, 'filters');
  const filters = jsonOf(text, 'filters');
  if (!Array.isArray(filters) || filters.length > MOST_FILTERS) return refuse('wrong-type', 'Send an array of at most 50 filters.');
  const conditionOf = (property: string, operator: string, value: unknown): Condition => {
    if (operator === 'regex') return patternOf(property, kindIn(vocabulary, property, 'filters'), value, 'i');
    if (operator === 'between' || operator === 'notBetween') {
      if (!Array.isArray(value) || value.length !== 2) return refuse('wrong-type', 'Give between and notBetween two values.');
      const [low, high] = value as [unknown, unknown];
      return operator === 'between' ? { all: [compare(property, '$gte', low), compare(property, '$lte', high)] } : { any: [compare(property, '$lt', low), compare(property, '$gt', high)] };
    }
    return compare(property, operators[operator] ?? operator, value);
  };
  const conditionsOf = (filter: unknown): Condition[] => {
    const { property, operator, value, applied } = (typeof filter === 'object' && filter !== null ? filter : {}) as Filter;
    if (typeof property !== 'string' || typeof operator !== 'string') return refuse('wrong-type', 'Give each filter a property, an operator and a value.');
    if (!known.includes(operator)) return refuse('unknown-operator', `Use ${known.join(', ')}.`);
    // What is switched off may have no value yet.
    return applied === false ? [] : [conditionOf(property, operator, Array.isArray(value) ? value.map(chosen) : chosen(value))];
  };
  return { all: filters.flatMap(conditionsOf) };
};
