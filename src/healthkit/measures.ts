type Item = Readonly<Record<string, unknown>>;

/** A number with the unit it is written in. */
interface Measure {
  readonly value: unknown;
  readonly unit: string;
}

const isObject = (value: unknown): value is Item => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A plain number in the unit of its library, `{quantity, unit}` of HealthKit's own shape, or `{qty, units}` of Health Auto Export. */
const measureIn = (given: unknown, unit: string): Measure | undefined => {
  if (typeof given === 'number') return { value: given, unit };
  if (!isObject(given)) return undefined;
  const [value, own] = [given['quantity'] ?? given['qty'], given['unit'] ?? given['units']];
  return typeof value === 'number' ? { value, unit: typeof own === 'string' ? own : unit } : undefined;
};

const first = (...found: (Measure | undefined)[]): Measure | undefined => found.find((one) => one !== undefined);

/** The sum of a workout's own statistics, as an export of the Health app writes them. */
const sumOf = ({ statistics }: Item, type: RegExp): Measure | undefined => {
  const found = Array.isArray(statistics) ? statistics.find((one): one is Item => isObject(one) && type.test(String(one['type']))) : undefined;
  const unit = found?.['unit'];
  return found && typeof found['sum'] === 'number' && typeof unit === 'string' ? { value: found['sum'], unit } : undefined;
};

/** Of react-native-health, energy is in kilocalories and distance in miles; the duration is the workout's own, without its pauses. */
const workoutMeasures = (item: Item, seconds: number): Readonly<Record<string, Measure | undefined>> => ({
  duration: first(measureIn(item['duration'], 's'), { value: seconds, unit: 's' }),
  energy: first(measureIn(item['totalEnergyBurned'], 'kcal'), measureIn(item['activeEnergyBurned'], 'kcal'), measureIn(item['activeEnergy'], 'kcal'), measureIn(item['calories'], 'kcal'), sumOf(item, /ActiveEnergyBurned$/)),
  distance: first(measureIn(item['totalDistance'], 'm'), measureIn(item['distance'], 'mi'), sumOf(item, /TypeIdentifierDistance/)),
});

const ecgMeasures = (item: Item): Readonly<Record<string, Measure | undefined>> => ({ averageHeartRate: first(measureIn(item['averageHeartRate'], 'count/min'), measureIn(item['averageHeartRateBpm'], 'count/min')) });

/** What several libraries say in several ways of a sample that is no single number, in one way; undefined for types that are. */
export const measuresOf = (item: Item, type: string | null, seconds: number): Readonly<Record<string, Measure>> | undefined => {
  const found = type === 'HKWorkoutTypeIdentifier' ? workoutMeasures(item, seconds) : type === 'HKDataTypeIdentifierElectrocardiogram' ? ecgMeasures(item) : undefined;
  return found && (Object.fromEntries(Object.entries(found).filter(([, measure]) => measure !== undefined)) as Readonly<Record<string, Measure>>);
};
