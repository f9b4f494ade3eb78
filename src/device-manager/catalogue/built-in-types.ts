import type { HealthDataType } from '../domain/rule.ts';
import types from './health-data-types.json' with { type: 'json' };
import categories from './healthkit-categories.json' with { type: 'json' };
import quantities from './healthkit-quantities.json' with { type: 'json' };
import records from './healthkit-records.json' with { type: 'json' };

/** The health data types that are shipped; an installation may change or retire each. */
export const builtInTypes = [...types, ...quantities, ...categories, ...records] as unknown as readonly HealthDataType[];
