import type { Unfit } from '../reading.ts';
import { baseOf } from './reference.ts';
import { hasUnknownModifier, isResource, listIn, resourceIn, textIn, type Entry, type Resource } from './resource.ts';

const readable = new Set(['message', 'transaction', 'batch', 'collection']);
const single = new Set(['Observation', 'DiagnosticReport']);
/** Entries of one Bundle that are taken apart; more are for several deliveries. */
export const mostEntries = 1000;

const apartUrl = 'urn:vitalgate:apart';

const entryOf = (resource: Resource, more: Resource = {}): Entry => ({
  fullUrl: textIn(more['fullUrl']), base: baseOf(textIn(more['fullUrl'])), resource, contained: listIn(resource['contained']), ...(isResource(more['request']) && { request: more['request'] }),
  ...(listIn(more['extension']).some(({ url }) => url === apartUrl) && { apart: true }),
});

/** What modifies a container modifies what it contains, and goes where that goes. */
const modifiedBy = ({ implicitRules, modifierExtension }: Resource, resource: Resource): Resource => {
  const all = [...listIn(resource['modifierExtension']), ...listIn(modifierExtension)];
  return { ...resource, ...(implicitRules !== undefined && { implicitRules }), ...(all.length > 0 && { modifierExtension: all }) };
};

/** An entry, followed by the Observations it contains, as if they were entries beside it. */
const unfolded = (entry: Entry): Entry[] => [
  entry,
  ...entry.contained.filter(({ resourceType }) => resourceType === 'Observation').map((resource): Entry => ({ resource: hasUnknownModifier(entry.resource) ? modifiedBy(entry.resource, resource) : resource, contained: entry.contained, fullUrl: undefined, base: entry.base })),
];

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
  if (single.has(resourceType)) return unfolded(entryOf(resource));
  if (resourceType !== 'Bundle') return 'not-a-delivery';
  const type = textIn(resource['type']) ?? '';
  if (!readable.has(type)) return 'unsupported-bundle';
  const entries = listIn(resource['entry']).map((entry) => entryOf(resourceIn(entry['resource']), entry));
  if (type === 'message' && entries[0]?.resource['resourceType'] !== 'MessageHeader') return 'unsupported-bundle';
  const urls = entries.flatMap(({ fullUrl, resource: one }) => (fullUrl === undefined ? [] : [`${fullUrl} ${textIn(resourceIn(one['meta'])['versionId']) ?? ''}`]));
  if (new Set(urls).size < urls.length) return 'unsupported-bundle';
  if (isModified(resource, type, entries)) return 'unknown-modifier';
  return entries.filter((entry) => carriesData(type, entry)).flatMap(unfolded);
};

/** A Bundle of type collection with some of the resources of another one, so that a reading can be kept without its neighbours; those `apart` stay by themselves. */
export const excerptOf = (value: unknown, entries: readonly Entry[], positions: Iterable<number>, apart: ReadonlySet<number>): Resource => {
  const { id, identifier, timestamp } = resourceIn(value);
  const chosen = [...new Set(positions)].sort((a, b) => a - b).flatMap((position) => (entries[position] ? [{ ...entries[position], apart: apart.has(position) }] : []));
  return {
    resourceType: 'Bundle', ...(id !== undefined && { id }), type: 'collection', ...(identifier !== undefined && { identifier }), ...(timestamp !== undefined && { timestamp }),
    entry: chosen.map(({ fullUrl, resource, contained, request, apart: isApart }) => {
      const others = contained.filter((one) => one !== resource && one['resourceType'] !== 'Observation');
      const bare = Object.fromEntries(Object.entries(resource).filter(([name]) => name !== 'contained'));
      return { ...(isApart && { extension: [{ url: apartUrl, valueBoolean: true }] }), ...(fullUrl !== undefined && { fullUrl }), resource: others.length > 0 ? { ...bare, contained: others } : bare, ...(request && { request }) };
    }),
  };
};
