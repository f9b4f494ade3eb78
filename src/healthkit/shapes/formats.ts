import { healthAutoExport } from './health-auto-export.ts';
import { kingstinct } from './kingstinct.ts';
import { isObject, membersOf, type Shape, type ShapedItem } from './shape.ts';
import { standard } from './standard.ts';

const shapes = {
  'healthkitstandard-json': standard,
  'react-native-healthkit-json': kingstinct,
  'health-auto-export-json': healthAutoExport,
} as const satisfies Record<string, Shape>;

/** A format of HealthKit bodies under the one name it is kept with. */
export type HealthKitFormat = keyof typeof shapes;

/** The format of bodies that name none. */
export const STANDARD: HealthKitFormat = 'healthkitstandard-json';

/** All formats. */
export const healthKitFormats = Object.keys(shapes) as readonly HealthKitFormat[];

/** The format that a path names, whatever its letter case; `json` and `standard-json` are the standard one. */
export const healthKitFormatOf = (name: string): HealthKitFormat =>
  healthKitFormats.find((format) => format === name.toLowerCase()) ?? STANDARD;

/** What a body has for items, or why it has none: it does not fit its format at the pointer, or there are more than allowed. */
export type ItemsOfBody = { readonly items: readonly ShapedItem[] } | { readonly misfit: string } | 'too-many';

/**
 * The items of a body in the order of its bytes, `null` elements included: the same bytes always give the same items at the same
 * positions. Stops at the first item too many, so that a body of millions costs no more than one of thousands.
 */
export function itemsIn(format: HealthKitFormat, body: unknown, most = Infinity): ItemsOfBody {
  const found = shapes[format](body);
  if (typeof found === 'string') return { misfit: found };
  const items: ShapedItem[] = [];
  for (const item of found) {
    if (items.length >= most) return 'too-many';
    items.push(item);
  }
  return { items };
}

const hasDeletions = (format: string): boolean => format !== 'health-auto-export-json';

/** What an anchored query of HealthKit says was deleted: the `uuid` of each element of `deletedSamples`, whatever it is, in their order. */
export function deletedIn(format: HealthKitFormat, body: unknown): readonly unknown[] {
  const { deletedSamples } = hasDeletions(format) && isObject(body) ? body : {};
  return Array.isArray(deletedSamples) ? deletedSamples.map((deleted) => membersOf(deleted)['uuid']) : [];
}
