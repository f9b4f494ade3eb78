import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

/** A request as it arrived. */
export interface Arrived {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
}

/** A request that keeps to the contract. */
export interface Asked {
  readonly operationId: string;
  readonly query: Readonly<Record<string, string | number>>;
  readonly keys: readonly string[];
  readonly body: unknown;
}

interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'header';
  readonly required: boolean;
  readonly schema: object;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly ({ readonly $ref: string } | Parameter)[];
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: object } } };
}

/** A bundled specification, as far as requests are judged by it. */
export interface Specification {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly parameters: Readonly<Record<string, unknown>> };
}

interface Judge {
  readonly operationId: string;
  readonly query: ValidateFunction;
  readonly header: ValidateFunction;
  readonly body: ValidateFunction | undefined;
}

const inside = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll('"#/', '"specification#/'));

const compileJudges = (specification: Specification): ReadonlyMap<string, Judge> => {
  const ajv = new Ajv2020({ strict: false, validateSchema: false, coerceTypes: true });
  formats.default(ajv);
  ajv.addSchema({ ...specification, $id: 'specification' });
  const parameterOf = (one: { readonly $ref: string } | Parameter): Parameter =>
    '$ref' in one ? (specification.components.parameters[one.$ref.split('/').at(-1) ?? ''] as Parameter) : one;
  const judgeOf = ({ operationId, parameters = [], requestBody }: Operation): Judge => {
    const place = (where: Parameter['in']) => {
      const found = parameters.map(parameterOf).filter((one) => one.in === where).map(({ name, required, schema }) => ({ name: where === 'header' ? name.toLowerCase() : name, required, schema }));
      return ajv.compile({ type: 'object', additionalProperties: where === 'header', required: found.filter(({ required }) => required).map(({ name }) => name), properties: Object.fromEntries(found.map(({ name, schema }) => [name, inside(schema)])) });
    };
    return { operationId, query: place('query'), header: place('header'), body: requestBody && ajv.compile(inside(requestBody.content['application/json'].schema) as object) };
  };
  return new Map(Object.entries(specification.paths).flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, judgeOf(operation as Operation)] as const)));
};

const parsed = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
};

/** Judges requests by a specification: what it does not know or allow is answered as text that says where. */
export const createJudge = (specification: Specification): ((arrived: Arrived) => Asked | string) => {
  const judges = compileJudges(specification);
  return ({ method, url, headers, bytes }) => {
    const judge = judges.get(`${method} ${url.pathname}`);
    if (!judge) return 'path';
    const query = Object.fromEntries(url.searchParams) as Record<string, string | number>;
    const body = judge.body ? parsed(bytes) : undefined;
    const fault = [['query', judge.query, query], ['header', judge.header, { ...headers }], ['body', judge.body, body]] as const;
    const [wrong] = fault.filter(([, validate, value]) => validate && !validate(value));
    if (wrong) return `${wrong[0]}${wrong[1]?.errors?.[0]?.instancePath ?? ''} ${wrong[1]?.errors?.[0]?.keyword ?? ''}`;
    return { operationId: judge.operationId, query, keys: String(headers['idempotency-key'] ?? '').split(','), body };
  };
};
