import { problem, type ProblemError } from './problem.ts';

const refusal = (code: 'invalid-text' | 'invalid-request', pointer: string, fault: string, message: string): ProblemError =>
  problem(code, { errors: [{ pointer, code: fault, message }] });

/**
 * Refuses in a path or query what the validator lets pass and no database keeps: NUL in texts, since only bodies pass the JSON gate, and
 * `Infinity` or `1e400` as a number, which it coerces and then measures by no bound. Throws with a pointer to the first one.
 */
export const refuseUnkeepable = (place: 'path' | 'query', members: Readonly<Record<string, unknown>>): void => {
  for (const [name, value] of Object.entries(members)) {
    const pointer = `/${place}/${name}`;
    if (typeof value === 'string' && value.includes('\0')) throw refusal('invalid-text', pointer, 'invalid-text', 'Remove NUL characters from the text.');
    if (typeof value === 'number' && !Number.isFinite(value)) throw refusal('invalid-request', pointer, 'type', 'must be a finite number');
  }
};
