import fc from 'fast-check';
import { isNode, meantBy } from '../../contract/specifications.ts';
import type { JsonObject, Spec } from '../../../src/http/spec.ts';

/** `bounds` chooses the smallest, the largest and what lies one beyond. */
type Aim = 'usual' | 'bounds';

const DEEPEST = 7;
const LONGEST_TEXT = 10_001;
const LONGEST_LIST = 101;

const numberOf = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise);
const withoutNul = (text: string): string => text.replaceAll('\0', ' ');

const dateTime = fc.date({ min: new Date('2015-01-01'), max: new Date('2026-01-01'), noInvalidDate: true }).map((date) => date.toISOString());
const formats: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'date-time': dateTime,
  uuid: fc.uuid(),
  email: fc.string({ unit: fc.constantFrom('a', 'b', 'x', 'z', '0', '9'), minLength: 1, maxLength: 12 }).map((name) => `${name}@example.org`),
};

const textOf = ({ format, pattern, minLength, maxLength, ...rest }: JsonObject, aim: Aim): fc.Arbitrary<string> => {
  const [least, most] = [numberOf(minLength, 0), Math.min(numberOf(maxLength, 60), LONGEST_TEXT)];
  if (aim === 'bounds') {
    const letter = typeof pattern === 'string' ? '1' : 'x';
    return fc.constantFrom(least, most, most + 1, Math.max(0, least - 1)).map((length) => letter.repeat(length));
  }
  const known = typeof format === 'string' ? formats[format] : undefined;
  if (known !== undefined) return known;
  if (typeof pattern === 'string') return pattern.includes('\\d{4}-') ? dateTime : fc.stringMatching(new RegExp(pattern)).map((text) => text.slice(0, most));
  const length = { minLength: least, maxLength: Math.max(least, Math.min(most, 24)) };
  const dates = /date|time|until|from$/i.test(String(rest['description'])) ? [dateTime] : [];
  return fc.oneof(...dates, fc.string(length), fc.string({ ...length, unit: 'grapheme' })).map(withoutNul);
};

const figureOf = (schema: JsonObject, aim: Aim): fc.Arbitrary<number> => {
  const least = numberOf(schema['minimum'], numberOf(schema['exclusiveMinimum'], -1e6));
  const most = numberOf(schema['maximum'], 1e6);
  if (aim === 'bounds') return fc.constantFrom(least, most, least - 1, most + 1, 0, -0);
  if (schema['type'] === 'integer') return fc.integer({ min: Math.ceil(Math.max(least, -2147483648)), max: Math.floor(Math.min(most, 2147483647)) });
  return fc.oneof(fc.integer({ min: Math.ceil(Math.max(least, -1e6)), max: Math.floor(Math.min(most, 1e6)) }), fc.double({ min: least, max: most, noNaN: true }));
};

const listOf = (spec: Spec, schema: JsonObject, aim: Aim, depth: number): fc.Arbitrary<unknown[]> => {
  const [least, most] = [numberOf(schema['minItems'], 0), Math.min(numberOf(schema['maxItems'], 5), LONGEST_LIST)];
  const item = schema['items'] === undefined ? fc.jsonValue({ maxDepth: 1 }) : schemaArbitrary(spec, schema['items'], 'usual', depth + 1);
  if (aim === 'bounds') return fc.tuple(item, fc.constantFrom(least, most, most + 1)).map(([one, length]) => Array.from({ length }, () => one));
  return fc.array(item, { minLength: least, maxLength: Math.max(least, Math.min(most, 3)) });
};

const recordOf = (spec: Spec, schema: JsonObject, aim: Aim, depth: number): fc.Arbitrary<unknown> => {
  const properties = isNode(schema['properties']) ? schema['properties'] : {};
  const required = Array.isArray(schema['required']) ? (schema['required'] as string[]) : [];
  // At the bottom only what must be there goes on, or a recursive schema would never end.
  const names = Object.keys(properties).filter((name) => depth < DEEPEST || required.includes(name));
  const members = Object.fromEntries(names.map((name) => [name, schemaArbitrary(spec, properties[name], aim, depth + 1)]));
  const declared = fc.record(members, { requiredKeys: names.filter((name) => required.includes(name)) });
  const further = schema['additionalProperties'];
  if (further === false || (further === undefined && names.length > 0)) return declared;
  const value = isNode(further) ? schemaArbitrary(spec, further, 'usual', depth + 1) : fc.jsonValue({ maxDepth: 2 });
  const free = fc.dictionary(fc.string({ minLength: 1, maxLength: 12 }).filter((key) => key !== '__proto__'), value, { maxKeys: 3 });
  return fc.tuple(free, declared).map(([others, own]) => ({ ...others, ...own }));
};

const simple = (spec: Spec, schema: JsonObject, type: unknown, aim: Aim, depth: number): fc.Arbitrary<unknown> => {
  if (type === 'string') return textOf(schema, aim);
  if (type === 'integer' || type === 'number') return figureOf({ ...schema, type }, aim);
  if (type === 'boolean') return fc.boolean();
  if (type === 'null') return fc.constant(null);
  if (type === 'array') return listOf(spec, schema, aim, depth);
  if (type === 'object' || isNode(schema['properties'])) return recordOf(spec, schema, aim, depth);
  return fc.jsonValue({ maxDepth: 2 });
};

/** Values of a schema of the specification, mostly valid; the caller judges them by the schema itself. */
export const schemaArbitrary = (spec: Spec, node: unknown, aim: Aim = 'usual', depth = 0): fc.Arbitrary<unknown> => {
  if (node === true) return fc.jsonValue({ maxDepth: 2 });
  const schema = meantBy(spec, node);
  const alternatives = schema['oneOf'] ?? schema['anyOf'];
  if (Array.isArray(alternatives)) return fc.oneof(...alternatives.map((one) => schemaArbitrary(spec, one, aim, depth)));
  if (schema['const'] !== undefined) return fc.constant(schema['const']);
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  const types = Array.isArray(schema['type']) ? (schema['type'] as unknown[]) : [schema['type']];
  const made = fc.oneof(...types.map((type) => simple(spec, schema, type, aim, depth)));
  const { example } = schema;
  return example === undefined || aim === 'bounds' ? made : fc.oneof({ arbitrary: fc.constant(example), weight: 2 }, { arbitrary: made, weight: 3 });
};
