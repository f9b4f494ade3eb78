import { healthKitFormatOf, itemsIn } from '../healthkit/shapes/formats.ts';
import { withNulls } from '../http/json-nulls.ts';

/** The bytes of a HealthKit payload with `null` in place of some items: the others keep their positions and their digits. */
export const withoutItems = (format: string, bytes: Buffer, itemIndexes: readonly number[]): Buffer => {
  if (itemIndexes.length === 0) return bytes;
  const found = itemsIn(healthKitFormatOf(format), JSON.parse(bytes.toString('utf8')));
  const items = found !== 'too-many' && 'items' in found ? found.items : [];
  return withNulls(bytes, itemIndexes.flatMap((index) => items[index]?.pointer ?? []));
};
