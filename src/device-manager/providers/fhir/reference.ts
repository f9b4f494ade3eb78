import { distinct, listIn, resourceIn, textIn, type Entry, type Resource } from './resource.ts';

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

/** Where the address of a resource on a server ends before `Device/7`; undefined for any other address. */
export const baseOf = (fullUrl: string | undefined): string | undefined => {
  const found = fullUrl !== undefined && /^https?:/i.test(fullUrl) ? typedId.exec(fullUrl) : undefined;
  return found?.[1] === undefined ? undefined : fullUrl?.slice(0, found.index + found[0].indexOf(found[1]));
};

/** Names of an entry without its server. */
const relativeNames = ({ base, fullUrl, resource }: Entry): string[] => {
  const [type, id] = [textIn(resource['resourceType']), textIn(resource['id'])];
  return distinct([base === undefined ? undefined : typedIdOf(fullUrl ?? ''), type !== undefined && id !== undefined ? `${type}/${id}` : undefined]);
};

/** Finds the entry that a relative reference means: that of the same server, else the only one that may be meant. Two may be of two patients. */
const createRelativeResolver = (entries: readonly Entry[], addresses: ReadonlyMap<string, number>): ((name: string, from: Entry) => number | undefined) => {
  const named = Map.groupBy(entries.flatMap((entry, position) => relativeNames(entry).map((name) => ({ name, position, base: entry.base }))), ({ name }) => name);
  return (name, { base }) => {
    const own = base === undefined ? undefined : addresses.get(`${base}${name}`);
    if (own !== undefined) return own;
    const candidates = (named.get(name) ?? []).filter((one) => base === undefined || one.base === undefined || one.base === base);
    return candidates.length === 1 ? candidates[0]?.position : undefined;
  };
};

/** How a delivery is read: as now, or as before contained Observations were found as members and results wherever they stand. */
export type Way = 'now' | 'before';

/**
 * A resolver for the resources of one delivery. What a relative reference means depends on the server that the resource is from
 * (https://hl7.org/fhir/R4/bundle.html#references).
 */
export const createResolver = (entries: readonly Entry[], way: Way = 'now'): Resolve => {
  const addresses = new Map(entries.flatMap(({ fullUrl }, position): [string, number][] => (fullUrl === undefined ? [] : [[fullUrl, position]])).reverse());
  const relative = createRelativeResolver(entries, addresses);
  const insides = new Map(way === 'before' ? [] : entries.flatMap(({ within, resource }, position) => (within === undefined ? [] : [[resource, position] as const])));
  return (reference, from) => {
    const text = textIn(resourceIn(reference)['reference']);
    if (text === undefined) return undefined;
    if (text.startsWith('#')) {
      const isMeant = ({ id }: Resource): boolean => id === text.slice(1);
      const resource = from.contained.find(isMeant) ?? from.siblings?.find(isMeant);
      const inside = resource && insides.get(resource);
      return resource && { resource, from, ...(inside !== undefined && { position: inside }) };
    }
    const position = addresses.get(text) ?? (/^[a-z]+:/i.test(text) ? undefined : relative(typedIdOf(text) ?? '', from));
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
