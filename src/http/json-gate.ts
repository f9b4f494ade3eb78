import { isUtf8 } from 'node:buffer';
import { JsonFault, jsonPointer } from './json-fault.ts';
import { malformed, nextByte, readKey, skipScalar, skipString } from './json-scanner.ts';
import type { Cursor } from './json-scanner.ts';

export { JsonFault } from './json-fault.ts';

/** The bytes `start` (included) to `end` (excluded) of one element of the array that a body is. */
export interface ItemSlice {
  readonly start: number;
  readonly end: number;
  /** The first text of the item that cannot be kept; the pointer starts at the body, not at the item. */
  readonly fault?: { readonly pointer: string; readonly code: 'invalid-text' };
}

/** Levels of arrays and objects, and elements of the array that a body is. */
export interface JsonLimits {
  readonly maxDepth?: number;
  readonly maxItems: number;
}

/** What the bytes mean; `items` is there when the body is an array. */
export interface ReadJson {
  readonly value: unknown;
  readonly items?: ItemSlice[];
}

interface Scan extends Cursor {
  readonly maxDepth: number;
  readonly maxItems: number;
  /** Set when the body is an array. */
  items: ItemSlice[] | undefined;
  itemFault: string | undefined;
}

const COMMA = 0x2c;
const COLON = 0x3a;
const QUOTE = 0x22;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Text that no database column can keep is the verdict of its item, and refuses a body that has no items. */
function judgeText(scan: Scan): void {
  if (!scan.unstorable) return;
  if (scan.items === undefined) throw new JsonFault('invalid-text', scan.path, scan.at);
  scan.itemFault ??= jsonPointer(scan.path);
}

function readValue(scan: Scan, depth: number): void {
  switch (nextByte(scan)) {
    case QUOTE:
      skipString(scan);
      judgeText(scan);
      return;
    case OPEN_OBJECT:
      readContainer(scan, depth, CLOSE_OBJECT, readMembers);
      return;
    case OPEN_ARRAY:
      if (depth === 0) scan.items = [];
      readContainer(scan, depth, CLOSE_ARRAY, depth === 0 ? readItems : readElements);
      return;
    default:
      skipScalar(scan);
  }
}

type Content = (scan: Scan, depth: number) => void;

function readContainer(scan: Scan, depth: number, close: number, content: Content): void {
  if (depth >= scan.maxDepth) throw new JsonFault('too-deep', scan.path, scan.at);
  scan.at += 1;
  if (nextByte(scan) !== close) content(scan, depth + 1);
  if (nextByte(scan) !== close) throw malformed(scan);
  scan.at += 1;
}

/** Steps over a comma and says whether there was one. */
function another(scan: Scan): boolean {
  if (nextByte(scan) !== COMMA) return false;
  scan.at += 1;
  return true;
}

function readElements(scan: Scan, depth: number): void {
  const level = scan.path.length;
  let index = 0;
  do {
    scan.path[level] = index;
    readValue(scan, depth);
    index += 1;
  } while (another(scan));
  leave(scan, level);
}

function sliceFrom({ at, itemFault }: Scan, start: number): ItemSlice {
  if (itemFault === undefined) return { start, end: at };
  return { start, end: at, fault: { pointer: itemFault, code: 'invalid-text' } };
}

function readItems(scan: Scan, depth: number): void {
  const items = scan.items ?? [];
  do {
    scan.path[0] = items.length;
    if (items.length >= scan.maxItems) throw new JsonFault('too-many-items', scan.path, scan.at);
    nextByte(scan);
    const start = scan.at;
    scan.itemFault = undefined;
    readValue(scan, depth);
    items.push(sliceFrom(scan, start));
  } while (another(scan));
  leave(scan, 0);
}

function readMembers(scan: Scan, depth: number): void {
  const level = scan.path.length;
  const keys = new Set<string>();
  do {
    if (nextByte(scan) !== QUOTE) throw malformed(scan);
    const key = readKey(scan);
    judgeText(scan);
    scan.path[level] = key;
    if (key === '__proto__') throw new JsonFault('forbidden-key', scan.path, scan.at);
    if (keys.has(key)) throw new JsonFault('duplicate-key', scan.path, scan.at);
    keys.add(key);
    if (nextByte(scan) !== COLON) throw malformed(scan);
    scan.at += 1;
    readValue(scan, depth);
  } while (another(scan));
  leave(scan, level);
}

/** Takes the last key off the path, except before a fault of grammar, which is told where it is. */
function leave(scan: Scan, level: number): void {
  const byte = nextByte(scan);
  if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) scan.path.length = level;
}

/**
 * Reads the bytes of a body as JSON (RFC 8259) in one linear pass before anything else sees them: UTF-8 without byte order mark,
 * at most `maxDepth` (32) levels, no key twice in an object, no `__proto__` key however escaped, at most `maxItems` elements where
 * the body is an array. Escaped NUL and lone surrogates become the fault of their item, or refuse a body that is not an array.
 * @throws JsonFault and nothing else
 */
export function readJson(bytes: Buffer, limits: JsonLimits): ReadJson {
  if (!isUtf8(bytes) || bytes.subarray(0, 3).equals(BYTE_ORDER_MARK)) throw new JsonFault('not-utf8', [], 0);
  const scan: Scan = {
    bytes,
    path: [],
    keys: [],
    at: 0,
    escaped: false,
    unstorable: false,
    maxDepth: limits.maxDepth ?? 32,
    maxItems: limits.maxItems,
    items: undefined,
    itemFault: undefined,
  };
  readValue(scan, 0);
  if (nextByte(scan) !== undefined) throw malformed(scan);
  const value: unknown = JSON.parse(bytes.toString('utf8'));
  return scan.items === undefined ? { value } : { value, items: scan.items };
}
