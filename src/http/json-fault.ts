/** Why the bytes of a request are not JSON that we accept. */
export type JsonFaultCode =
  | 'malformed-json'
  | 'duplicate-key'
  | 'forbidden-key'
  | 'too-deep'
  | 'not-utf8'
  | 'invalid-text'
  | 'too-many-items';

/** Longest part of a pointer: keys come from the sender, and an error must not repeat pages of them. */
const LONGEST_TOKEN = 64;

/**
 * JSON pointer (RFC 6901) of a path of keys and positions. Each token is cut to 64 UTF-16 units, control characters and halves of
 * surrogate pairs become U+FFFD, so the pointer can always be stored and sent.
 */
export function jsonPointer(path: readonly (string | number)[]): string {
  return path
    .map((token) => String(token).slice(0, LONGEST_TOKEN).toWellFormed().replace(/\p{Cc}/gu, '\uFFFD'))
    .map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}

/** The only thing `readJson` throws: `pointer` is the last value begun, `offset` the byte where reading stopped. */
export class JsonFault extends Error {
  readonly code: JsonFaultCode;
  readonly pointer: string;
  readonly offset: number;

  constructor(code: JsonFaultCode, path: readonly (string | number)[], offset: number) {
    const pointer = jsonPointer(path);
    super(`${code} at ${pointer === '' ? 'the top' : pointer} (byte ${offset})`);
    this.name = 'JsonFault';
    this.code = code;
    this.pointer = pointer;
    this.offset = offset;
  }
}
