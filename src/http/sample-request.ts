import type { OperationInfo } from './operation-info.ts';
import { resolvePointer, type JsonObject, type Spec } from './spec.ts';

/** How a sample shows who is asking. */
export type SampleCredential = 'none' | 'session' | 'service' | 'operator' | 'sender-key' | 'client';

/** The body of a sample, by how it is written. */
export type SampleBody =
  | { readonly kind: 'json'; readonly mediaType: string; readonly value: unknown }
  | { readonly kind: 'form' | 'multipart'; readonly mediaType: string; readonly fields: readonly (readonly [name: string, value: string])[] };

/** One request of an operation with the values of its examples, for whatever language writes it down. */
export interface SampleRequest {
  readonly operation: OperationInfo;
  /** Address of the service's first server. */
  readonly server: string;
  /** Path parameters and the query by name, as values of the specification. */
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly credential: SampleCredential;
  /** Patient that a service speaks for, where one is named in a header. */
  readonly patientId: string | undefined;
  readonly body: SampleBody | undefined;
  /** Specifies if the answer sets the session's cookie. */
  readonly setsCookie: boolean;
  /** Media type of the success answer; undefined where it has no body. */
  readonly answers: string | undefined;
}

const credentials: Readonly<Record<string, SampleCredential>> = {
  session: 'session', accessToken: 'session', serviceCredential: 'service', operatorCredential: 'operator', senderKey: 'sender-key', clientCredential: 'client',
};

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a node of the document means, behind its reference if it is one; an empty object where there is none. */
const meantBy = (document: JsonObject, node: unknown): JsonObject => {
  const ref = isObject(node) ? node['$ref'] : undefined;
  const meant = typeof ref === 'string' ? resolvePointer(document, ref).node : node;
  return isObject(meant) ? meant : {};
};

const listIn = (node: unknown): readonly unknown[] => (Array.isArray(node) ? node : []);

const exampleOf = (document: JsonObject, parameter: JsonObject): unknown => parameter['example'] ?? meantBy(document, parameter['schema'])['example'];

const requiredParameters = (document: JsonObject, lists: readonly unknown[], where: string): Record<string, unknown> =>
  Object.fromEntries(lists.flatMap(listIn).map((node) => meantBy(document, node)).filter((parameter) => parameter['in'] === where && parameter['required'] === true)
    .map((parameter) => [String(parameter['name']), exampleOf(document, parameter)]));

const bodyOf = (mediaType: string, value: unknown): SampleBody => {
  const fields = (): [string, string][] => Object.entries(isObject(value) ? value : {}).map(([name, one]) => [name, String(one)]);
  if (mediaType === 'application/x-www-form-urlencoded') return { kind: 'form', mediaType, fields: fields() };
  if (mediaType === 'multipart/form-data') return { kind: 'multipart', mediaType, fields: fields() };
  return { kind: 'json', mediaType, value };
};

/** The first example of the first media type, and the query that it is meant with (`x-query`). */
const firstExample = (document: JsonObject, requestBody: unknown): { body: SampleBody | undefined; query: JsonObject } => {
  const [media] = Object.entries(meantBy(document, meantBy(document, requestBody)['content']));
  if (media === undefined) return { body: undefined, query: {} };
  const [node] = Object.values(meantBy(document, meantBy(document, media[1])['examples']));
  const example = meantBy(document, node);
  if (!('value' in example)) return { body: undefined, query: {} };
  return { body: bodyOf(media[0], example['value']), query: meantBy(document, example['x-query']) };
};

const sampleOf = (document: JsonObject, operation: OperationInfo, item: JsonObject, node: JsonObject): SampleRequest => {
  const [server] = listIn(document['servers']);
  const lists = [item['parameters'], node['parameters']];
  const { body, query } = firstExample(document, node['requestBody']);
  const credential = credentials[operation.security?.[0]?.[0] ?? ''] ?? 'none';
  const success = meantBy(document, Object.entries(meantBy(document, node['responses'])).find(([status]) => status.startsWith('2'))?.[1]);
  const patientId = meantBy(document, meantBy(document, meantBy(document, document['components'])['schemas'])['PatientId'])['example'];
  return {
    operation, credential, body, server: String(meantBy(document, server)['url']),
    path: requiredParameters(document, lists, 'path'), query: { ...requiredParameters(document, lists, 'query'), ...query },
    patientId: credential === 'service' && typeof patientId === 'string' ? patientId : undefined,
    setsCookie: 'Set-Cookie' in meantBy(document, success['headers']),
    answers: Object.keys(meantBy(document, success['content']))[0],
  };
};

/** A sample request of each operation that has a handler, in the order of the specification. */
export const sampleRequests = ({ document, operations }: Pick<Spec, 'document' | 'operations'>): SampleRequest[] =>
  operations.filter(({ platform }) => !platform).map((operation) => {
    const item = meantBy(document, meantBy(document, document['paths'])[operation.template]);
    return sampleOf(document, operation, item, meantBy(document, item[operation.method.toLowerCase()]));
  });

/** The address of a sample with its path and query filled in. */
export const addressOf = ({ server, operation, path, query }: SampleRequest): string => {
  const filled = operation.template.replace(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(String(path[name])));
  const search = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&');
  return `${server}${filled}${search === '' ? '' : `?${search}`}`;
};
