import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { invalid } from './light-fetch.ts';
import type { LightResponse } from './light-fetch.ts';

type Node = Readonly<Record<string, unknown>>;

/** A part of the contract and where it stands, after following references. */
interface Place {
  readonly node: Node;
  readonly tokens: readonly string[];
}

/** What an operation declares for one status. */
interface Declared {
  readonly mediaTypes: readonly string[];
  readonly emptyAllowed: boolean;
  /** Compiled when first needed: a client calls few of the operations that its upstream has. */
  readonly validatorOf: (mediaType: string) => ValidateFunction | undefined;
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;
const isJson = (mediaType: string): boolean => /^application\/(?:[\w.-]+\+)?json$/.test(mediaType);

function placeOf(spec: Node, tokens: readonly string[]): Place | undefined {
  let node: unknown = spec;
  for (const [index, token] of tokens.entries()) {
    node = isNode(node) && Object.hasOwn(node, token) ? node[token] : undefined;
    if (isNode(node) && typeof node['$ref'] === 'string') {
      const target = node['$ref'].slice(2).split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
      return placeOf(spec, [...target, ...tokens.slice(index + 1)]);
    }
  }
  return isNode(node) ? { node, tokens } : undefined;
}

const referenceTo = (tokens: readonly string[]): string =>
  `upstream#/${tokens.map((token) => encodeURIComponent(token.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;

/** The contract for a reader: answers may grow members, so an object that is closed where it is written is open where it is read. */
const asRead = (spec: Node): Node =>
  JSON.parse(JSON.stringify(spec, (key, value: unknown) => (key === 'additionalProperties' && value === false ? undefined : value))) as Node;

type DeclarationReader = (path: string, method: string, status: number) => Declared | undefined;

const readers = new WeakMap<object, DeclarationReader>();

/** Several upstreams may have one contract, which is read once. */
const declarationReaderOf = (spec: object): DeclarationReader => {
  const reader = readers.get(spec) ?? declarationReader(asRead(spec as Node));
  readers.set(spec, reader);
  return reader;
};

function declarationReader(spec: Node): DeclarationReader {
  const ajv = new Ajv2020({ strict: false, validateSchema: false });
  formats.default(ajv);
  ajv.addSchema({ ...spec, $id: 'upstream' });
  return (path, method, status) => {
    const responses = ['paths', path, method.toLowerCase(), 'responses'];
    const response = placeOf(spec, [...responses, String(status)]) ?? placeOf(spec, [...responses, '2XX']);
    if (response === undefined) return undefined;
    const validators = new Map<string, ValidateFunction | undefined>();
    const validatorOf = (mediaType: string) => {
      if (!validators.has(mediaType)) {
        const schema = placeOf(spec, [...response.tokens, 'content', mediaType, 'schema']);
        validators.set(mediaType, schema && ajv.compile({ $ref: referenceTo(schema.tokens) }));
      }
      return validators.get(mediaType);
    };
    const content = response.node['content'];
    const mediaTypes = isNode(content) ? Object.keys(content) : [];
    return { mediaTypes, emptyAllowed: mediaTypes.length === 0 || response.node['x-empty-body'] === true, validatorOf };
  };
}

async function mismatchOf(declared: Declared, response: LightResponse): Promise<string | undefined> {
  if (response.bytes.length === 0) return declared.emptyAllowed ? undefined : 'an empty body';
  const mediaType = (response.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!declared.mediaTypes.includes(mediaType)) return 'an undeclared content type';
  if (!isJson(mediaType)) return undefined;
  const validate = declared.validatorOf(mediaType);
  const value = await response.json().catch(() => undefined);
  if (value === undefined) return 'a body that is not JSON';
  if (validate === undefined || validate(value)) return undefined;
  const fault = validate.errors?.[0];
  return `a body that breaks ${fault?.schemaPath ?? 'its schema'}`;
}

/**
 * Holds answers to the contract of the service that gave them. The check passes refusals (4xx) on as they are, and throws for a
 * success or redirect that the operation does not declare, for another content type, for what is not JSON or breaks its schema.
 * Members that the contract does not have are let through. Nothing of the body gets into the error.
 * @throws ProblemError `upstream-invalid`
 */
export function createUpstreamContract(spec: object) {
  const read = declarationReaderOf(spec);
  const known = new Map<string, Declared | undefined>();
  return async (path: string, method: string, response: LightResponse): Promise<void> => {
    if (response.status >= 400) return;
    const operation = `${method} ${path}`;
    const key = `${operation} ${response.status}`;
    if (!known.has(key)) known.set(key, read(path, method, response.status));
    const declared = known.get(key);
    const mismatch = declared === undefined ? 'an undeclared status' : await mismatchOf(declared, response);
    if (mismatch !== undefined) throw invalid(`${operation} answered ${response.status} with ${mismatch}`);
  };
}
