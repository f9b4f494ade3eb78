import { BLOOD_PRESSURE, resolveType } from '../type-catalogue.ts';
import { eachOf, inLists, isObject, membersOf, renamed, shaped, type Members, type Reading, type Shape, type ShapedItem } from './shape.ts';

const WORKOUT = 'HKWorkoutTypeIdentifier';
const lists = ['samples', 'workouts', 'correlations'];

const members = [
  ['id', 'uuid'],
  ['value', 'quantity', 'value'],
  ['sourceId', 'sourceRevision/source/bundleIdentifier'],
  ['sourceName', 'sourceRevision/source/name'],
  ['type', 'quantityType', 'categoryType', 'correlationType', 'type'],
  ['activityId', 'workoutActivityType'],
] as const;

/** Whether an element names its type as this library does. */
export const isKingstinct = (element: Members): boolean =>
  ['quantityType', 'categoryType', 'correlationType', 'workoutActivityType', 'numberOfVoltageMeasurements'].some((name) => name in element);

function typeOf(element: Members): string | undefined {
  if ('workoutActivityType' in element) return WORKOUT;
  return 'numberOfVoltageMeasurements' in element ? 'HKDataTypeIdentifierElectrocardiogram' : undefined;
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
  element['unit'] === '%' && resolveType(String(element['quantityType']))?.percentAsFraction === true ? { unit: '1' } : {};

/** One sample, workout, correlation or electrocardiogram of the library. */
export function kingstinctItem(pointer: string, element: Members): ShapedItem {
  const base = renamed(element, members);
  const type = typeOf(element);
  const pair = resolveType(String(element['correlationType']))?.identifier === BLOOD_PRESSURE ? pairOf(element) : { values: {}, sources: {} };
  return shaped(pointer, element, {
    values: { ...base.values, ...(type !== undefined && { type }), ...unitOf(element), ...pair.values },
    sources: { ...base.sources, ...pair.sources },
  });
}

/** Bodies of @kingstinct/react-native-healthkit: samples, one or a list of them, or the answer of an anchored query. */
export const kingstinct: Shape = (body) => {
  if (Array.isArray(body)) return eachOf(body, '', kingstinctItem);
  if (!isObject(body)) return '';
  const { deletedSamples = [] } = body;
  if (!Array.isArray(deletedSamples)) return '/deletedSamples';
  if ([...lists, 'deletedSamples'].some((name) => name in body)) return inLists(body, lists, kingstinctItem);
  return 'uuid' in body || 'startDate' in body ? [kingstinctItem('', body)] : '';
};
