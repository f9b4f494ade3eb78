import { malformed, nextByte, readKey, skipScalar, skipString, type Cursor } from './json-scanner.ts';

/** The bytes `start` (included) to `end` (excluded) of one value of a body. */
export interface JsonSlice {
  readonly start: number;
  readonly end: number;
}

/** The keys and positions that are asked for at one level, and what is asked for below each; `wanted` is the pointer that ends here. */
interface Branch {
  readonly below: Map<string, Branch>;
  wanted: string | undefined;
}

const COMMA = 0x2c;
const QUOTE = 0x22;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const newBranch = (): Branch => ({ below: new Map(), wanted: undefined });

const unescaped = (token: string): string => token.replaceAll('~1', '/').replaceAll('~0', '~');

function branchesOf(pointers: readonly string[]): Branch {
  const root = newBranch();
  for (const pointer of pointers) {
    let branch = root;
    for (const token of pointer.split('/').slice(1)) {
      const key = unescaped(token);
      const next = branch.below.get(key) ?? newBranch();
      branch.below.set(key, next);
      branch = next;
    }
    branch.wanted = pointer;
  }
  return root;
}

/** Moves over a value that nobody asks for a part of; the bytes are JSON, so counting brackets finds its end. */
function skipValue(cursor: Cursor): void {
  let depth = 0;
  do {
    const byte = nextByte(cursor);
    if (byte === undefined) throw malformed(cursor);
    if (byte === QUOTE) skipString(cursor);
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) depth += 1;
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) depth -= 1;
    if (byte === QUOTE) continue;
    if ('[]{},:'.includes(String.fromCharCode(byte))) cursor.at += 1;
    else skipScalar(cursor);
  } while (depth > 0);
}

type Found = Map<string, JsonSlice>;

function findIn(cursor: Cursor, branch: Branch | undefined, found: Found): void {
  const opening = nextByte(cursor);
  const start = cursor.at;
  const inside = branch !== undefined && branch.wanted === undefined && branch.below.size > 0;
  if (inside && opening === OPEN_OBJECT) findInMembers(cursor, branch, found);
  else if (inside && opening === OPEN_ARRAY) findInElements(cursor, branch, found);
  else skipValue(cursor);
  if (branch?.wanted !== undefined) found.set(branch.wanted, { start, end: cursor.at });
}

function findInMembers(cursor: Cursor, { below }: Branch, found: Found): void {
  do {
    cursor.at += 1; // the bracket, later a comma
    if (nextByte(cursor) === CLOSE_OBJECT) break;
    const key = readKey(cursor);
    nextByte(cursor);
    cursor.at += 1; // the colon
    findIn(cursor, below.get(key), found);
  } while (nextByte(cursor) === COMMA);
  cursor.at += 1;
}

function findInElements(cursor: Cursor, { below }: Branch, found: Found): void {
  let index = 0;
  do {
    cursor.at += 1;
    if (nextByte(cursor) === CLOSE_ARRAY) break;
    findIn(cursor, below.get(String(index)), found);
    index += 1;
  } while (nextByte(cursor) === COMMA);
  cursor.at += 1;
}

/**
 * Where the values at JSON pointers (RFC 6901) lie in the bytes of a body that the gate has read, by pointer; what no value has is
 * left out, and so is what lies inside another value that is asked for. One linear pass.
 * @throws JsonFault when the bytes are no JSON
 */
export function slicesAt(bytes: Buffer, pointers: readonly string[]): ReadonlyMap<string, JsonSlice> {
  const found: Found = new Map();
  findIn({ bytes, path: [], keys: [], at: 0, escaped: false, unstorable: false }, branchesOf(pointers), found);
  return found;
}

/**
 * The bytes of a body with `null` in place of the values at JSON pointers (RFC 6901), and every other byte as it was: elements keep
 * their positions, numbers their digits. A pointer to nothing changes nothing; the same pointers again change nothing more.
 * @throws JsonFault when the bytes are no JSON
 */
export function withNulls(bytes: Buffer, pointers: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  let kept = 0;
  for (const { start, end } of slicesAt(bytes, pointers).values()) {
    parts.push(bytes.subarray(kept, start), Buffer.from('null'));
    kept = end;
  }
  return Buffer.concat([...parts, bytes.subarray(kept)]);
}
