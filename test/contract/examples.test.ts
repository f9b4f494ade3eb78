import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { STATUS_CODES } from 'node:http';
import { outcomeOf } from '../../src/device-manager/fhir-outcome.ts';
import { problem, problemCatalogue, type ProblemCode, type ProblemItem } from '../../src/http/problem.ts';
import { problemBody } from '../../src/http/problem-body.ts';
import type { Spec } from '../../src/http/spec.ts';
import { isNode, meantBy, placesOf, specifications } from './specifications.ts';

interface Example {
  readonly at: string;
  readonly schemaPointer: string;
  readonly value: unknown;
}

/** Examples of bodies, parameters and headers (`examples` and `example` beside a schema), and those inside schemas. */
const examplesOf = (spec: Spec): Example[] =>
  [...placesOf(spec.document)].flatMap(({ pointer, node }): Example[] => {
    const { schema, examples, example } = node;
    if (isNode(schema)) {
      const named = isNode(examples) ? Object.entries(examples).map(([name, one]) => ({ at: `${pointer}/examples/${name}`, schemaPointer: `${pointer}/schema`, value: meantBy(spec, one)['value'] })) : [];
      return named.concat(example === undefined ? [] : [{ at: `${pointer}/example`, schemaPointer: `${pointer}/schema`, value: example }]);
    }
    return example === undefined || pointer.endsWith('/properties') ? [] : [{ at: `${pointer}/example`, schemaPointer: pointer, value: example }];
  });

const validatorOf = (spec: Spec) => {
  const ajv = new Ajv2020({ strict: false, validateSchema: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema({ ...spec.document, $id: 'specification' });
  return (pointer: string, value: unknown): string | undefined => {
    const fragment = pointer.slice(1).split('/').map(encodeURIComponent).join('/');
    const validate = ajv.compile({ $ref: `specification#${fragment}` });
    return validate(value) ? undefined : ajv.errorsText(validate.errors);
  };
};

const mediaTypesOf = (spec: Spec) =>
  [...placesOf(spec.document)].filter(({ pointer, node }) => /\/content\/[^/]+$/.test(pointer) && isNode(node['schema']));

describe('examples', () => {
  test.each(specifications)('every example of $service fits its schema', ({ spec }) => {
    const faultOf = validatorOf(spec);
    const examples = examplesOf(spec);
    expect(examples.length).toBeGreaterThan(50);
    const faults = examples.map(({ at, schemaPointer, value }) => ({ at, fault: faultOf(schemaPointer, value) })).filter(({ fault }) => fault !== undefined);
    expect(faults).toEqual([]);
  });

  test.each(specifications)('every body of $service has an example with a summary', ({ spec }) => {
    const bare = mediaTypesOf(spec).filter(({ node }) => {
      const examples = Object.values(node['examples'] ?? {}).map((one) => meantBy(spec, one));
      return examples.length === 0 || examples.some(({ summary }) => typeof summary !== 'string');
    });
    expect(bare.map(({ pointer }) => pointer)).toEqual([]);
  });
});

interface Problem {
  readonly code: ProblemCode;
  readonly instance: string;
  readonly errors?: ProblemItem[];
  readonly limits?: { readonly maxItems: number; readonly maxBytes: number };
}

/** Problems by the status they are declared for. */
const refusalsOf = (spec: Spec, mediaType: string): { status: string; at: string; value: unknown }[] =>
  spec.operations.flatMap(({ id, method, template }) => {
    const item = (spec.document['paths'] as Record<string, Record<string, { responses: Record<string, unknown> }>>)[template];
    return Object.entries(item?.[method.toLowerCase()]?.responses ?? {}).flatMap(([status, response]) => {
      const content = meantBy(spec, response)['content'];
      const media = isNode(content) ? content[mediaType] : undefined;
      const examples = isNode(media) && isNode(media['examples']) ? Object.values(media['examples']) : [];
      return examples.map((one) => ({ status, at: `${id} ${status}`, value: meantBy(spec, one)['value'] }));
    });
  });

const problemsOf = (spec: Spec) => refusalsOf(spec, 'application/problem+json').map((one) => ({ ...one, value: one.value as Problem }));

interface Outcome {
  readonly issue: readonly { readonly diagnostics: string; readonly location?: readonly string[]; readonly details: { readonly coding: readonly { readonly code: string }[] } }[];
}

describe('examples of problems', () => {
  test.each(specifications)('what $service shows is what it sends', ({ spec }) => {
    const problems = problemsOf(spec);
    expect(problems.length).toBeGreaterThan(50);
    for (const { at, status, value } of problems) {
      const { code, instance, errors, limits } = value;
      const sent = problemBody(problem(code, { ...(errors && { errors }), ...(limits && { limits }) }), instance.replace('urn:vitalgate:request:', ''));
      expect({ at, value }).toEqual({ at, value: sent });
      expect({ at, status }).toEqual({ at, status: String(problemCatalogue[code].status) });
      expect(value).toHaveProperty('error', STATUS_CODES[status]);
    }
  });

  test('an OperationOutcome that is shown is what is sent', () => {
    const outcomes = specifications.flatMap(({ spec }) => refusalsOf(spec, 'application/fhir+json')).filter(({ status }) => Number(status) >= 400);
    expect(outcomes.length).toBeGreaterThan(20);
    for (const { at, status, value } of outcomes) {
      const [{ diagnostics, location, details: { coding: [, fault] } }, code] = [(value as Outcome).issue[0], (value as Outcome).issue[0]?.details.coding[0]?.code as ProblemCode] as [Outcome['issue'][number], ProblemCode];
      const errors = fault && [{ pointer: (location?.[0] ?? '').replace('http.', '/query/'), code: fault.code, message: diagnostics }];
      expect({ at, value }).toEqual({ at, value: outcomeOf(problem(code, { ...(errors && { errors }) })) });
      expect({ at, status }).toEqual({ at, status: String(problemCatalogue[code].status) });
    }
  });

  test('every code is shown', () => {
    const shown = new Set(specifications.flatMap(({ spec }) => problemsOf(spec).map(({ value }) => value.code)));
    expect(Object.keys(problemCatalogue).filter((code) => !shown.has(code as ProblemCode))).toEqual([]);
  });
});
