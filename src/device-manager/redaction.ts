import { withNulls } from '../http/json-nulls.ts';

/** The bytes of a HealthKit payload with `null` in place of some items: the others keep their positions and their digits. */
export const withoutItems = (bytes: Buffer, itemIndexes: readonly number[]): Buffer =>
  itemIndexes.length === 0 ? bytes : withNulls(bytes, itemIndexes.map((index) => `/${String(index)}`));
