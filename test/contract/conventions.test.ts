import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isNode, placesOf, specifications, type Place } from './specifications.ts';

/** Names of the original system and of OpenID Connect, kept so that clients of theirs fit. */
const keptNames = ['_id', '__STATE__', 'email_verified', 'grant_type', 'preferred_username', 'updated_at', 'refresh_token', 'access_token', 'client_id', 'client_secret', 'expires_in', 'token_type', '$set', '$unset', '$inc', '$push', '$pull', '$addToSet'];

const extensions = readFileSync(join(import.meta.dirname, '../../openapi/extensions.md'), 'utf8');
const documented = [...extensions.matchAll(/^\| `(x-[A-Za-z-]+)` \|/gm)].map((match) => match[1] ?? '');

const membersNamed = (places: Iterable<Place>, wanted: (key: string) => boolean): string[] =>
  [...places].flatMap(({ pointer, node }) => Object.keys(node).filter(wanted).map((key) => `${pointer}/${key}`));

/** Objects with a `type` that are schemas, not parameters or security schemes. */
const schemasOf = (document: unknown): Place[] => [...placesOf(document)].filter(({ node }) => 'type' in node && !('in' in node && 'name' in node) && !('scheme' in node));

const allows = ({ node }: Place, type: string): boolean => [node['type']].flat().includes(type);
const pointersOf = (places: readonly Place[]): string[] => places.map(({ pointer }) => pointer);

describe('deprecations', () => {
  test.each(specifications)('all that $service deprecates beside operations says since when and until when, too', ({ spec }) => {
    const deprecated = [...placesOf(spec.document)].filter(({ node }) => node['deprecated'] === true);
    const isDay = (text: unknown): boolean => typeof text === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(text);
    expect(pointersOf(deprecated.filter(({ node }) => !isDay(node['x-deprecated-on']) || !isDay(node['x-sunset'])))).toEqual([]);
  });
});

describe('names', () => {
  test.each(specifications)('$service has only extensions that openapi/extensions.md explains', ({ spec }) => {
    expect(membersNamed(placesOf(spec.document), (key) => key.startsWith('x-') && !documented.includes(key))).toEqual([]);
  });

  test('every extension that is explained is used', () => {
    const used = specifications.flatMap(({ spec }) => membersNamed(placesOf(spec.document), (key) => documented.includes(key)));
    const ofDeprecations = specifications.some(({ spec }) => spec.operations.some(({ deprecation }) => deprecation)) ? [] : ['x-deprecated-on', 'x-sunset'];
    expect(documented.filter((name) => !used.some((pointer) => pointer.endsWith(`/${name}`)) && !ofDeprecations.includes(name))).toEqual([]);
  });

  test.each(specifications)('$service shows each tag in one group of the menu, under a name for readers', ({ spec }) => {
    const { tags, 'x-tagGroups': groups } = spec.document as unknown as { tags: { name: string; 'x-displayName'?: string }[]; 'x-tagGroups': { tags: string[] }[] };
    expect(groups.flatMap((group) => group.tags).toSorted()).toEqual(tags.map(({ name }) => name));
    expect(tags.filter((tag) => tag['x-displayName'] === undefined)).toEqual([]);
  });

  test.each(specifications)('$service says what to do for each value of an enum, where it does for one', ({ spec }) => {
    const explained = [...placesOf(spec.document)].filter(({ node }) => isNode(node['x-enumDescriptions']));
    expect(explained.map(({ node }) => Object.keys(node['x-enumDescriptions'] as object))).toEqual(explained.map(({ node }) => node['enum']));
    expect(explained.some(({ pointer }) => pointer.endsWith('/ProblemCode'))).toBe(true);
  });

  test.each(specifications)('$service names its members in camelCase, but for names of the original and of OpenID Connect', ({ spec }) => {
    const members = [...placesOf(spec.document)].flatMap(({ node }) => (isNode(node['properties']) && 'type' in node ? Object.keys(node['properties']) : []));
    expect(members.length).toBeGreaterThan(20);
    expect(members.filter((name) => !/^[a-z][A-Za-z0-9]*$/.test(name) && !keptNames.includes(name))).toEqual([]);
  });

  test('a schema of the same name is the same in all three', () => {
    const all = specifications.flatMap(({ service, spec }) => Object.entries((spec.document['components'] as Record<string, object>)['schemas'] ?? {}).map(([name, schema]) => ({ name, service, text: JSON.stringify(schema) })));
    const differing = all.filter(({ name, text }) => all.some((other) => other.name === name && other.text !== text)).map(({ name, service }) => `${service}: ${name}`);
    expect(differing).toEqual([]);
  });
});

