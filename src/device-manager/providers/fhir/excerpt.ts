import { baseOf } from './reference.ts';
import { listIn, resourceIn, textIn, type Entry, type Resource } from './resource.ts';

const [apartUrl, baseUrl, withinUrl] = ['urn:vitalgate:apart', 'urn:vitalgate:base', 'urn:vitalgate:within'];

/** The address of a server, as one that a resource on it begins with. */
const serverIn = (value: unknown): string | undefined => {
  const base = textIn(value);
  return base !== undefined && baseOf(`${base}Device/1`) === base ? base : undefined;
};

/** What an entry of an excerpt is marked with, because it was told by where the resource stood. */
export const marksIn = (entry: Resource): Pick<Entry, 'base' | 'within' | 'apart'> => {
  const marks = new Map(listIn(entry['extension']).map((one) => [one['url'], one]));
  const [base, within] = [serverIn(marks.get(baseUrl)?.['valueUri']), textIn(marks.get(withinUrl)?.['valueString'])];
  return { ...(base !== undefined && { base }), ...(within !== undefined && { within }), ...(marks.has(apartUrl) && { apart: true }) };
};

const marksOf = ({ fullUrl, base, within, apart }: Entry): readonly object[] => [
  ...(apart === true ? [{ url: apartUrl, valueBoolean: true }] : []),
  ...(base !== undefined && baseOf(fullUrl) === undefined ? [{ url: baseUrl, valueUri: base }] : []),
  ...(within === undefined ? [] : [{ url: withinUrl, valueString: within }]),
];

const excerptEntry = (entry: Entry): Resource => {
  const { fullUrl, resource, contained, request } = entry;
  const [marks, others] = [marksOf(entry), contained.filter((one) => one !== resource && one['resourceType'] !== 'Observation')];
  const bare = Object.fromEntries(Object.entries(resource).filter(([name]) => name !== 'contained'));
  return { ...(marks.length > 0 && { extension: marks }), ...(fullUrl !== undefined && { fullUrl }), resource: others.length > 0 ? { ...bare, contained: others } : bare, ...(request && { request }) };
};

/**
 * A Bundle of type collection with some of the resources of another one, so that a reading can be kept without its neighbours; those
 * `apart` stay by themselves. Contained Observations are entries of their own, marked with the server of what contained them and with what
 * was contained together.
 */
export const excerptOf = (value: unknown, entries: readonly Entry[], positions: Iterable<number>, apart: ReadonlySet<number>): Resource => {
  const { id, identifier, timestamp } = resourceIn(value);
  const chosen = [...new Set(positions)].sort((a, b) => a - b).flatMap((position) => (entries[position] ? [{ ...entries[position], apart: apart.has(position) }] : []));
  return {
    resourceType: 'Bundle', ...(id !== undefined && { id }), type: 'collection', ...(identifier !== undefined && { identifier }), ...(timestamp !== undefined && { timestamp }),
    entry: chosen.map(excerptEntry),
  };
};
