import { commensurable } from '../../measurement/quantity.ts';
import { wordOf } from '../../measurement/stated-text.ts';
import { ucumOf } from '../../measurement/unit-spelling.ts';
import { isObject, membersOf, type Members } from '../shapes/shape.ts';
import { first, joined, measureIn, measureOf, objectsIn, type Found, type Measure } from './measure.ts';
import activities from './workout-activities.json' with { type: 'json' };

/** One line of the statistics of a workout: an export has a list, @kingstinct/react-native-healthkit an object by type. */
const statisticsIn = ({ statistics }: Members): readonly Members[] =>
  isObject(statistics) ? Object.entries(statistics).map(([type, one]) => ({ ...membersOf(one), type })) : objectsIn(statistics);

const kinds = [['total', 'sum', 'sumQuantity'], ['average', 'average', 'averageQuantity'], ['minimum', 'minimum', 'minimumQuantity'], ['maximum', 'maximum', 'maximumQuantity']] as const;

/** Numbers of one type; a bare one is in the unit beside it, and counts for nothing without. */
const statisticOf = (one: Members, members: readonly string[]): Measure | undefined => measureOf(one, members, typeof one['unit'] === 'string' ? one['unit'] : '');

const shortName = (type: unknown): string => wordOf(type).replace(/^HKQuantityTypeIdentifier/, '');

/** Energy and distance are measures of the workout itself; all else is named by its kind: averageHeartRate. */
const statisticsOf = (item: Members): Found => {
  const others = statisticsIn(item).filter(({ type }) => !/ActiveEnergyBurned$|TypeIdentifierDistance/.test(wordOf(type)));
  return Object.fromEntries(others.flatMap((one) => kinds.map(([kind, ...members]) => [joined(kind, shortName(one['type'])), statisticOf(one, members)] as const)));
};

const sumOf = (item: Members, type: RegExp): Measure | undefined => {
  const found = statisticsIn(item).find((one) => type.test(wordOf(one['type'])));
  return found && statisticOf(found, ['sum', 'sumQuantity']);
};

/** Members of Health Auto Export, of react-native-healthkit and of Flutter's workouts, and metadata of HealthKit's own. */
const othersOf = (item: Members): Found => {
  const [metadata, heartRate, elevation] = [membersOf(item['metadata']), membersOf(item['heartRate']), membersOf(item['elevation'])];
  const metres = typeof elevation['units'] === 'string' ? elevation['units'] : 'm';
  return {
    averageHeartRate: first(measureOf(item, ['avgHeartRate'], 'count/min'), measureIn(heartRate['avg'], 'count/min')),
    maximumHeartRate: first(measureOf(item, ['maxHeartRate'], 'count/min'), measureIn(heartRate['max'], 'count/min')),
    minimumHeartRate: measureIn(heartRate['min'], 'count/min'),
    totalStepCount: measureOf(item, ['totalSteps', 'stepCount'], 'count'),
    totalFlightsClimbed: measureOf(item, ['totalFlightsClimbed', 'flightsClimbed'], 'count'),
    totalSwimmingStrokeCount: measureOf(item, ['totalSwimmingStrokeCount'], 'count'),
    elevationAscended: first(measureOf(item, ['elevationUp', 'metadataElevationAscended'], 'm'), measureIn(elevation['ascent'], metres), measureIn(metadata['HKElevationAscended'], 'm')),
    elevationDescended: first(measureOf(item, ['elevationDown', 'metadataElevationDescended'], 'm'), measureIn(elevation['descent'], metres), measureIn(metadata['HKElevationDescended'], 'm')),
    averageMETs: first(measureOf(item, ['metadataAverageMETs', 'intensity', 'intesity'], 'MET'), measureIn(metadata['HKAverageMETs'], 'MET')),
    averageSpeed: first(measureOf(item, ['avgSpeed', 'speed', 'metadataAverageSpeed'], 'm/s'), measureIn(metadata['HKAverageSpeed'], 'm/s')),
    maximumSpeed: first(measureOf(item, ['maxSpeed', 'metadataMaximumSpeed'], 'm/s'), measureIn(metadata['HKMaximumSpeed'], 'm/s')),
  };
};

/** Raw values of HKWorkoutEventType. */
const events = ['pause', 'resume', 'lap', 'marker', 'motionPaused', 'motionResumed', 'segment', 'pauseOrResumeRequest'];
const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');

const eventNamed = (given: unknown): string =>
  typeof given === 'number' ? (events[given - 1] ?? `event${String(given)}`) : (events.find((name) => plain(name) === plain(wordOf(given)).replace('hkworkouteventtype', '')) ?? 'unknown');

/** How often each event occurred; when, stands in what was received. */
const eventsOf = (item: Members): Found => {
  const all = objectsIn(item['workoutEvents'] ?? item['events']);
  const counted = Map.groupBy(all, (event) => eventNamed(event['eventTypeInt'] ?? event['type'] ?? event['eventType']));
  return Object.fromEntries([...counted].map(([name, some]) => [`${name}Events`, { value: some.length, unit: '{event}' }]));
};

const byName: ReadonlyMap<string, string> = new Map(Object.values(activities).map((name) => [plain(name), name]));
const byNumber: ReadonlyMap<string, string> = new Map(Object.entries(activities));

/** Apple's name of an activity, however a library says it; none for names of an app's own. */
const activityOf = ({ activityId, activityName, workoutActivityType }: Members): string | undefined => {
  const [number, name] = [[activityId, workoutActivityType].find((one) => typeof one === 'number'), [activityName, workoutActivityType].find((one) => typeof one === 'string')];
  return byNumber.get(String(number)) ?? byName.get(plain(String(name)).replace('hkworkoutactivitytype', ''));
};

/** The unit of a bare distance: that of the workout where it is a length, miles of react-native-health, and none where nobody says it, for which it is named. */
function unitOfDistance({ unit, activityId, workoutActivityId, workoutActivityType }: Members): string {
  if (typeof unit === 'string' && commensurable(ucumOf(unit) ?? '', 'm')) return unit;
  // Other libraries name the activity otherwise, and are given this name beside theirs.
  return activityId !== undefined && workoutActivityId === undefined && workoutActivityType === undefined ? 'mi' : '';
}

/** Energy is in kilocalories; the duration is the workout's own, without its pauses. */
export const workoutMeasures = (item: Members, seconds: number): Found => {
  const activity = activityOf(item);
  return {
    ...othersOf(item), ...statisticsOf(item), ...eventsOf(item),
    duration: first(measureIn(item['duration'], 's'), { value: seconds, unit: 's' }),
    energy: first(measureOf(item, ['totalEnergyBurned', 'activeEnergyBurned', 'activeEnergy', 'calories'], 'kcal'), sumOf(item, /ActiveEnergyBurned$/)),
    distance: first(measureOf(item, ['totalDistance'], 'm'), measureOf(item, ['distance'], unitOfDistance(item)), sumOf(item, /TypeIdentifierDistance/)),
    activity: activity === undefined ? undefined : [activity],
  };
};
