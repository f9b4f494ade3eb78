/** How much of a payload an outline shows. */
const MOST_LEVELS = 8;
const MOST_MEMBERS = 50;

const kindOf = (value: unknown): string => {
  if (value === null) return 'null';
  return typeof value === 'string' ? (value === '' ? 'empty text' : 'text') : typeof value;
};

/** The members of a value with the kind of each leaf in place of it: what is wrong with a payload shows, what it says does not. */
export const outlineOf = (value: unknown, level = 0): unknown => {
  if (typeof value !== 'object' || value === null) return kindOf(value);
  if (level >= MOST_LEVELS) return Array.isArray(value) ? 'array' : 'object';
  if (Array.isArray(value)) return value.slice(0, MOST_MEMBERS).map((one) => outlineOf(one, level + 1));
  return Object.fromEntries(Object.entries(value).slice(0, MOST_MEMBERS).map(([name, one]) => [name.slice(0, 100), outlineOf(one, level + 1)]));
};

/** The end of an identifier, enough to tell devices apart and too little to name one. */
export const masked = (identifier: string): string => `…${Array.from(identifier).slice(-4).join('')}`;
