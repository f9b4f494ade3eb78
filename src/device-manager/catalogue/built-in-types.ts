import type { HealthDataType } from '../domain/rule.ts';
import types from './health-data-types.json' with { type: 'json' };

/** The health data types that are shipped; an installation may change or retire each. */
export const builtInTypes = types as unknown as readonly HealthDataType[];
