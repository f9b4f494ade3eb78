import { MAX_TEXT_LENGTH } from './limits.ts';

type Item = Readonly<Record<string, unknown>>;

const token = (key: string | number): string => String(key).replaceAll('~', '~0').replaceAll('/', '~1');

/** Whether any text, keys included, is too long; most items have none, so that its place is looked for afterwards. */
function hasLongText(value: unknown): boolean {
  if (typeof value === 'string') return value.length > MAX_TEXT_LENGTH;
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasLongText);
  for (const key in value) {
    if (key.length > MAX_TEXT_LENGTH) return true;
    const inner = (value as Item)[key];
    if (typeof inner !== 'number' && hasLongText(inner)) return true;
  }
  return false;
}

function placeOfLongText(value: unknown, place: string): string | undefined {
  if (typeof value === 'string') return value.length > MAX_TEXT_LENGTH ? place : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    if (key.length > MAX_TEXT_LENGTH) return place;
    if (typeof inner === 'number') continue;
    const found = placeOfLongText(inner, `${place}/${token(key)}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

const isResource = (value: unknown): boolean => typeof value === 'object' && value !== null && 'resourceType' in value && typeof value.resourceType === 'string';

/**
 * The place of the first text, keys included, that is too long for an item. A clinical record's resource (`fhirData`) has narratives and
 * documents of any length: what bounds them is the bytes of the upload, for less of a resource would be another one.
 */
export const longTextIn = (item: Item): string | undefined => {
  if (!hasLongText(item)) return undefined;
  const { fhirData, ...others } = item;
  return placeOfLongText(isResource(fhirData) ? others : item, '');
};
