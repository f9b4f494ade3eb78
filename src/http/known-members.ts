import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { pointerToken, resolvePointer, type Spec } from './spec.ts';

/** Leaves the members of an object that its schema takes; may take unknown members out of the values themselves. */
export type KnownMembers = (value: object) => Record<string, unknown>;

/**
 * Tells, for a schema of the specification, what an object of others may keep so that we may answer it: each member that the
 * schema knows and whose value it takes, and in an open schema those that it does not know. Whether all required members are there
 * is not judged. Throws when the specification has no such object schema.
 */
export const knownMembersReader = (spec: Spec): ((schema: string) => KnownMembers) => {
  const ajv = new Ajv2020({ strict: false, validateSchema: false, removeAdditional: true });
  addFormats.default(ajv);
  ajv.addSchema({ ...spec.document, $id: 'specification' });
  return (schema) => {
    const place = `/components/schemas/${pointerToken(schema)}`;
    const { properties, additionalProperties } = resolvePointer(spec.document, `#${place}`).node as { properties: object; additionalProperties?: false };
    const compiled = new Map<string, ValidateFunction>();
    const judgeOf = (name: string): ValidateFunction => {
      const judge = compiled.get(name) ?? ajv.compile({ $ref: `specification#${place}/properties/${pointerToken(name)}` });
      compiled.set(name, judge);
      return judge;
    };
    const isKept = ([name, value]: [string, unknown]): boolean => (Object.hasOwn(properties, name) ? judgeOf(name)(value) : additionalProperties !== false);
    return (value) => Object.fromEntries(Object.entries(value).filter(isKept));
  };
};
