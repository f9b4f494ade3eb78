import { isKingstinct, kingstinctItem } from './kingstinct.ts';
import { WORKOUT } from '../type-catalogue.ts';
import { SLEEP, stageOf } from './sleep-stage.ts';
import { wordOf } from '../../measurement/stated-text.ts';
import { eachOf, inLists, isObject, membersOf, plain, renamed, shaped, type Members, type Shape, type ShapedItem } from './shape.ts';

const asSleep = (stage: string | undefined): Members => (stage === undefined ? {} : { type: SLEEP, value: stage });

/** What only the name of a type of Flutter's says, for it writes the minutes over the value: a stage of sleep, how severe a headache was. */
function namedByType({ type }: Members): Members | undefined {
  const [, kind, word] = typeof type === 'string' ? (/^(SLEEP|HEADACHE)_(\w+)$/.exec(type) ?? []) : [];
  if (kind === 'HEADACHE') return { value: word };
  const stage = kind === 'SLEEP' ? stageOf(type) : undefined;
  return stage === undefined ? undefined : asSleep(stage);
}

/** What Flutter calls the value inside of its value: a number, a flow, the units of insulin. */
const flutterValues = ['numericValue', 'flow', 'units'];

const isFlutterValue = (name: string): boolean => flutterValues.includes(name);

/** The value of Flutter's, and what else is inside as members of their own. */
const flutterValue = (value: unknown): Members => {
  if (!isObject(value)) return {};
  const others = Object.entries(value).filter(([name]) => !isFlutterValue(name));
  return { ...Object.fromEntries(others), value: flutterValues.map((name) => value[name]).find((one) => one !== undefined && one !== null) };
};

/** carp-dk/health of Flutter: one item per stage of sleep and per severity of a headache, its value minutes. */
function flutterItem(pointer: string, element: Members): ShapedItem {
  const { values, sources } = renamed(element, [['id', 'uuid'], ['startDate', 'dateFrom'], ['endDate', 'dateTo']]);
  const value = namedByType(element) ?? flutterValue(element['value']);
  const inside = Object.fromEntries(Object.keys(membersOf(element['value'])).map((name) => [isFlutterValue(name) ? '/value' : `/${name}`, `/value/${name}`]));
  return shaped(pointer, element, { values: { ...values, ...value }, sources: { ...sources, ...inside } });
}

const totals = ['totalEnergyBurned', 'totalDistance', 'totalFlightsClimbed', 'totalSwimmingStrokeCount'];

/**
 * What workouts of the plugins mean: the Cordova plugin names the activity for a value and counts metres; the Capacitor plugin has -1 for
 * what it has not, and for a duration the hours between the dates, where plugins made from it have seconds: the dates say it for all.
 */
function workoutValues(element: Members): Members {
  if (element['unit'] === 'activityType') return { type: WORKOUT, activityName: element['value'], distanceUnit: element['distanceUnit'] ?? 'm' };
  if (!('workoutActivityId' in element)) return {};
  return Object.fromEntries(['duration', ...totals.filter((name) => element[name] === -1)].map((name) => [name, undefined]));
}

/**
 * The Capacitor and Cordova plugins: other names for source, unit and identifier, sleep said by its stage, workouts of their own, and
 * numbers inside of the value where something is said beside them.
 */
function pluginItem(pointer: string, element: Members): ShapedItem {
  const { values, sources } = renamed(element, [
    ['id', 'id', 'uuid', 'platformId'], ['unit', 'unit', 'unitName'], ['sourceId', 'sourceId', 'sourceBundleId'], ['sourceName', 'sourceName', 'source'],
    ['bloodPressureSystolicValue', 'systolic', 'value/systolic'], ['bloodPressureDiastolicValue', 'diastolic', 'value/diastolic'],
    ['value', 'value/glucose', 'value/insulin'], ['reason', 'value/reason'],
    ['activityId', 'activityId', 'workoutActivityId'], ['activityName', 'activityName', 'workoutActivityName'],
  ]);
  const noValue = 'bloodPressureSystolicValue' in values && isObject(element['value']) ? { value: undefined } : {};
  const said = element['sleepState'] ?? (/^sleep[.]?/.test(wordOf(element['value'])) ? element['value'] : undefined);
  return shaped(pointer, element, { values: { ...noValue, ...values, ...workoutValues(element), ...asSleep(stageOf(said)) }, sources: { ...sources, ...('sleepState' in element && { '/value': '/sleepState' }) } });
}

const pluginMembers = ['platformId', 'sourceBundleId', 'unitName', 'sleepState', 'systolic', 'diastolic'];

/** An item of any bridge whose own members tell which. */
function standardItem(pointer: string, element: Members): ShapedItem {
  if ('dateFrom' in element || 'dateTo' in element || namedByType(element) !== undefined) return flutterItem(pointer, element);
  if (isKingstinct(element)) return kingstinctItem(pointer, element);
  return pluginMembers.some((name) => name in element) ? pluginItem(pointer, element) : plain(pointer, element);
}

const lists = ['data', 'samples', 'resultData'];

/** Bodies of react-native-health, and what other bridges send that reads in one way only: a list, or the object a query answers with. */
export const standard: Shape = (body) => {
  if (Array.isArray(body)) return eachOf(body, '', standardItem);
  return isObject(body) && lists.some((name) => name in body) ? inLists(body, lists, standardItem) : '';
};
