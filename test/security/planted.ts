import fc from 'fast-check';
import { isNode } from '../contract/specifications.ts';
import { mayPass, roles, type Headers, type Role } from './callers.ts';
import type { BodyForm, FuzzedOperation } from './fuzz/operations.ts';
import { bytesOf, contentTypeOf, encoded, type FuzzedRequest, type Samples } from './fuzz/requests.ts';
import { schemaArbitrary } from './fuzz/schema-arbitrary.ts';

/** Something that is sent in each place that a request has, one after the other; told the name of the place. */
export type Seed = (place: string) => string;

interface Planted {
  readonly place: string;
  readonly value: unknown;
}

/** Copies of a value, each with one of its members replaced; of the items of a list the first stands for all. */
const plantedIn = (value: unknown, seed: Seed, place = ''): Planted[] => {
  if (Array.isArray(value)) return value.slice(0, 1).flatMap((item) => plantedIn(item, seed, `${place}/-`).map((one) => ({ ...one, value: [one.value, ...(value as unknown[]).slice(1)] })));
  if (!isNode(value)) return [{ place, value: seed(place) }];
  return Object.entries(value).flatMap(([name, member]) => plantedIn(member, seed, `${place}/${name}`).map((one) => ({ ...one, value: { ...value, [name]: one.value } })));
};

/** Copies of a document, each with the text of one element replaced, and what makes a parser fetch something. */
const plantedInXml = (document: string, seed: Seed): Planted[] => {
  const elements = [...document.matchAll(/<([\w:]+)[^<>]*>([^<>]+)<\/\1>/g)].map(({ 0: all, 1: name = '', index }) => {
    const text = seed(name);
    return { place: name, value: document.slice(0, index) + all.replace(/>[^<>]+</, `>${text}<`) + document.slice(index + all.length) };
  });
  const bare = document.replace(/<\?xml[^?]*\?>/, '');
  return [
    ...elements,
    { place: 'doctype', value: `<!DOCTYPE x SYSTEM "${seed('doctype')}">${bare}` },
    { place: 'entity', value: `<!DOCTYPE x [<!ENTITY e SYSTEM "${seed('entity')}">]>${bare.replace(/>[^<>]+</, '>&e;<')}` },
    { place: 'stylesheet', value: `<?xml-stylesheet href="${seed('stylesheet')}"?>${bare}` },
    { place: 'schema', value: bare.replace(/<([\w:]+)/, `<$1 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="${seed('schema')}"`) },
  ];
};

/** Of several values that have the same places each place once. */
const once = (planted: readonly Planted[]): Planted[] => [...new Map(planted.map((one) => [one.place, one])).values()];

const bodiesWith = (operation: FuzzedOperation, form: BodyForm, samples: Samples, seed: Seed): Planted[] => {
  const known = [...form.examples, ...(samples[operation.id] ?? [])];
  if (form.mediaType.endsWith('xml')) return once(known.filter((one) => typeof one === 'string').flatMap((document) => plantedInXml(document, seed)));
  const made = fc.sample(schemaArbitrary(operation.spec, form.schema, 'usual'), { seed: 1, numRuns: 20 });
  return once([...made, ...known.filter((one) => typeof one !== 'string')].flatMap((value) => plantedIn(value, seed)));
};

const roleFor = ({ service, id }: FuzzedOperation): Role => roles.find((role) => role !== 'nobody' && mayPass(service, id, role)) ?? 'nobody';

/** Requests of somebody whom an operation admits, that have the seed in each parameter, in each member of each body, and in each of the headers. */
export const requestsWith = (operation: FuzzedOperation, samples: Samples, headers: readonly string[], seed: Seed): FuzzedRequest[] => {
  const { declared, method, template, bodies } = operation;
  const usual = Object.fromEntries(declared.map(({ name, schema }) => [name, fc.sample(schemaArbitrary(operation.spec, schema, 'usual'), { seed: 1, numRuns: 1 }).map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))[0] ?? '']));
  const request = (planted: Readonly<Record<string, string>>, sent: Headers = {}, body?: Buffer): FuzzedRequest => {
    const valueOf = (name: string): string => planted[name] ?? usual[name] ?? '0'.repeat(32);
    const query = declared.filter(({ name, in: where, required }) => where === 'query' && (required || planted[name] !== undefined)).map(({ name }) => `${encoded(name)}=${encoded(valueOf(name))}`);
    const path = template.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encoded(planted[name] ?? (name === 'format' ? 'json' : '0'.repeat(32))));
    return { kind: 'headers', operation, role: roleFor(operation), method, path: [path, ...(query.length > 0 ? [query.join('&')] : [])].join('?'), headers: sent, fits: undefined, ...(body !== undefined && { body }) };
  };
  const [form] = bodies;
  const usualBody: [Headers, Buffer?] = form === undefined ? [{}] : [{ 'content-type': contentTypeOf(form) }, bytesOf(form, form.examples[0] ?? {})];
  const named = (kind: string, place: string): string => seed(`${operation.id}/${kind}${place.startsWith('/') ? '' : '/'}${place}`);
  return [
    ...declared.filter(({ in: where }) => where === 'path' || where === 'query').map(({ name }) => request({ [name]: named('parameter', name) }, ...usualBody)),
    ...headers.map((name) => request({}, { ...usualBody[0], [name]: named('header', name) }, usualBody[1])),
    ...bodies.flatMap((one) => bodiesWith(operation, one, samples, (place) => named('body', place)).map(({ value }) => request({}, { 'content-type': contentTypeOf(one) }, bytesOf(one, value)))),
  ];
};
