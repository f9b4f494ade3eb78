import fc from 'fast-check';
import { isNode } from '../../contract/specifications.ts';
import { roles, mayPass, type Role } from '../callers.ts';
import { hostileText } from './hostile.ts';
import { damaged, mutated } from './json-text.ts';
import type { BodyForm, FuzzedOperation, Parameter } from './operations.ts';
import { oddHeaders, rawRequests } from './odd-requests.ts';
import { schemaArbitrary } from './schema-arbitrary.ts';
import { schemaChecks } from './validity.ts';

/** What one case sends, and what is known about it. */
export interface FuzzedRequest {
  readonly kind: 'valid' | 'bounds' | 'mutated' | 'bytes' | 'headers' | 'path' | 'method' | 'raw';
  readonly operation: FuzzedOperation;
  readonly role: Role;
  readonly method: string;
  /** Path and query as they go over the wire. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** Bytes of a whole request, for what no client library would send; `{credential}` stands for the headers of the role. */
  readonly raw?: Buffer;
  /** By the schemas of the specification; undefined where the case cannot tell. */
  readonly fits: boolean | undefined;
}

/** Identifiers that are there to be named, by the name of a parameter; `unsafe` ones may be destroyed. */
export type Known = (name: string, unsafe: boolean) => readonly string[];

/** Bodies beside those of the specification, by operationId. */
export type Samples = Readonly<Record<string, readonly unknown[]>>;

interface Sources {
  readonly known: Known;
  readonly samples: Samples;
}

interface Sent {
  readonly text: string;
  readonly fits: boolean | undefined;
}

/** What a header carries: visible ASCII. */
const headerText = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?').trim();
const jsonText = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));
const wireOf = (value: unknown): string => (typeof value === 'string' ? value : jsonText(value));
export const encoded = (text: string): string => encodeURIComponent(text.toWellFormed());

const knownArbitrary = ({ name }: Parameter, operation: FuzzedOperation, { known }: Sources): fc.Arbitrary<string> =>
  fc.nat().map((at) => {
    const ids = known(name, operation.method !== 'GET');
    return ids[at % Math.max(1, ids.length)] ?? '0'.repeat(32);
  });

/** One value of a parameter; what it looks like decides whether it fits. */
const parameterArbitrary = (operation: FuzzedOperation, parameter: Parameter, sources: Sources, kind: FuzzedRequest['kind']): fc.Arbitrary<Sent> => {
  const usual = schemaArbitrary(operation.spec, parameter.schema, kind === 'bounds' ? 'bounds' : 'usual');
  const values = fc.oneof({ arbitrary: usual, weight: 2 }, { arbitrary: knownArbitrary(parameter, operation, sources), weight: /id$/i.test(parameter.name) || parameter.in === 'path' ? 5 : 0 });
  const chosen = kind === 'path' ? fc.oneof(values, hostileText) : values;
  return chosen.map((value) => {
    const text = parameter.in === 'header' ? headerText(wireOf(value)) : wireOf(value);
    // Formats are matched in any case.
    const judged = parameter.in === 'header' ? text : parameter.name === 'format' ? text.toLowerCase() : value;
    // Text that may be read as a number is not judged here.
    if (parameter.in === 'query' && typeof value === 'string' && text !== '' && /integer|number|boolean/.test(String(parameter.schema['type']))) return { text, fits: undefined };
    // An empty segment would lead elsewhere: another text stands for it.
    if (parameter.in === 'path' && text === '') return { text, fits: undefined };
    // An empty header is left out.
    return { text, fits: (parameter.in === 'header' && text === '') || (text !== '' && schemaChecks(operation.spec).requests(parameter.pointer, judged) === undefined) };
  });
};

const FORMS: Readonly<Record<string, (value: unknown) => Buffer>> = {
  'application/x-www-form-urlencoded': (value) => Buffer.from(new URLSearchParams(Object.entries(isNode(value) ? value : {}).map(([key, member]): [string, string] => [key, wireOf(member)])).toString()),
  'multipart/form-data': (value) =>
    Buffer.from(`${Object.entries(isNode(value) ? value : {}).map(([key, member]) => `--fuzz\r\ncontent-disposition: form-data; name="${key}"${key === 'file' ? '; filename="f.csv"' : ''}\r\n\r\n${wireOf(member)}\r\n`).join('')}--fuzz--\r\n`),
};
const isXml = (mediaType: string): boolean => /[/+]xml$/.test(mediaType);

/** A value as the body of a form, on the wire. */
export const bytesOf = ({ mediaType }: BodyForm, value: unknown): Buffer =>
  FORMS[mediaType]?.(value) ?? Buffer.from(isXml(mediaType) ? wireOf(value) : jsonText(value));

export const contentTypeOf = ({ mediaType }: BodyForm): string => (mediaType === 'multipart/form-data' ? `${mediaType}; boundary=fuzz` : mediaType);

interface SentBody {
  readonly contentType: string;
  readonly bytes: Buffer;
  readonly fits: boolean | undefined;
}

