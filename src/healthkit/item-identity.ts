import { parseInstant } from '../measurement/instant.ts';
import { wordOf } from '../measurement/stated-text.ts';
import { numberOf } from './item-value.ts';
import { BLOOD_PRESSURE, WORKOUT } from './type-catalogue.ts';

type Item = Readonly<Record<string, unknown>>;

/** What may differ between two deliveries of one sample, or is a part of its own. */
const ASIDE = new Set([
  'id', 'uuid', 'startDate', 'endDate', 'start', 'end', 'date', 'type', 'dataType', 'quantityType', 'rawDataType', 'unit',
  'metadata', 'metadataTimeZone', 'sourceId', 'sourceName', 'source', 'sourceVersion', 'device', 'deviceId', 'assignedPatientId', 'patientId',
]);

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Tells a UUID, in any letter case, from everything else. */
export const isUuid = (given: unknown): given is string => typeof given === 'string' && UUID.test(given);

/** The part of the sample key that names a sample with a UUID; the UUID in lower case. */
export const uuidParts = (uuid: string): readonly string[] => ['uuid', uuid];

const syncMembers = ['HKMetadataKeySyncIdentifier', 'HKSyncIdentifier'] as const;
const versionMembers = ['HKMetadataKeySyncVersion', 'HKSyncVersion'] as const;

/** How an app names a reading that it may write anew: the higher version replaces the lower (HKMetadataKeySyncIdentifier, HKMetadataKeySyncVersion). */
export interface SyncVersion {
  readonly identifier: string;
  readonly version: number;
}

/** The name and version an app gave a reading, under either spelling of the keys; both must be there, as HealthKit demands. */
export function syncVersionOf({ metadata }: Item): SyncVersion | undefined {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return undefined;
  const members = metadata as Item;
  if (!syncMembers.some((name) => name in members)) return undefined;
  const identifier = syncMembers.map((name) => members[name]).find((one) => typeof one === 'string' && one !== '');
  const version = versionMembers.map((name) => numberOf(members[name])).find((one) => one !== undefined);
  return typeof identifier === 'string' && version !== undefined ? { identifier, version } : undefined;
}

/** The source an item names: the bundle that wrote it, else the name for people; '' when it names none. */
export const sourceOf = ({ sourceId, sourceName }: Item): string => {
  const named = typeof sourceId === 'string' ? sourceId.trim() : '';
  return named === '' && typeof sourceName === 'string' ? sourceName.trim() : named;
};

/** The sources of a total of several (`iPhone|Watch`) in one order, whatever that of their app; any other source as it is. */
export const inOneOrder = (source: string): string => (source.includes('|') ? source.split('|').map((name) => name.trim()).sort().join('|') : source);

/** Texts that begin as dates do; no others are read. */
const hasYear = (text: string): boolean => text.length >= 16 && text.charAt(4) === '-' && text.charAt(7) === '-';

/** A date is the instant it names: the offset is that of the phone when it read the sample. */
function instantText(text: string): string {
  const instant = hasYear(text) ? parseInstant(text) : undefined;
  return typeof instant === 'object' ? instant.iso : text;
}

function ordered(value: unknown): unknown {
  if (typeof value === 'string') return instantText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(ordered);
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([member, inner]) => [member, ordered(inner)]);
}

const spelled = (value: unknown): string => (typeof value === 'string' ? String(numberOf(value) ?? value) : JSON.stringify(ordered(value)));

/** Beside an average, which alone does not tell two readings apart. */
const EXTREMES = ['Min', 'Max'];

/** One spelling of what was measured: equal for equal values, whatever the order of members and whether a number is sent as text. */
export function valueText(item: Item, type: string | undefined): string {
  const { value } = item;
  if (typeof value === 'number' && Number.isFinite(value) && type !== BLOOD_PRESSURE && !EXTREMES.some((member) => member in item)) return String(value);
  const members = type === BLOOD_PRESSURE ? ['bloodPressureSystolicValue', 'bloodPressureDiastolicValue'] : ['value', ...EXTREMES.filter((member) => member in item)];
  if (members.every((member) => item[member] !== undefined)) {
    return members.map((member) => spelled(item[member])).join('/');
  }
  return JSON.stringify(ordered(Object.fromEntries(Object.entries(item).filter(([member]) => !ASIDE.has(member)))));
}

/**
 * The sample key without patient and provider: the UUID, or the content where there is none. Of a workout the activity and its time, for
 * what was counted in it is told in the units, and with the details, of whoever tells it.
 */
export function identityOf(item: Item, id: string | undefined, contentParts: readonly string[]): readonly string[] {
  if (id !== undefined) return uuidParts(id);
  const [type = '', start = '', end = ''] = contentParts;
  if (type !== WORKOUT) return ['content', sourceOf(item), ...contentParts];
  return ['content', sourceOf(item), type, start, end, wordOf(item['activityName'] ?? item['activityId'])];
}
