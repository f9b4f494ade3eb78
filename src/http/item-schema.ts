import { schemaCompiler } from './spec-schemas.ts';
import { pointerToken, type Spec } from './spec.ts';

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
  const validate = schemaCompiler(spec)(`${body}/content/application~1json/schema/items`);
  return (item) => {
    if (validate(item)) return null;
    const [error] = validate.errors ?? [];
    if (error === undefined) throw new Error(`The schema of ${operationId} refused an item without a reason.`);
    return { pointer: error.instancePath + memberOf(error.params), keyword: error.keyword };
  };
};
