import type { Unfit } from '../reading.ts';
import { marksIn } from './excerpt.ts';
import { baseOf } from './reference.ts';
import { hasUnknownModifier, isResource, listIn, resourceIn, textIn, type Entry, type Resource } from './resource.ts';

const readable = new Set(['message', 'transaction', 'batch', 'collection']);
const single = new Set(['Observation', 'DiagnosticReport']);
/** Entries of one Bundle that are taken apart; more are for several deliveries. */
export const mostEntries = 1000;

const entryOf = (resource: Resource, more: Resource = {}): Entry => {
  const fullUrl = textIn(more['fullUrl']);
  const { base, ...marks } = marksIn(more);
  return { fullUrl, base: baseOf(fullUrl) ?? base, resource, contained: listIn(resource['contained']), ...(isResource(more['request']) && { request: more['request'] }), ...marks };
};

/** What modifies a container modifies what it contains, and goes where that goes. */
const modifiedBy = ({ implicitRules, modifierExtension }: Resource, resource: Resource): Resource => {
  const all = [...listIn(resource['modifierExtension']), ...listIn(modifierExtension)];
  return { ...resource, ...(implicitRules !== undefined && { implicitRules }), ...(all.length > 0 && { modifierExtension: all }) };
};

const isObservation = ({ resourceType }: Resource): boolean => resourceType === 'Observation';

/** An entry, followed by the Observations it contains, as if they were entries beside it. */
const unfolded = (entry: Entry, position: number): Entry[] => {
  const { resource: container, base } = entry;
  const contained = hasUnknownModifier(container) ? entry.contained.map((one) => (isObservation(one) ? modifiedBy(container, one) : one)) : entry.contained;
  const inside = contained.filter(isObservation);
  const within = inside.length === 0 ? entry.within : String(position);
  return [{ ...entry, contained, within }, ...inside.map((resource): Entry => ({ resource, contained, fullUrl: undefined, base, within }))];
};

/** Entries of an excerpt with the Observations that the same resource contained. */
const reunited = (entries: readonly Entry[]): readonly Entry[] => {
  const parts = new Map([...Map.groupBy(entries, ({ within }) => within)].map(([within, all]) => [within, all.map(({ resource }) => resource).filter(isObservation)]));
  return entries.map((entry) => (entry.within === undefined ? entry : { ...entry, siblings: parts.get(entry.within) ?? [] }));
};

const unfoldAll = (entries: readonly Entry[]): readonly Entry[] => {
  const all: Entry[] = [];
  for (const entry of reunited(entries)) all.push(...unfolded(entry, all.length));
  return all;
};

const carriesData = (type: string, { request }: Entry): boolean => type === 'message' || type === 'collection' || request === undefined || ['POST', 'PUT'].includes(textIn(request['method']) ?? '');

/** The number of entries of a Bundle; 1 for anything else. */
export const entryCount = (value: unknown): number => {
  const { resourceType, entry } = resourceIn(value);
  return resourceType === 'Bundle' && Array.isArray(entry) ? entry.length : 1;
};

/** Whether all entries are modified: by the Bundle, by the header of a message, or beside a resource, where no excerpt would keep it. */
const isModified = (bundle: Resource, type: string, entries: readonly Entry[]): boolean =>
  hasUnknownModifier(bundle) || (type === 'message' && entries.slice(0, 1).some(({ resource }) => hasUnknownModifier(resource))) || listIn(bundle['entry']).some(hasUnknownModifier);

/**
 * The resources of a delivery: of a single Observation or DiagnosticReport, or of a Bundle of type message, transaction, batch or
 * collection. Why not, for a Bundle of another type or none, a message that does not begin with its header, and one in which a
 * fullUrl names two resources, or whose meaning something modifies as a whole.
 */
export const entriesOf = (value: unknown): readonly Entry[] | Unfit => {
  const resource = resourceIn(value);
  const resourceType = textIn(resource['resourceType']) ?? '';
  if (single.has(resourceType)) return unfoldAll([entryOf(resource)]);
  if (resourceType !== 'Bundle') return 'not-a-delivery';
  const type = textIn(resource['type']) ?? '';
  if (!readable.has(type)) return 'unsupported-bundle';
  const entries = listIn(resource['entry']).map((entry) => entryOf(resourceIn(entry['resource']), entry));
  if (type === 'message' && entries[0]?.resource['resourceType'] !== 'MessageHeader') return 'unsupported-bundle';
  const urls = entries.flatMap(({ fullUrl, resource: one }) => (fullUrl === undefined ? [] : [`${fullUrl} ${textIn(resourceIn(one['meta'])['versionId']) ?? ''}`]));
  if (new Set(urls).size < urls.length) return 'unsupported-bundle';
  if (isModified(resource, type, entries)) return 'unknown-modifier';
  return unfoldAll(entries.filter((entry) => carriesData(type, entry)));
};
