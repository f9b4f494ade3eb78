import { numberOf } from '../item-value.ts';
import { isObject, type Members } from '../shapes/shape.ts';

/** A number with the unit it is written in. */
export interface Measure {
  readonly value: number;
  readonly unit: string;
}

/** Names or numbers of what was stated: moods, a status. */
export type Words = readonly (string | number)[];

/** What a sample that is no single number says, by name. */
export type Measures = Readonly<Record<string, Measure | Words>>;

/** What was found, or nothing, by name. */
export type Found = Readonly<Record<string, Measure | Words | undefined>>;

/** The objects of a list; none of anything else. */
export const objectsIn = (value: unknown): readonly Members[] => (Array.isArray(value) ? value.filter(isObject) : []);

/**
 * A plain number in the unit of its library, `{quantity, unit}` of HealthKit's own shape, `{value, unit}`, `{qty, units}` of Health Auto
 * Export, or "24.03 m" as exports write metadata.
 */
export const measureIn = (given: unknown, unit: string): Measure | undefined => {
  if (isObject(given)) {
    const value = numberOf(given['quantity'] ?? given['qty'] ?? given['value']);
    const own = given['unit'] ?? given['units'];
    return value === undefined ? undefined : { value, unit: typeof own === 'string' ? own : unit };
  }
  const space = typeof given === 'string' ? given.indexOf(' ') : -1;
  if (typeof given === 'string' && space > 0) return measureIn(given.slice(0, space), given.slice(space + 1));
  const value = numberOf(given);
  return value === undefined ? undefined : { value, unit };
};

/** The first member of an item that holds a measure; a member of its own may name the unit. */
export const measureOf = (item: Members, members: readonly string[], unit: string): Measure | undefined => {
  for (const member of members) {
    const own = item[`${member}Unit`];
    const found = measureIn(item[member], typeof own === 'string' ? own : unit);
    if (found) return found;
  }
  return undefined;
};

export const first = (...found: (Measure | undefined)[]): Measure | undefined => found.find((one) => one !== undefined);

const isWord = (value: unknown): value is string | number => (typeof value === 'string' && value !== '') || typeof value === 'number';

/** A word or a list of words as a list; an empty one where there is none. */
export const wordsIn = (given: unknown): Words => [given].flat().filter(isWord);

/** `leftEye` and `sphere` as `leftEyeSphere`. */
export const joined = (...parts: readonly string[]): string =>
  parts.map((part, index) => (index === 0 ? part : part.charAt(0).toUpperCase() + part.slice(1))).join('');
