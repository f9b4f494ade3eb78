import type { HealthDataType, ObservationRule, Target } from '../domain/rule.ts';
import types from './health-data-types.json' with { type: 'json' };
import categories from './healthkit-categories.json' with { type: 'json' };
import quantities from './healthkit-quantities.json' with { type: 'json' };
import records from './healthkit-records.json' with { type: 'json' };

const DIETARY = /^HKQuantityTypeIdentifier(Dietary.*)$/;

/** A target where nobody has to assume a unit. */
const stated = (target: Target): Target => Object.fromEntries(Object.entries(target).filter(([member]) => member !== 'plausibleIfAssumed')) as unknown as Target;

/** A meal holds the quantities that HealthKit has by themselves, so each becomes the same here; its metrics name their units. */
const nutrients = (quantities as unknown as readonly HealthDataType[]).flatMap(({ dataTypes: [dataType = ''], observations: [rule] }): ObservationRule[] => {
  const [, name] = DIETARY.exec(dataType) ?? [];
  return name !== undefined && rule && 'targets' in rule ? [{ metric: `/measures/${name}`, targets: rule.targets.map(stated) }] : [];
});

const food: HealthDataType = {
  identifier: 'healthkit-food', version: 2, providerId: 'healthkit', dataTypes: ['HKCorrelationTypeIdentifierFood'], normalizedDataType: 'food',
  metrics: '/measures', observations: nutrients,
  annotations: { food: '/metadata/HKFoodType', name: '/name', meal: '/mealType', wasUserEntered: '/metadata/HKWasUserEntered' },
};

/** The health data types that are shipped; an installation may change or retire each. */
export const builtInTypes = [...types, ...quantities, ...categories, ...records, food] as unknown as readonly HealthDataType[];
