import { parseInstant } from '../../measurement/instant.ts';

/** What filters of a chart component ask for; instants in milliseconds since 1970, `from` included, `to` not. */
export interface ChartFilter {
  readonly from: number;
  readonly to: number;
  readonly rawType?: string;
}

/** Filters that cannot be read; `place` is a JSON pointer into the array. */
export class ChartFilterFault extends Error {
  readonly place: string;

  constructor(place: string) {
    super(`chart filter at ${place}`);
    this.place = place;
  }
}

type Filter = Readonly<Record<string, unknown>>;

const operators = new Set([
  'equal', 'exists', 'notEqual', 'greater', 'greaterEqual', 'less', 'lessEqual', 'regex', 'includeSome', 'includeAll', 'includeExactly', 'notIncludeAny', 'between', 'notBetween',
  'hasLengthEqual', 'hasLengthGreaterEqual', 'hasLengthLessEqual',
]);
/** The original names the instant so in one place and so in another. */
const instants = new Set(['recordedAt', 'observedAt']);

const valueOf = (value: unknown): unknown => (typeof value === 'object' && value !== null && 'value' in value ? value.value : value);

const epochMsOf = (value: unknown, place: string): number => {
  const instant = typeof value === 'string' || typeof value === 'number' ? parseInstant(value) : undefined;
  if (typeof instant !== 'object') throw new ChartFilterFault(place);
  return instant.epochMs;
};

const boundsOf = (operator: string, value: unknown, place: string): Partial<ChartFilter> => {
  const at = (one: unknown): number => epochMsOf(one, `${place}/value`);
  switch (operator) {
    case 'equal': return { from: at(value), to: at(value) + 1 };
    case 'greater': return { from: at(value) + 1 };
    case 'greaterEqual': return { from: at(value) };
    case 'less': return { to: at(value) };
    case 'lessEqual': return { to: at(value) + 1 };
    case 'between': {
      if (!Array.isArray(value) || value.length !== 2) throw new ChartFilterFault(`${place}/value`);
      return { from: at(value[0]), to: at(value[1]) + 1 };
    }
    case 'exists': return {};
    default: throw new ChartFilterFault(`${place}/operator`);
  }
};

const parsed = (text: string): readonly unknown[] => {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new ChartFilterFault('');
};

/**
 * The filters of Back-kit that chart components append, `[{ property, operator, value }]`: an instant (`recordedAt`, `observedAt`) and
 * `rawDataType` are applied, other properties are of other charts and left aside.
 * @throws ChartFilterFault for no array, an unknown operator, or a value that is no instant
 */
export const chartFilterOf = (text: string | undefined): ChartFilter => {
  let filter: ChartFilter = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
  for (const [index, one] of (text === undefined ? [] : parsed(text)).entries()) {
    const place = `/${String(index)}`;
    if (typeof one !== 'object' || one === null) throw new ChartFilterFault(place);
    const { property, operator, value: given, applied } = one as Filter;
    const isOurs = typeof property === 'string' && (instants.has(property) || property === 'rawDataType');
    if (typeof operator === 'string' ? !operators.has(operator) : isOurs) throw new ChartFilterFault(`${place}/operator`);
    if (applied === false || !isOurs || typeof operator !== 'string') continue;
    const value = valueOf(given);
    if (instants.has(property)) {
      const { from = filter.from, to = filter.to } = boundsOf(operator, value, place);
      filter = { ...filter, from: Math.max(filter.from, from), to: Math.min(filter.to, to) };
    } else {
      if (operator !== 'equal' || typeof value !== 'string') throw new ChartFilterFault(`${place}/${operator === 'equal' ? 'value' : 'operator'}`);
      filter = { ...filter, rawType: value };
    }
  }
  return filter;
};
