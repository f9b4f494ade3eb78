import type { OperationInfo, ParameterInfo } from './operation-info.ts';
import { createMatcher, type Match } from './path-matcher.ts';

/** A node of the bundled specification. */
export interface JsonObject {
  readonly [key: string]: unknown;
}

/** How a credential is sent: `in` for API keys, `scheme` (lower case) for HTTP authentication. */
export interface SecurityScheme {
  readonly type: string;
  readonly scheme: string;
  readonly in: string;
}

/** A bundled OpenAPI 3.1 document and what was read from it once. */
export interface Spec {
  readonly document: JsonObject;
  readonly title: string;
  readonly operations: readonly OperationInfo[];
  readonly securitySchemes: ReadonlyMap<string, SecurityScheme>;
  readonly match: (method: string, path: string) => Match;
}

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {});
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Follows internal references (`#/…`) from a pointer to the node they end at. Throws when a reference leads nowhere. */
export const resolvePointer = (document: JsonObject, pointer: string): { pointer: string; node: unknown } => {
  let current = '#';
  let node: unknown = document;
  for (const token of pointer.split('/').slice(1)) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    node = Array.isArray(node) ? (node as unknown[])[Number(key)] : objectOf(node)[key];
    current += `/${token}`;
    const ref = objectOf(node)['$ref'];
    if (typeof ref === 'string') ({ pointer: current, node } = resolvePointer(document, ref));
    if (node === undefined) throw new Error(`The specification has nothing at ${pointer}.`);
  }
  return { pointer: current, node };
};

const checkReferences = (document: JsonObject, node: unknown = document): void => {
  if (typeof node !== 'object' || node === null) return;
  const { $ref: ref } = node as JsonObject;
  if (typeof ref === 'string') resolvePointer(document, ref);
  for (const child of Object.values(node)) checkReferences(document, child);
};

/** Escapes one key for a JSON pointer. */
export const pointerToken = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

const dereference = (document: JsonObject, node: unknown): JsonObject => {
  const ref = objectOf(node)['$ref'];
  return objectOf(typeof ref === 'string' ? resolvePointer(document, ref).node : node);
};

const securityOf = (document: JsonObject, operation: JsonObject): OperationInfo['security'] => {
  const declared = operation['security'] ?? document['security'];
  if (!Array.isArray(declared)) return undefined;
  return declared.length === 0 ? [[]] : declared.map((alternative) => Object.keys(objectOf(alternative)));
};

const parametersOf = (document: JsonObject, ...lists: unknown[]): ParameterInfo[] =>
  lists.flatMap(listOf).map((node) => {
    const parameter = dereference(document, node);
    const where = parameter['in'] as ParameterInfo['in'];
    const code = parameter['x-problem'];
    return { name: textOf(parameter['name']), in: where, ...(typeof code === 'string' && { problem: code }) };
  });

const requestOf = (document: JsonObject, operation: JsonObject): Pick<OperationInfo, 'request'> => {
  if (operation['requestBody'] === undefined) return {};
  const body = dereference(document, operation['requestBody']);
  const content = objectOf(body['content']);
  const schemas = Object.values(content).map((media) => dereference(document, objectOf(media)['schema']));
  const maxItems = schemas.map((schema) => schema['maxItems']).find((limit) => typeof limit === 'number');
  const alternatives = schemas.flatMap((schema) => [schema, ...[...listOf(schema['anyOf']), ...listOf(schema['oneOf'])].map((one) => dereference(document, one))]);
  return {
    request: {
      required: body['required'] === true,
      judgesItems: alternatives.some((schema) => schema['x-verdict-per-item'] === true),
      fileParts: schemas.flatMap((schema) => Object.entries(objectOf(schema['properties']))).filter(([, member]) => 'contentMediaType' in dereference(document, member)).map(([name]) => name),
      mediaTypes: Object.keys(content),
      ...(typeof maxItems === 'number' && { maxItems }),
    },
  };
};

const responsesOf = (document: JsonObject, operation: JsonObject): OperationInfo['responses'] =>
  new Map(
    Object.entries(objectOf(operation['responses'])).map(([status, node]) => {
      const response = dereference(document, node);
      const mediaTypes = Object.keys(objectOf(response['content']));
      return [status, { mediaTypes, mayBeEmpty: mediaTypes.length === 0 || response['x-empty-body'] === true }];
    }),
  );

/** Midnight UTC of a day written `2027-03-31`; undefined for what is no day. */
const dayOf = (text: unknown): Date | undefined => {
  const day = new Date(`${textOf(text)}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(`${textOf(text)}T`) ? day : undefined;
};

/** What answers of a deprecated operation tell: a structured date (RFC 9745) and an HTTP date (RFC 8594). */
const deprecationOf = (operation: JsonObject): Pick<OperationInfo, 'deprecation'> => {
  if (operation['deprecated'] !== true) return {};
  const [since, sunset] = [dayOf(operation['x-deprecated-on']), dayOf(operation['x-sunset'])];
  if (since === undefined || sunset === undefined || sunset <= since) {
    throw new Error(`${textOf(operation['operationId'])} is deprecated: give it x-deprecated-on and a later x-sunset, both days such as 2027-03-31.`);
  }
  return { deprecation: { Deprecation: `@${since.getTime() / 1000}`, Sunset: sunset.toUTCString() } };
};

const operationsOf = (document: JsonObject): OperationInfo[] =>
  Object.entries(objectOf(document['paths'])).flatMap(([template, item]) => {
    const pathItem = objectOf(item);
    return METHODS.filter((method) => isObject(pathItem[method])).map((method) => {
      const operation = objectOf(pathItem[method]);
      const id = operation['operationId'];
      if (typeof id !== 'string') throw new Error(`${method.toUpperCase()} ${template} has no operationId.`);
      return {
        id,
        method: method.toUpperCase(),
        template,
        security: securityOf(document, operation),
        platform: operation['x-platform'] === true,
        parameters: parametersOf(document, pathItem['parameters'], operation['parameters']),
        ...requestOf(document, operation),
        ...deprecationOf(operation),
        responses: responsesOf(document, operation),
      };
    });
  });

/**
 * Reads a bundled OpenAPI 3.1 document (references internal). Throws when it has no paths, an operation has no
 * operationId, two operations share one, one is deprecated without days, or a reference leads nowhere.
 */
export const loadSpec = (json: unknown): Spec => {
  const document = objectOf(json);
  checkReferences(document);
  const operations = operationsOf(document);
  if (operations.length === 0) throw new Error('The specification has no operations.');
  const ids = operations.map(({ id }) => id);
  const repeated = ids.find((id, index) => ids.indexOf(id) !== index);
  if (repeated !== undefined) throw new Error(`The specification has the operationId ${repeated} twice.`);
  const schemes = objectOf(objectOf(document['components'])['securitySchemes']);
  const securitySchemes = new Map(
    Object.keys(schemes).map((name) => {
      const { type, scheme, in: where } = dereference(document, schemes[name]);
      return [name, { type: textOf(type), scheme: textOf(scheme).toLowerCase(), in: textOf(where) }];
    }),
  );
  const title = textOf(objectOf(document['info'])['title']);
  return { document, title, operations, securitySchemes, match: createMatcher(operations) };
};
