import { isPeriodPoint } from '../period-total.ts';
import { resolveType, type HealthKitType } from '../type-catalogue.ts';
import names from './health-auto-export-names.json' with { type: 'json' };
import { SLEEP, stageOf } from './sleep-stage.ts';
import { isObject, membersOf, plain, renamed, shaped, type Members, type Shape, type ShapedItem } from './shape.ts';

const byName: ReadonlyMap<string, string> = new Map(Object.entries(names));

/** What each list beside the metrics holds; a list that is not here is kept under its own name. */
const typesOfLists: Readonly<Record<string, string>> = {
  workouts: 'HKWorkoutTypeIdentifier', stateOfMind: 'HKStateOfMindTypeIdentifier', ecg: 'HKDataTypeIdentifierElectrocardiogram',
  medications: 'HKMedicationDoseEventTypeIdentifierMedicationDoseEvent',
};

/** Lists whose elements are called by their type. */
const listsOfTypes = new Set(['symptoms', 'cycleTracking']);

const lists = ['metrics', 'workouts', 'stateOfMind', 'medications', 'symptoms', 'cycleTracking', 'ecg', 'heartRateNotifications'];

const knownType = (name: string): HealthKitType | undefined => resolveType(byName.get(name) ?? name);

const isTimed = (point: Members): boolean => 'startDate' in point || 'start' in point;

/**
 * The name of a point's type. A total over a night or a day of what HealthKit knows as single events is another thing than such an
 * event, and no type of HealthKit's.
 */
function typeOfPoint(name: string, point: Members): string {
  const type = knownType(name);
  if (type === undefined) return name;
  const isTotal = type.kind === 'category' && !('value' in point) && !isTimed(point);
  return isTotal ? `${name}_aggregated` : type.identifier;
}

const pointMembers = [
  ['startDate', 'startDate', 'sleepStart', 'inBedStart', 'start', 'date'],
  ['endDate', 'endDate', 'sleepEnd', 'inBedEnd', 'end', 'date'],
  ['sourceName', 'source', 'sleepSource'],
  ['bloodPressureSystolicValue', 'systolic'],
  ['bloodPressureDiastolicValue', 'diastolic'],
] as const;

/** A quantity is the number of its point, or the average of its minutes; a category keeps the word it is sent with. */
const valueMembers = (type: string): readonly (readonly [string, ...string[]])[] =>
  resolveType(type)?.kind === 'category' ? [] : [['value', 'qty', 'Avg', 'value']];

/** What a list of points has in common. */
interface Metric {
  readonly members: Members;
  readonly place: string;
  /** Dates of several of its points: of a period there is one total, so that these are samples of their own. */
  readonly repeated: ReadonlySet<unknown>;
}

function pointItem(pointer: string, point: unknown, { members: { name, units }, place, repeated }: Metric): ShapedItem {
  if (!isObject(point)) return plain(pointer, point);
  const type = typeof name === 'string' ? typeOfPoint(name, point) : '';
  const reading = renamed(point, [...pointMembers, ...valueMembers(type)]);
  const stage = type === SLEEP ? stageOf(point['value']) : undefined;
  const { item, places, received } = shaped(pointer, point, { ...reading, values: { ...reading.values, ...(stage !== undefined && { value: stage }) } });
  return {
    pointer, received: { ...(name !== undefined && { name }), ...(units !== undefined && { units }), data: [received] },
    item: { ...membersOf(item), type, ...(typeof units === 'string' && { unit: units }) },
    places: { ...places, '/type': `${place}/name`, '/unit': `${place}/units` }, percent: 'hundredths',
    ...(isPeriodPoint(resolveType(type), point) && !repeated.has(point['date']) && { isTotal: true }),
  };
}

function repeatedIn(points: readonly unknown[]): ReadonlySet<unknown> {
  const [seen, repeated] = [new Set(), new Set()];
  for (const point of points) {
    const { date } = membersOf(point);
    (seen.has(date) ? repeated : seen).add(date);
  }
  return repeated;
}

function* pointItems(members: Members, place: string): Generator<ShapedItem> {
  const { name, data } = members;
  if (data === undefined) return;
  const addsUp = typeof name === 'string' && knownType(name)?.cumulative === true;
  const metric = { members, place, repeated: repeatedIn(addsUp && Array.isArray(data) ? data : []) };
  // A point that was redacted keeps its position, also where it was not in a list.
  if (!Array.isArray(data)) yield pointItem(`${place}/data`, data, metric);
  else for (const [index, point] of data.entries()) yield pointItem(`${place}/data/${String(index)}`, point, metric);
}

function* metricItems(metrics: readonly unknown[], place: string): Generator<ShapedItem> {
  for (const [index, metric] of metrics.entries()) {
    const metricPlace = `${place}/${String(index)}`;
    if (!isObject(metric)) yield plain(metricPlace, metric);
    else yield* pointItems(metric, metricPlace);
  }
}

const elementMembers = [
  ['startDate', 'startDate', 'start', 'date', 'scheduledDate'], ['endDate', 'endDate', 'end', 'date', 'scheduledDate'], ['sourceName', 'sourceName', 'source'], ['value', 'value', 'severity'],
] as const;

const ratesOf = ({ heartRate }: Members): number[] =>
  (Array.isArray(heartRate) ? heartRate : []).map((one) => membersOf(one)['hr']).filter((rate): rate is number => typeof rate === 'number');

/** The app tells a threshold with notifications of high and low rates alone, and not which of them it is: the rates do, where all agree. */
function notificationType(element: Members): string {
  const { threshold } = element;
  if (typeof threshold !== 'number') return 'HKCategoryTypeIdentifierIrregularHeartRhythmEvent';
  const rates = ratesOf(element);
  if (rates.length > 0 && rates.every((rate) => rate >= threshold)) return 'HKCategoryTypeIdentifierHighHeartRateEvent';
  return rates.length > 0 && rates.every((rate) => rate <= threshold) ? 'HKCategoryTypeIdentifierLowHeartRateEvent' : 'heartRateNotifications';
}

function typeOfElement(element: Members, list: string): string {
  if (list === 'heartRateNotifications') return notificationType(element);
  const { name } = element;
  return listsOfTypes.has(list) && typeof name === 'string' ? (knownType(name)?.identifier ?? name) : (typesOfLists[list] ?? list);
}

function elementItem(pointer: string, element: unknown, list: string): ShapedItem {
  if (!isObject(element)) return plain(pointer, element);
  const type = typeOfElement(element, list);
  const { item, ...others } = shaped(pointer, element, renamed(element, elementMembers));
  return { ...others, item: { ...membersOf(item), type, ...(list === 'workouts' && { activityName: element['name'] }) } };
}

function* itemsOf(data: Members): Generator<ShapedItem> {
  for (const [list, elements] of Object.entries(data)) {
    if (!Array.isArray(elements)) continue;
    const place = `/data/${list.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (list === 'metrics') yield* metricItems(elements, place);
    else for (const [index, element] of elements.entries()) yield elementItem(`${place}/${String(index)}`, element, list);
  }
}

/** Bodies of the REST automation of Health Auto Export: points of metrics, workouts and other lists, none with a UUID of HealthKit's but workouts. */
export const healthAutoExport: Shape = (body) => {
  if (!isObject(body)) return '';
  const { data } = body;
  if (!isObject(data)) return '/data';
  const wrong = lists.find((list) => (data[list] ?? undefined) !== undefined && !Array.isArray(data[list]));
  return wrong === undefined ? itemsOf(data) : `/data/${wrong}`;
};
