import { describe, expect, test } from '@jest/globals';
import { check } from 'recheck';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { isNode, meantBy, specifications } from '../contract/specifications.ts';
import type { JsonObject, Spec } from '../../src/http/spec.ts';
import { operationsOf } from './fuzz/operations.ts';

const root = join(import.meta.dirname, '../..');

/** Objects that hold names of others' choice; each is bounded and never assigned to a record of ours as it is. */
const openObjects: Readonly<Record<string, string>> = {
  HealthKitSample: 'libraries and new versions of iOS add members; they are kept in the sealed payload and read by name alone',
  HealthKitEnvelope: 'the envelope of a library: its items are judged one by one, other members are kept sealed and not read',
  Deletion: 'the element of a library; its UUID alone is read',
  metadata: 'the metadata of HealthKit, free by definition',
  MedisanteDelivery: 'the document of a device; read by the rules alone', FhirResource: 'any resource of FHIR R4',
  $set: 'custom properties, checked against those of the user group', $unset: 'the same', $inc: 'the same', $push: 'the same', $pull: 'the same', $addToSet: 'the same',
  NewUser: 'custom properties, checked against those of the user group', NewUserWithId: 'the same', User: 'the same', UserInfo: 'the custom properties that the operator lets be told',
  filter: 'a condition of the query language', example: 'a synthetic sample of a rule',
};

interface Found { readonly at: string; readonly name: string; readonly node: JsonObject }

/** Every schema of the request bodies and parameters of a service, references followed once. */
const requestSchemas = (spec: Spec, service: string): Found[] => {
  const done = new Set<JsonObject>();
  const walk = (node: unknown, name: string, at: string): Found[] => {
    if (!isNode(node)) return [];
    const schema = meantBy(spec, node);
    const named = typeof node['$ref'] === 'string' ? node['$ref'].split('/').at(-1) ?? name : name;
    if (done.has(schema)) return [];
    done.add(schema);
    const { properties, items, additionalProperties, oneOf, anyOf } = schema;
    const below: [unknown, string][] = [
      ...(isNode(properties) ? Object.entries(properties).map(([key, child]): [unknown, string] => [child, key]) : []),
      [items, named], [additionalProperties, named],
      ...[oneOf, anyOf].flatMap((list) => (Array.isArray(list) ? list.map((child): [unknown, string] => [child, named]) : [])),
    ];
    return [{ at: `${at}/${named}`, name: named, node: schema }, ...below.flatMap(([child, key]) => walk(child, key, `${at}/${named}`))];
  };
  return operationsOf(service).flatMap((operation) => [
    ...operation.bodies.flatMap(({ schema, mediaType }) => walk(schema, meantName(spec, schema), `${operation.id} ${mediaType}`)),
    ...operation.declared.flatMap(({ name, schema }) => walk(schema, name, operation.id)),
  ]);
};
/** The name under which a schema stands in the components. */
const meantName = (spec: Spec, schema: JsonObject): string => {
  const schemas = (spec.document['components'] as { schemas?: JsonObject } | undefined)?.schemas ?? {};
  return Object.keys(schemas).find((name) => schemas[name] === schema) ?? 'body';
};
const typesOf = ({ type }: JsonObject): unknown[] => (Array.isArray(type) ? (type as unknown[]) : [type]);

describe('the specifications', () => {
  test.each(specifications)('D7 every object of a request to $service is closed, or open for a reason', ({ service, spec }) => {
    const objects = requestSchemas(spec, service).filter(({ node }) => typesOf(node).includes('object') || isNode(node['properties']));
    expect(objects.length).toBeGreaterThan(3);
    const open = objects.filter(({ node, name }) => node['additionalProperties'] !== false && !isNode(node['additionalProperties']) && openObjects[name] === undefined);
    expect(open.map(({ at }) => at)).toEqual([]);
  });

  test.each(specifications)('E4 every text, array and free object of a request to $service has a bound', ({ service, spec }) => {
    const schemas = requestSchemas(spec, service);
    const unbounded = schemas.filter(({ node }) => {
      const types = typesOf(node);
      const isChosen = Array.isArray(node['enum']) || node['const'] !== undefined;
      const text = types.includes('string') && !isChosen && node['maxLength'] === undefined && !/^(date-time|uuid)$/.test(String(node['format']));
      const list = types.includes('array') && node['maxItems'] === undefined;
      return text || list;
    });
    expect(schemas.length).toBeGreaterThan(20);
    expect(unbounded.map(({ at }) => at)).toEqual([]);
  });

  test.each(specifications)('D8 every object of an answer of $service is closed, or says what else it holds', ({ spec }) => {
    const schemas = (spec.document['components'] as { schemas: Record<string, JsonObject> }).schemas;
    const loose = Object.entries(schemas).filter(([name, node]) => openObjects[name] === undefined && typesOf(node).includes('object') && isNode(node['properties']) && node['additionalProperties'] === undefined);
    expect(loose.map(([name]) => name)).toEqual([]);
  });
});

