import { JsonFault } from './json-fault.ts';

/** A key read before: where its bytes are, and its text. */
interface KnownKey {
  readonly start: number;
  readonly length: number;
  readonly text: string;
}

/** Where the scanner stands in the bytes, and by which keys and positions it came there. */
export interface Cursor {
  readonly bytes: Buffer;
  readonly path: (string | number)[];
  /** Keys read before, where equal ones are likely to be found again: the objects of a list have the same. */
  readonly keys: (KnownKey | undefined)[];
  at: number;
  /** The last string held an escape sequence. */
  escaped: boolean;
  /** The last string held an escape that no text column can keep: NUL or half a surrogate pair. */
  unstorable: boolean;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const SHORT_ESCAPES = new Set(Buffer.from('"\\/bfnrt'));
const WHITE_SPACE = new Set(Buffer.from(' \t\n\r'));
const LITERALS = ['true', 'false', 'null'].map((word) => Buffer.from(word));

/** The fault of grammar at the cursor. */
export const malformed = (cursor: Cursor): JsonFault => new JsonFault('malformed-json', cursor.path, cursor.at);

/** Moves over insignificant white space and returns the byte found, `undefined` at the end. */
export function nextByte(cursor: Cursor): number | undefined {
  let byte = cursor.bytes[cursor.at];
  while (byte !== undefined && byte <= 0x20 && WHITE_SPACE.has(byte)) {
    cursor.at += 1;
    byte = cursor.bytes[cursor.at];
  }
  return byte;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** The value of four hexadecimal digits, or -1. */
function hexAt(bytes: Buffer, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i += 1) {
    const byte = bytes[i] ?? 0;
    const lower = byte | 0x20;
    if (isDigit(byte)) value = value * 16 + byte - 0x30;
    else if (lower >= 0x61 && lower <= 0x66) value = value * 16 + lower - 0x57;
    else return -1;
  }
  return value;
}

function refuseAt(cursor: Cursor, at: number): never {
  cursor.at = at;
  throw malformed(cursor);
}

/** Returns the position after the escape that begins at `at`; a proper surrogate pair is one escape. */
function afterEscape(cursor: Cursor, at: number): number {
  const { bytes } = cursor;
  cursor.escaped = true;
  if (bytes[at + 1] !== 0x75) {
    return SHORT_ESCAPES.has(bytes[at + 1] ?? 0) ? at + 2 : refuseAt(cursor, at + 1);
  }
  const unit = hexAt(bytes, at + 2);
  if (unit < 0) refuseAt(cursor, at + 2);
  if (unit >= 0xd800 && unit <= 0xdbff && bytes[at + 6] === BACKSLASH && bytes[at + 7] === 0x75) {
    const low = hexAt(bytes, at + 8);
    if (low >= 0xdc00 && low <= 0xdfff) return at + 12;
  }
  if (unit === 0 || (unit >= 0xd800 && unit <= 0xdfff)) cursor.unstorable = true;
  return at + 6;
}

/** Moves over the string whose opening quote is at the cursor, and notes `escaped` and `unstorable`. */
export function skipString(cursor: Cursor): void {
  const { bytes } = cursor;
  cursor.escaped = false;
  cursor.unstorable = false;
  let at = cursor.at + 1;
  for (;;) {
    const byte = bytes[at];
    if (byte === QUOTE) break;
    if (byte === undefined || byte < 0x20) refuseAt(cursor, at);
    at = byte === BACKSLASH ? afterEscape(cursor, at) : at + 1;
  }
  cursor.at = at + 1;
}

function isSame(bytes: Buffer, a: number, b: number, length: number): boolean {
  for (let i = 0; i < length; i += 1) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

/** The text of a key without escapes; making it of bytes costs more than to find the same bytes in an object before. */
function textOf({ bytes, keys }: Cursor, start: number, end: number): string {
  const length = end - start;
  const slot = (length * 31 + (bytes[start] ?? 0) * 7 + (bytes[end - 1] ?? 0)) & 255;
  const known = keys[slot];
  if (known?.length === length && isSame(bytes, known.start, start, length)) return known.text;
  const text = bytes.toString('utf8', start, end);
  keys[slot] = { start, length, text };
  return text;
}

/** Moves over the key whose opening quote is at the cursor as `skipString` does, and returns its text. */
export function readKey(cursor: Cursor): string {
  const start = cursor.at;
  skipString(cursor);
  if (!cursor.escaped) return textOf(cursor, start + 1, cursor.at - 1);
  return JSON.parse(cursor.bytes.toString('utf8', start, cursor.at)) as string;
}

function skipDigits(cursor: Cursor): void {
  if (!isDigit(cursor.bytes[cursor.at])) throw malformed(cursor);
  while (isDigit(cursor.bytes[cursor.at])) cursor.at += 1;
}

/** Moves over a number; its size is for others to judge (`1e400` is good grammar). */
function skipNumber(cursor: Cursor): void {
  const { bytes } = cursor;
  if (bytes[cursor.at] === MINUS) cursor.at += 1;
  if (bytes[cursor.at] === ZERO) cursor.at += 1;
  else skipDigits(cursor);
  if (bytes[cursor.at] === DOT) {
    cursor.at += 1;
    skipDigits(cursor);
  }
  if (((bytes[cursor.at] ?? 0) | 0x20) === 0x65) {
    cursor.at += 1;
    const sign = bytes[cursor.at];
    if (sign === MINUS || sign === 0x2b) cursor.at += 1;
    skipDigits(cursor);
  }
}

/** Moves over `true`, `false`, `null` or a number. */
export function skipScalar(cursor: Cursor): void {
  const { bytes, at } = cursor;
  const word = LITERALS.find((literal) => literal[0] === bytes[at]);
  if (word === undefined) {
    skipNumber(cursor);
    return;
  }
  if (!bytes.subarray(at, at + word.length).equals(word)) throw malformed(cursor);
  cursor.at += word.length;
}
