import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { hostileKey, hostileValue } from './hostile.ts';

/** One change of a JSON value: `at` chooses among all its places. */
interface Change {
  readonly at: number;
  readonly act: 'replace' | 'remove' | 'add' | 'repeat' | 'swap';
  readonly key: string;
  readonly value: unknown;
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(),
  act: fc.constantFrom('replace', 'replace', 'remove', 'add', 'repeat', 'swap'),
  key: hostileKey,
  value: hostileValue,
});

type Holder = Record<string | number, unknown>;
interface Place {
  readonly holder: Holder;
  readonly key: string | number;
}

const placesIn = (holder: Holder, key: string | number): Place[] => {
  const value = holder[key];
  const below = typeof value !== 'object' || value === null ? [] : Object.keys(value).flatMap((name) => placesIn(value as Holder, name));
  return [{ holder, key }, ...below];
};

const addMember = (target: unknown, key: string, value: unknown): unknown => {
  if (Array.isArray(target)) return [...(target as unknown[]), value];
  if (typeof target !== 'object' || target === null) return { [key]: value };
  // `__proto__` as an own member, as JSON.parse makes it.
  return Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
};

const apply = (root: { value: unknown }, { at, act, key, value: shared }: Change): void => {
  const value: unknown = structuredClone(shared); // constants are shared between cases, and this one may be changed again
  const places = placesIn(root, 'value');
  const place = places[at % places.length];
  if (place === undefined) return;
  const { holder, key: name } = place;
  const old = holder[name];
  if (act === 'remove' && holder !== (root as unknown as Holder)) {
    if (Array.isArray(holder)) holder.splice(Number(name), 1);
    else Reflect.deleteProperty(holder, name);
  } else if (act === 'add') holder[name] = addMember(old, key, value);
  else if (act === 'repeat') holder[name] = [old, old, old];
  else if (act === 'swap') holder[name] = typeof old === 'number' ? String(old) : typeof old === 'string' ? Array.from(old) : JSON.stringify(old);
  else holder[name] = value;
};

/** A value with one to three changes somewhere inside it. */
export const mutated = (values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.tuple(values, fc.array(change, { minLength: 1, maxLength: 3 })).map(([value, changes]) => {
    const root = { value: structuredClone(value) };
    for (const one of changes) apply(root, one);
    return root.value;
  });

type Damage = (bytes: Buffer, at: number, byte: number) => Buffer;

const splice = (bytes: Buffer, at: number, drop: number, insert: Buffer): Buffer => Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + drop)]);
const inserting = (...parts: readonly (string | readonly number[])[]): Damage[] =>
  parts.map((part) => (bytes, at) => splice(bytes, at, 0, typeof part === 'string' ? Buffer.from(part) : Buffer.from(part)));

const damages: readonly Damage[] = [
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at) => splice(bytes, at, 1, Buffer.alloc(0)),
  (bytes, at, byte) => splice(bytes, at, 1, Buffer.from([byte])),
  (bytes, at) => splice(bytes, at, 0, bytes.subarray(0, at)),
  ...inserting([0], [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xef, 0xbb, 0xbf], '\\u0000', '\\ud800', '1e400', ',', '"', '{', '[[[[', '/*x*/', '-', '"a":1,"a":2,'),
  (bytes) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]),
  (bytes) => Buffer.from(bytes.toString('utf8'), 'utf16le'),
  (bytes) => Buffer.from(bytes.toString('utf8').replace(/"([^"]{1,40})":/, '"$1":null,"$1":')),
  (bytes) => Buffer.from(bytes.toString('utf8').replace(/"([^"]{1,40})":/, '"__proto__":{"polluted":1},"$1":')),
  (bytes) => Buffer.from(bytes.toString('utf8').replace(/:(-?[0-9]+)/, ':1e400')),
  (bytes) => Buffer.concat([Buffer.from('['.repeat(2000)), bytes]),
  (bytes) => Buffer.concat([Buffer.from('{"a":'.repeat(2000)), bytes]),
  (bytes) => Buffer.concat([bytes, bytes]),
  () => Buffer.alloc(0),
  () => Buffer.from('null'),
  (bytes) => gzipSync(bytes),
];

/** The bytes of a text with one to three damages: cut, flipped, repeated, other encodings, repeated keys, deep nesting. */
export const damaged = (texts: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> =>
  fc.tuple(texts, fc.array(fc.record({ damage: fc.constantFrom(...damages), at: fc.nat(), byte: fc.nat(255) }), { minLength: 1, maxLength: 3 }))
    .map(([bytes, list]) => list.reduce((sofar, { damage, at, byte }) => damage(sofar, at % (sofar.length + 1), byte).subarray(0, 200_000), bytes));