const sources = globSync('src/**/*.ts', { cwd: root }).map((file) => ({ file, source: ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true) }));
const nodesOf = (node: ts.Node): ts.Node[] => {
  const found: ts.Node[] = [];
  const visit = (one: ts.Node): void => {
    found.push(one);
    ts.forEachChild(one, visit);
  };
  visit(node);
  return found;
};

interface Pattern { readonly from: string; readonly source: string; readonly flags: string }
const literals: Pattern[] = sources.flatMap(({ file, source }) =>
  nodesOf(source).filter(ts.isRegularExpressionLiteral).map((literal) => {
    const at = literal.text.lastIndexOf('/');
    return { from: `${file}:${String(source.getLineAndCharacterOfPosition(literal.pos).line + 1)}`, source: literal.text.slice(1, at), flags: literal.text.slice(at + 1) };
  }));
const declared: Pattern[] = specifications.flatMap(({ service, spec }) => [...JSON.stringify(spec.document).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(([, text]) => ({ from: service, source: JSON.parse(text ?? '""') as string, flags: 'u' })));

/** Patterns that are not shown to be linear, and why that harms nobody. */
const boundedInput: Readonly<Record<string, string>> = {
  '\\/+$': 'reads addresses out of the settings',
  '(?:^|\\/)([A-Z][A-Za-z]+\\/[A-Za-z0-9.-]{1,64})(?:\\/_history\\/[^/]+)?$': 'cannot be judged within the time; reads references of at most 1000 characters, each part of which ends at a slash',
};

describe('regular expressions', () => {
  const distinct = [...new Map([...literals, ...declared].map((pattern) => [`${pattern.source}/${pattern.flags}`, pattern])).values()];

  test('E12 a pattern that is known to blow up is found', async () => {
    expect((await check('^(a+)+$', '')).status).toBe('vulnerable');
  });

  test('E12 every exception is a pattern that is there', () => {
    expect(Object.keys(boundedInput).filter((source) => !distinct.some((pattern) => pattern.source === source))).toEqual([]);
  });

  test('E12 no pattern of the specifications and the code takes more than linear time', async () => {
    expect(distinct.length).toBeGreaterThan(100);
    const verdicts = [];
    for (const { from, source, flags } of distinct) {
      if (boundedInput[source] !== undefined) continue;
      const { status } = await check(source, flags.replaceAll(/[dv]/g, ''), { timeout: 20_000 });
      if (status !== 'safe') verdicts.push({ from, source, status });
    }
    expect(verdicts).toEqual([]);
  }, 300_000);
});

/** Fragments that are put into SQL are ours: constants, column lists, and numbered parameters. */
const SQL = /\b(select|insert into|update|delete from|from|where|order by)\b/i;

describe('SQL', () => {
  test('E13 no value of a request is ever part of the text of a statement', () => {
    const interpolated = sources
      .filter(({ file }) => /storage|database|query|jobs|keys/.test(file))
      .flatMap(({ file, source }) =>
        nodesOf(source)
          .filter(ts.isTemplateExpression)
          .filter((template) => SQL.test(template.getText()))
          .flatMap((template) => template.templateSpans.map(({ expression }) => ({ file, text: expression.getText() }))));
    // Values reach statements as $1, $2 …: what stands in templates are names of columns, tables and positions that the code chose.
    const suspicious = interpolated.filter(({ text }) => /\b(request|call|body|query\.|headers|params|input|value)\b/.test(text) && !/^(value|parameter)\(/.test(text));
    expect(suspicious).toEqual([]);
  });
});
