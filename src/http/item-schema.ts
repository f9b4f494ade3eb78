import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { pointerToken, resolvePointer, type Spec } from './spec.ts';

/** The first thing a schema refuses about a value: where (JSON pointer into the value) and by which keyword. */
export interface ShapeFault {
  readonly pointer: string;
  readonly keyword: string;
}

/** Judges one item; null means that the schema accepts it. */
export type ItemCheck = (item: unknown) => ShapeFault | null;

const memberOf = (params: Record<string, unknown>): string => {
  const member = params['missingProperty'] ?? params['additionalProperty'] ?? params['unevaluatedProperty'];
  return typeof member === 'string' ? `/${pointerToken(member)}` : '';
};

/**
 * Compiles the item schema of the array that an operation takes as JSON body. Values are not coerced or changed.
 * Throws when the operation is unknown, takes no JSON array, or the schema does not compile.
 */
export const compileItemSchema = (spec: Spec, operationId: string): ItemCheck => {
  const operation = spec.operations.find(({ id }) => id === operationId);
  if (operation === undefined) throw new Error(`The specification has no operation ${operationId}.`);
  const body = `#/paths/${pointerToken(operation.template)}/${operation.method.toLowerCase()}/requestBody`;
  const { pointer } = resolvePointer(spec.document, `${body}/content/application~1json/schema/items`);
  const ajv = new Ajv2020({ strict: false, validateSchema: false });
  addFormats.default(ajv);
  ajv.addSchema({ ...spec.document, $id: 'specification' });
  const validate = ajv.compile({ $ref: `specification${pointer}` });
  return (item) => {
    if (validate(item)) return null;
    const [error] = validate.errors ?? [];
    if (error === undefined) throw new Error(`The schema of ${operationId} refused an item without a reason.`);
    return { pointer: error.instancePath + memberOf(error.params), keyword: error.keyword };
  };
};
