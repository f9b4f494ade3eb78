import { listIn, resourceIn, textIn, type Entry, type Resource } from './resource.ts';

/** What a reference leads to, and the entry it stands in, where that is another one. */
export interface Referred {
  readonly resource: Resource;
  readonly from: Entry;
  readonly position?: number;
}

/** Finds what a reference of an entry means, in the entry itself or among the others; never over the network. */
export type Resolve = (reference: unknown, from: Entry) => Referred | undefined;

const typedId = /(?:^|\/)([A-Z][A-Za-z]+\/[A-Za-z0-9.-]{1,64})(?:\/_history\/[^/]+)?$/;

/** `Device/7`, of a relative or absolute reference. */
export const typedIdOf = (reference: string): string | undefined => typedId.exec(reference)?.[1];

/** A resolver for the resources of one delivery. */
export const createResolver = (entries: readonly Entry[]): Resolve => {
  const positions = new Map<string, number>();
  for (const [position, { fullUrl, resource }] of entries.entries()) {
    const [type, id] = [textIn(resource['resourceType']), textIn(resource['id'])];
    const own = type !== undefined && id !== undefined ? `${type}/${id}` : undefined;
    for (const name of [fullUrl, fullUrl?.startsWith('http') === true ? typedIdOf(fullUrl) : undefined, own]) {
      if (name !== undefined && !positions.has(name)) positions.set(name, position);
    }
  }
  return (reference, from) => {
    const text = textIn(resourceIn(reference)['reference']);
    if (text === undefined) return undefined;
    if (text.startsWith('#')) {
      const resource = from.contained.find(({ id }) => id === text.slice(1));
      return resource && { resource, from };
    }
    const position = positions.get(text) ?? (/^[a-z]+:/i.test(text) ? undefined : positions.get(typedIdOf(text) ?? ''));
    const found = position === undefined ? undefined : entries[position];
    return found && position !== undefined ? { resource: found.resource, from: found, position } : undefined;
  };
};

/** The values of identifiers a resource has. */
export const identifierValues = (resource: Resource): (string | undefined)[] => listIn(resource['identifier']).map(({ value }) => textIn(value));

/** What a reference itself says about its target: an identifier, or a search by identifier. */
export const namedBy = (reference: unknown): (string | undefined)[] => {
  const { identifier, reference: text } = resourceIn(reference);
  const searched = /^[A-Z][A-Za-z]+\?identifier=(?:[^|]*\|)?([^&]+)$/.exec(textIn(text) ?? '')?.[1];
  return [textIn(resourceIn(identifier)['value']), searched];
};
