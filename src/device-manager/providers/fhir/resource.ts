/** A FHIR resource, or an object in one, as received. */
export type Resource = Readonly<Record<string, unknown>>;

/** One resource of a delivery. */
export interface Entry {
  readonly fullUrl?: string | undefined;
  /** Of the server that the resource is from, as its address tells; that of the container for what is contained. */
  readonly base?: string | undefined;
  readonly resource: Resource;
  /** What `#id` may refer to. */
  readonly contained: readonly Resource[];
  /** Of a transaction or batch: `PUT Observation/7`. */
  readonly request?: Resource | undefined;
  /** A resource that contains Observations and those have the same here, as long as they are of one delivery or excerpt. */
  readonly within?: string | undefined;
  /** Of an excerpt: what `#id` may refer to beside `contained`, because the same resource contained it. */
  readonly siblings?: readonly Resource[];
  /** Of an excerpt: it was read by itself, and is not joined with what the excerpt left beside it. */
  readonly apart?: boolean;
}

/** Whether a value is an object. */
export const isResource = (value: unknown): value is Resource => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value if it is an object, else an empty one. */
export const resourceIn = (value: unknown): Resource => (isResource(value) ? value : {});

/** The objects of an array; none of anything else. */
export const listIn = (value: unknown): readonly Resource[] => (Array.isArray(value) ? value.filter(isResource) : []);

/** Text that is not blank, at most 1000 characters. */
export const textIn = (value: unknown): string | undefined => (typeof value === 'string' && value.trim() !== '' && value.length <= 1000 ? value.trim() : undefined);

/** The texts there are, in order, each once. */
export const distinct = (texts: readonly (string | undefined)[]): string[] => [...new Set(texts.filter((text) => text !== undefined))];

/** Whether it or a component says that it means something else than it seems to; nobody here knows what, and R4 forbids to pass that over. */
export const hasUnknownModifier = (resource: Resource): boolean =>
  resource['implicitRules'] !== undefined || [resource, ...listIn(resource['component'])].some((one) => listIn(one['modifierExtension']).length > 0);

export interface Coding {
  readonly system: string;
  readonly code: string;
}

const mdc = 'urn:iso:std:iso:11073:10101';
const sameSystem: Readonly<Record<string, string>> = { 'urn:oid:2.16.840.1.113883.6.24': mdc, 'urn:oid:2.16.840.1.113883.6.1': 'http://loinc.org' };

/** The codings of a CodeableConcept, with one name per code system. */
export const codingsIn = (concept: unknown): Coding[] =>
  listIn(resourceIn(concept)['coding']).flatMap(({ system, code }) => {
    const [name, text] = [textIn(system) ?? '', textIn(code)];
    return text === undefined ? [] : [{ system: sameSystem[name] ?? name, code: text }];
  });
