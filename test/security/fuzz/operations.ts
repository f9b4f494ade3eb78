import { isNode, meantBy, specifications } from '../../contract/specifications.ts';
import { pointerToken, type JsonObject, type Spec } from '../../../src/http/spec.ts';
import type { OperationInfo } from '../../../src/http/operation-info.ts';

/** A parameter with its schema. */
export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required: boolean;
  readonly schema: JsonObject;
  readonly pointer: string;
}

/** A form that the body of an operation may have. */
export interface BodyForm {
  readonly mediaType: string;
  readonly schema: JsonObject;
  readonly pointer: string;
  readonly examples: readonly unknown[];
}

/** One operation as the fuzzer needs it. */
export interface FuzzedOperation extends OperationInfo {
  readonly service: string;
  readonly spec: Spec;
  readonly pointer: string;
  readonly declared: readonly Parameter[];
  readonly bodies: readonly BodyForm[];
}

const exampleValues = (spec: Spec, media: JsonObject): unknown[] =>
  Object.values(isNode(media['examples']) ? media['examples'] : {}).map((one) => meantBy(spec, one)['value']);

const parametersOf = (spec: Spec, pathItem: JsonObject, operation: JsonObject, pathPointer: string, pointer: string): Parameter[] => {
  const lists: [unknown, string][] = [[pathItem['parameters'], `${pathPointer}/parameters`], [operation['parameters'], `${pointer}/parameters`]];
  return lists.flatMap(([list, at]) => (Array.isArray(list) ? list : []).map((node, index): Parameter => {
    const { name, in: where, required, schema } = meantBy(spec, node);
    return { name: String(name), in: String(where), required: required === true, schema: meantBy(spec, schema), pointer: `${at}/${String(index)}/schema` };
  }));
};

const bodiesOf = (spec: Spec, operation: JsonObject, pointer: string): BodyForm[] => {
  if (operation['requestBody'] === undefined) return [];
  const content = meantBy(spec, operation['requestBody'])['content'];
  return Object.entries(isNode(content) ? content : {}).map(([mediaType, node]) => {
    const media = meantBy(spec, node);
    const at = `${pointer}/requestBody/content/${pointerToken(mediaType)}/schema`;
    return { mediaType, schema: meantBy(spec, media['schema']), pointer: at, examples: exampleValues(spec, media) };
  });
};

/** Every operation of one service, with what may be sent to it. */
export const operationsOf = (service: string): FuzzedOperation[] => {
  const spec = specifications.find((one) => one.service === service)?.spec;
  if (spec === undefined) throw new Error(`There is no service ${service}.`);
  const paths = spec.document['paths'] as Record<string, JsonObject>;
  return spec.operations.map((operation) => {
    const pathPointer = `#/paths/${pointerToken(operation.template)}`;
    const pointer = `${pathPointer}/${operation.method.toLowerCase()}`;
    const pathItem = paths[operation.template] ?? {};
    const node = pathItem[operation.method.toLowerCase()] as JsonObject;
    return { ...operation, service, spec, pointer, declared: parametersOf(spec, pathItem, node, pathPointer, pointer), bodies: bodiesOf(spec, node, pointer) };
  });
};
