import type { HealthDataType, ObservationRule } from './rule.ts';

/** A class of measurements in the model of the Therapy and Monitoring Manager; `schema` is JSON Schema, draft 7. */
export interface Prototype {
  readonly identifier: string;
  readonly type: 'measurement';
  readonly name: string;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, string>>;
}

const text = { type: 'string' };
const observation = {
  type: 'object', required: ['code', 'name', 'unit', 'value'],
  properties: { code: text, name: text, unit: text, unitCode: text, value: { type: 'number' }, annotation: { type: 'object' } },
};
const schema = {
  $schema: 'http://json-schema.org/draft-07/schema#', type: 'object', required: ['period', 'observations'],
  properties: {
    period: { type: 'object', required: ['startDate'], properties: { startDate: text, endDate: text } },
    observations: { type: 'array', items: observation },
    attachments: { type: 'array', items: { type: 'object' } },
    unrecognized: { type: 'array', items: text },
  },
};

/** `blood-pressure` is Blood pressure. */
const nameOf = (identifier: string): string => {
  const words = identifier.replaceAll(/[-_]/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
};

const measuredBy = (rule: ObservationRule): string[] => ('event' in rule ? Object.values(rule.events) : rule.targets).map(({ name }) => name);

const unique = (names: readonly string[]): string[] => [...new Set(names)];

/** One prototype for each normalized type that any rule makes, in order of identifiers: doubled ones keep the reader from starting. */
export const prototypesOf = (types: readonly HealthDataType[]): Prototype[] =>
  Object.entries(Object.groupBy(types, ({ normalizedDataType }) => normalizedDataType))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([identifier, group = []]) => ({
      identifier, type: 'measurement', name: nameOf(identifier), schema,
      labels: { observations: unique(group.flatMap((type) => type.observations.flatMap(measuredBy))).join(', ').slice(0, 200) || 'Measurements', period: 'Period' },
    }));