/** Open on purpose: whatever a phone, a webhook or another vendor's User Manager adds is kept or passed on; groups judge custom properties. */
const openObjects = /(HealthKitSample|HealthKitEnvelope|HealthKitBody|Deletion|MedisanteDelivery|UserInfo|metadata|schema|\/User|NewUser|NewUserWithId|\$set)$/;

describe('bounds', () => {
  test.each(specifications)('every text of $service has a bound', ({ spec }) => {
    expect(pointersOf(schemasOf(spec.document).filter((place) => allows(place, 'string') && place.node['enum'] === undefined && place.node['maxLength'] === undefined))).toEqual([]);
  });

  test.each(specifications)('every array of $service has a bound', ({ spec }) => {
    expect(pointersOf(schemasOf(spec.document).filter((place) => allows(place, 'array') && place.node['maxItems'] === undefined))).toEqual([]);
  });

  test.each(specifications)('every whole number of $service has a range', ({ spec }) => {
    expect(pointersOf(schemasOf(spec.document).filter((place) => allows(place, 'integer') && (place.node['minimum'] === undefined || place.node['maximum'] === undefined)))).toEqual([]);
  });

  test.each(specifications)('every object of $service is closed, but for those that are open on purpose', ({ spec }) => {
    const open = schemasOf(spec.document).filter((place) => allows(place, 'object') && place.node['additionalProperties'] === undefined);
    expect(pointersOf(open).filter((pointer) => !openObjects.test(pointer))).toEqual([]);
  });

  test.each(specifications)('no pattern of $service repeats what repeats', ({ spec }) => {
    const patterns = [...placesOf(spec.document)].map(({ node }) => node['pattern']).filter((pattern) => typeof pattern === 'string');
    expect(patterns.filter((pattern) => /[+*}]\)(?:[+*]|\{\d+,)/.test(pattern))).toEqual([]);
  });

  test.each(specifications)('arrays of $service that are judged item by item say how many they hold, and 413 tells the same', ({ spec }) => {
    const limits = [...placesOf(spec.document)].filter(({ node }) => node['x-verdict-per-item'] === true).map(({ node }) => node['maxItems']);
    expect(limits.filter((limit) => typeof limit !== 'number' || !JSON.stringify(spec.document).includes(`"limits":{"maxItems":${limit},`))).toEqual([]);
  });
});

describe('problems', () => {
  test.each(specifications)('every operation of $service answers each problem as application/problem+json alone, under /fhir as application/fhir+json', ({ spec }) => {
    const formOf = (template: string) => (template.startsWith('/fhir/') ? 'application/fhir+json' : 'application/problem+json');
    const others = spec.operations.flatMap(({ id, responses, template }) => [...responses].filter(([status, { mediaTypes }]) => Number(status) >= 400 && mediaTypes.join() !== formOf(template)).map(([status]) => `${id} ${status}`));
    expect(others).toEqual([]);
  });

  test.each(specifications)('every operation of $service declares what any of its kind can answer', ({ spec }) => {
    const expected = ({ platform, security, request }: (typeof spec.operations)[number]): string[] =>
      platform ? ['405'] : ['400', '500', '503', ...(security?.flat().length === 0 ? [] : ['401']), ...(request === undefined ? [] : ['413', '415'])];
    const missing = spec.operations.flatMap((operation) => expected(operation).filter((status) => !operation.responses.has(status)).map((status) => `${operation.id} ${status}`));
    expect(missing).toEqual([]);
  });
});
