import { BLOOD_PRESSURE, resolveType } from '../type-catalogue.ts';
import { wordOf } from '../../measurement/stated-text.ts';
import { eachOf, inLists, isObject, membersOf, renamed, shaped, type Members, type Reading, type Shape, type ShapedItem } from './shape.ts';

/** Members that samples of only one type have; they do not name it. */
const typeByMember: Readonly<Record<string, string>> = {
  workoutActivityType: 'HKWorkoutTypeIdentifier', numberOfVoltageMeasurements: 'HKDataTypeIdentifierElectrocardiogram', heartbeats: 'HKDataTypeIdentifierHeartbeatSeries',
  valenceClassification: 'HKStateOfMindTypeIdentifier', medicationConceptIdentifier: 'HKMedicationDoseEventTypeIdentifierMedicationDoseEvent',
  dateYear: 'HKActivitySummaryTypeIdentifier', locations: 'HKWorkoutRouteTypeIdentifier', hasSchedule: 'HKDataTypeIdentifierUserAnnotatedMedicationConcept',
};
const lists = ['samples', 'workouts', 'correlations'];

const members = [
  ['id', 'uuid'],
  ['value', 'quantity', 'value'],
  ['sourceId', 'sourceRevision/source/bundleIdentifier'],
  ['sourceName', 'sourceRevision/source/name'],
  ['type', 'quantityType', 'categoryType', 'correlationType', 'type'],
  ['activityId', 'workoutActivityType'],
] as const;

const tellingMembers = ['quantityType', 'categoryType', 'correlationType', ...Object.keys(typeByMember)];

/** Whether an element names its type as this library does. */
export const isKingstinct = (element: Members): boolean => tellingMembers.some((name) => name in element);

const typeOf = (element: Members): string | undefined => Object.entries(typeByMember).find(([member]) => member in element)?.[1];

const twoDigits = (value: unknown): string => String(value).padStart(2, '0');

/** A summary names its day by the parts of a date, without a zone: it begins and ends at midnight of the zone of the upload. */
function dayOf({ dateYear, dateMonth, dateDay }: Members): Members {
  const parts = [dateYear, dateMonth, dateDay];
  if (!parts.every((part) => Number.isInteger(part))) return {};
  const next = new Date(Date.UTC(Number(dateYear), Number(dateMonth) - 1, Number(dateDay) + 1));
  if (Number.isNaN(next.getTime())) return {};
  return { startDate: `${String(dateYear).padStart(4, '0')}-${twoDigits(dateMonth)}-${twoDigits(dateDay)}T00:00:00.000`, endDate: next.toISOString().slice(0, -1) };
}

/** A track begins and ends with its points; the library tells no other dates. */
function spanOf({ startDate, locations }: Members): Members {
  if (startDate !== undefined || !Array.isArray(locations) || locations.length === 0) return {};
  const [start, end] = [locations[0], locations.at(-1)].map((point) => membersOf(point)['date'] ?? membersOf(point)['timestamp']);
  return { startDate: start, endDate: end };
}

const isOf = (object: unknown, name: string): boolean => {
  const { quantityType } = membersOf(object);
  return typeof quantityType === 'string' && quantityType.endsWith(name);
};

/** A correlation of two pressures as the pair that react-native-health sends. */
function pairOf({ objects }: Members): Reading {
  if (!Array.isArray(objects)) return { values: {}, sources: {} };
  const pairs = (['Systolic', 'Diastolic'] as const).flatMap((side) => {
    const index = objects.findIndex((object) => isOf(object, `BloodPressure${side}`));
    return index < 0 ? [] : [{ name: `bloodPressure${side}Value`, index, object: membersOf(objects[index]) }];
  });
  const unit = pairs.find((pair) => pair.object['unit'] !== undefined);
  return {
    values: { ...Object.fromEntries(pairs.map((pair) => [pair.name, pair.object['quantity']])), ...(unit && { unit: unit.object['unit'] }) },
    sources: { ...Object.fromEntries(pairs.map(({ name, index }) => [`/${name}`, `/objects/${String(index)}/quantity`])), ...(unit && { '/unit': `/objects/${String(unit.index)}/unit` }) },
  };
}

/** HealthKit's own `%` is a fraction; the library hands it on as it is. */
const unitOf = (element: Members): Members =>
  element['unit'] === '%' && resolveType(wordOf(element['quantityType']))?.percentAsFraction === true ? { unit: '1' } : {};

/** One sample, workout, correlation or electrocardiogram of the library. */
export function kingstinctItem(pointer: string, element: Members): ShapedItem {
  const base = renamed(element, members);
  const type = typeOf(element);
  const pair = resolveType(wordOf(element['correlationType']))?.identifier === BLOOD_PRESSURE ? pairOf(element) : { values: {}, sources: {} };
  return shaped(pointer, element, {
    values: { ...base.values, ...(type !== undefined && base.values['type'] === undefined && { type }), ...dayOf(element), ...spanOf(element), ...unitOf(element), ...pair.values },
    sources: { ...base.sources, ...pair.sources, ...('dateYear' in element && { '/startDate': '/dateYear', '/endDate': '/dateYear' }) },
  });
}

/** Bodies of @kingstinct/react-native-healthkit: samples, one or a list of them, or the answer of an anchored query. */
export const kingstinct: Shape = (body) => {
  if (Array.isArray(body)) return eachOf(body, '', kingstinctItem);
  if (!isObject(body)) return '';
  const { deletedSamples = [] } = body;
  if (!Array.isArray(deletedSamples)) return '/deletedSamples';
  if ([...lists, 'deletedSamples'].some((name) => name in body)) return inLists(body, lists, kingstinctItem);
  return 'uuid' in body || 'startDate' in body || 'dateYear' in body ? [kingstinctItem('', body)] : '';
};
