import bff from '../../generated/bff.json' with { type: 'json' };
import deviceManager from '../../generated/device-manager.json' with { type: 'json' };
import userManager from '../../generated/user-manager.json' with { type: 'json' };
import { loadSpec, resolvePointer, type JsonObject, type Spec } from '../../src/http/spec.ts';

/** The bundled specifications by service. */
export const specifications: readonly { readonly service: string; readonly spec: Spec }[] = [
  { service: 'bff', spec: loadSpec(bff) },
  { service: 'device-manager', spec: loadSpec(deviceManager) },
  { service: 'user-manager', spec: loadSpec(userManager) },
];

/** A node of a specification and the JSON pointer to it. */
export interface Place {
  readonly pointer: string;
  readonly node: JsonObject;
}

export const isNode = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Members that hold data: what looks like a specification inside them is none. */
const data = new Set(['example', 'value', 'default', 'enum', 'const']);

/** Every object of a specification, but for what stands inside examples and other data. */
export function* placesOf(node: unknown, pointer = '#'): Generator<Place> {
  if (isNode(node)) yield { pointer, node };
  if (typeof node !== 'object' || node === null) return;
  for (const [key, child] of Object.entries(node)) {
    const isMember = /\/(properties|examples|schemas|parameters|responses)$/.test(pointer);
    if (isMember || !data.has(key)) yield* placesOf(child, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
  }
}

/** What a node means: itself, or what its reference leads to. */
export const meantBy = (spec: Spec, node: unknown): JsonObject => {
  const ref = isNode(node) ? node['$ref'] : undefined;
  const meant = typeof ref === 'string' ? resolvePointer(spec.document, ref).node : node;
  if (!isNode(meant)) throw new Error('The specification has no object here.');
  return meant;
};
