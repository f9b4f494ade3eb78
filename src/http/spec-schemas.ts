import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { resolvePointer, type Spec } from './spec.ts';

/** Compiles the schema at a JSON pointer into the specification (`#/…`), following references on the way there. Throws when there is none. */
export type SchemaCompiler = (pointer: string) => ValidateFunction;

/**
 * Opens the schemas of a specification for compiling, each when it is asked for. Schemas that refer to the same component share its
 * code. Values are not coerced or changed.
 */
export const schemaCompiler = (spec: Spec): SchemaCompiler => {
  const ajv = new Ajv2020({ strict: false, validateSchema: false });
  addFormats.default(ajv);
  ajv.addSchema({ ...spec.document, $id: 'specification' });
  return (pointer) => ajv.compile({ $ref: `specification${resolvePointer(spec.document, pointer).pointer}` });
};