const bodyArbitrary = (operation: FuzzedOperation, form: BodyForm, { samples }: Sources, kind: FuzzedRequest['kind']): fc.Arbitrary<SentBody> => {
  const known = [...form.examples, ...(samples[operation.id] ?? []).filter((value) => (typeof value === 'string') === isXml(form.mediaType))];
  const made = schemaArbitrary(operation.spec, form.schema, kind === 'bounds' ? 'bounds' : 'usual');
  const values = known.length === 0 ? made : fc.oneof({ arbitrary: fc.constantFrom(...known), weight: kind === 'bounds' ? 0 : 2 }, { arbitrary: made, weight: isXml(form.mediaType) ? 1 : 2 });
  const chosen = kind === 'mutated' ? mutated(values) : values;
  const judged = chosen.map((value): SentBody => {
    const perItem = form.schema['x-verdict-per-item'] === true;
    const verdict = FORMS[form.mediaType] !== undefined || perItem ? undefined : schemaChecks(operation.spec).requests(form.pointer, value) === undefined;
    return { contentType: contentTypeOf(form), bytes: bytesOf(form, value), fits: verdict };
  });
  if (kind !== 'bytes' && !(kind === 'mutated' && isXml(form.mediaType))) return judged;
  return damaged(judged.map(({ bytes }) => bytes)).map((bytes) => ({ contentType: contentTypeOf(form), bytes, fits: undefined }));
};

const roleArbitrary = ({ service, id }: FuzzedOperation): fc.Arbitrary<Role> => {
  const admitted = roles.filter((role) => mayPass(service, id, role));
  return fc.oneof({ arbitrary: fc.constantFrom(...admitted), weight: 3 }, { arbitrary: fc.constantFrom(...roles), weight: 1 });
};

const places = ['path', 'query', 'header'] as const;

/** The requests of one kind to one operation. */
const requestsOf = (operation: FuzzedOperation, kind: FuzzedRequest['kind'], sources: Sources): fc.Arbitrary<FuzzedRequest> => {
  const declared = operation.declared.filter((parameter) => places.some((place) => place === parameter.in) && parameter.name !== 'Cookie');
  const required = declared.filter((parameter) => parameter.required).map(({ name }) => name);
  const needed = kind === 'path' ? declared.filter((parameter) => parameter.in === 'path').map(({ name }) => name) : required;
  const values = fc.record(Object.fromEntries(declared.map((parameter) => [parameter.name, parameterArbitrary(operation, parameter, sources, kind)])), { requiredKeys: needed });
  const body: fc.Arbitrary<SentBody | undefined> = operation.bodies.length === 0 ? fc.constant(undefined) : fc.oneof(...operation.bodies.map((form) => bodyArbitrary(operation, form, sources, kind)));
  const inPlace = (sent: Partial<Record<string, Sent>>, place: string) => declared.flatMap(({ name, in: where }): [string, string][] => (where === place && sent[name] !== undefined ? [[name, sent[name].text]] : []));
  return fc.record({ role: roleArbitrary(operation), sent: values, body, slash: fc.nat(9) }).map(({ role, sent, body: sentBody, slash }): FuzzedRequest => {
    const inPath = Object.fromEntries(inPlace(sent, 'path'));
    const path = operation.template.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encoded(inPath[name] ?? '') || '-') + (slash === 0 ? '/' : '');
    const query = inPlace(sent, 'query').map(([name, text]) => `${encoded(name)}=${encoded(text)}`).join('&');
    const headers = inPlace(sent, 'header').filter(([, text]) => text !== '');
    const all = [...required.map((name) => sent[name] !== undefined), ...Object.values(sent).map((one) => one.fits), ...(sentBody === undefined ? [] : [sentBody.fits])];
    return {
      kind, operation, role, method: operation.method, path: query === '' ? path : `${path}?${query}`,
      headers: { ...Object.fromEntries(headers), ...(sentBody !== undefined && { 'content-type': sentBody.contentType }) },
      ...(sentBody !== undefined && { body: sentBody.bytes }),
      fits: all.includes(false) ? false : all.includes(undefined) ? undefined : true,
    };
  });
};

const oddMethod = fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY');

/** All cases of one operation, mixed by weight: valid, at the bounds, mutated, damaged bytes, odd headers, paths, methods and framing. */
export const fuzzedRequests = (operation: FuzzedOperation, sources: Sources): fc.Arbitrary<FuzzedRequest> => {
  const usual = requestsOf(operation, 'valid', sources);
  const hasBody = operation.bodies.length > 0;
  return fc.oneof(
    { arbitrary: usual, weight: 6 },
    { arbitrary: requestsOf(operation, 'bounds', sources), weight: 2 },
    { arbitrary: requestsOf(operation, 'mutated', sources), weight: hasBody ? 6 : 0 },
    { arbitrary: requestsOf(operation, 'bytes', sources), weight: hasBody ? 3 : 0 },
    { arbitrary: requestsOf(operation, 'path', sources), weight: operation.declared.length > 0 ? 4 : 0 },
    { arbitrary: fc.tuple(usual, oddHeaders).map(([request, odd]) => ({ ...request, kind: 'headers' as const, fits: undefined, headers: { ...request.headers, ...odd } })), weight: 2 },
    { arbitrary: fc.tuple(usual, oddMethod).map(([request, method]) => ({ ...request, kind: 'method' as const, fits: undefined, method })), weight: 1 },
    { arbitrary: fc.tuple(usual, rawRequests).map(([request, raw]) => ({ ...request, kind: 'raw' as const, fits: undefined, raw: raw(request.method, request.path, request.body) })), weight: 1 },
  );
};
