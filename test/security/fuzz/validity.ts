import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { relaxed } from '../../../src/http/relaxed-spec.ts';
import { resolvePointer, type JsonObject, type Spec } from '../../../src/http/spec.ts';

/** What is wrong with a value by the schema at a pointer of the specification; undefined means nothing. */
export type SchemaCheck = (pointer: string, value: unknown) => string | undefined;

interface Checks {
  readonly requests: SchemaCheck;
  readonly answers: SchemaCheck;
}
const known = new WeakMap<Spec, Checks>();

const checkOf = (document: JsonObject): SchemaCheck => {
  const ajv = new Ajv2020({ strict: false, validateSchema: false });
  formats.default(ajv);
  ajv.addSchema({ ...document, $id: 'specification' });
  const compiled = new Map<string, ValidateFunction>();
  return (pointer, value) => {
    let validate = compiled.get(pointer);
    if (validate === undefined) {
      const fragment = resolvePointer(document, pointer).pointer.slice(1).split('/').map(encodeURIComponent).join('/');
      validate = ajv.compile({ $ref: `specification#${fragment}` });
      compiled.set(pointer, validate);
    }
    return validate(value) ? undefined : ajv.errorsText(validate.errors);
  };
};

/** Judges of our own for requests and answers, apart from the one in the program; items with a verdict of their own fit always. */
export const schemaChecks = (spec: Spec): Checks => {
  const checks = known.get(spec) ?? { requests: checkOf(relaxed(spec)), answers: checkOf(spec.document) };
  known.set(spec, checks);
  return checks;
};
