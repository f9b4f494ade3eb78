import { problem } from './problem.ts';

/**
 * Refuses NUL in the texts of a path or query: PostgreSQL keeps no such text, and only bodies pass the JSON gate. Throws invalid-text
 * with a pointer to the first one.
 */
export const refuseNul = (place: 'path' | 'query', members: Readonly<Record<string, unknown>>): void => {
  for (const [name, value] of Object.entries(members)) {
    if (typeof value === 'string' && value.includes('\0')) {
      throw problem('invalid-text', { errors: [{ pointer: `/${place}/${name}`, code: 'invalid-text', message: 'Remove NUL characters from the text.' }] });
    }
  }
};
