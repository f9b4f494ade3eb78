import { MAX_TYPE_LENGTH } from './limits.ts';
import types from './types.json' with { type: 'json' };

/**
 * One of the 220 HealthKit types (Apple SDK of 2026-07; names of the bridges as aliases). Units are UCUM; `defaultUnit` is what
 * react-native-health sends when the app asks for none. Percentages of `percentAsFraction` types arrive as 0 to 1. Of a category that
 * `hasNoValue` only the time between its dates counts (HKCategoryValueNotApplicable). Quantities that are `cumulative` add up.
 */
export interface HealthKitType {
  readonly identifier: string;
  readonly kind: string;
  readonly canonicalUnit?: string | undefined;
  readonly defaultUnit?: string | undefined;
  readonly percentAsFraction?: boolean | undefined;
  readonly mayBeNegative?: boolean | undefined;
  readonly hasNoValue?: boolean | undefined;
  readonly cumulative?: boolean | undefined;
}

type Item = Readonly<Record<string, unknown>>;

/** The correlation of a systolic and a diastolic pressure. */
export const BLOOD_PRESSURE = 'HKCorrelationTypeIdentifierBloodPressure';

/** A workout, which each bridge has in a shape of its own. */
export const WORKOUT = 'HKWorkoutTypeIdentifier';

/** The rings of a day. */
export const ACTIVITY_SUMMARY = 'HKActivitySummaryTypeIdentifier';

const key = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

const byName: ReadonlyMap<string, HealthKitType> = new Map(
  types.flatMap((type) => [key(type.identifier), ...type.aliases].map((name): [string, HealthKitType] => [name, type])),
);

const spelled = new Map<string, HealthKitType>();
const MOST_SPELLINGS = 5000;

/** The type of a name: Apple's identifier or an alias, whatever its letter case and separators (heart_rate, heartRate, HEART_RATE). */
export const resolveType = (name: string): HealthKitType | undefined => {
  const known = spelled.get(name);
  if (known !== undefined || name.length > MAX_TYPE_LENGTH) return known;
  const type = byName.get(key(name));
  // Only names of types are remembered, so that there is an end to them but for letter case and separators.
  if (type !== undefined && spelled.size < MOST_SPELLINGS) spelled.set(name, type);
  return type;
};

/** What samples of a type are kept under that somebody names: Apple's identifier where it is one of its names, and the name itself, which another provider may have, too. */
export const namesOfType = (name: string): string[] => [...new Set([name, resolveType(name)?.identifier ?? name])];

const asItem = (value: unknown): Item =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};

const SLEEP_STAGES = new Set(['INBED', 'ASLEEP', 'AWAKE', 'CORE', 'DEEP', 'REM']);

type Hint = readonly [test: (item: Item, metadata: Item) => boolean, identifier: string];

/** Resources that HealthKit has in one type of clinical record alone; an Observation may be of the laboratory or a vital sign. */
const clinicalResources = [
  ['AllergyIntolerance', 'Allergy'], ['Condition', 'Condition'], ['Coverage', 'Coverage'], ['DocumentReference', 'ClinicalNote'], ['Immunization', 'Immunization'],
  ['MedicationOrder', 'Medication'], ['MedicationRequest', 'Medication'], ['MedicationStatement', 'Medication'], ['Procedure', 'Procedure'],
] as const;

const hints: readonly Hint[] = [
  [(item) => 'heartbeatSeries' in item, 'HKDataTypeIdentifierHeartbeatSeries'],
  [(item) => 'appleStandHours' in item && 'appleExerciseTime' in item, ACTIVITY_SUMMARY],
  [(item) => 'valence' in item && 'associations' in item, 'HKStateOfMindTypeIdentifier'],
  [(item) => 'sensitivityPoints' in item, 'HKDataTypeIdentifierAudiogram'],
  ...clinicalResources.map(([resourceType, name]): Hint => [({ fhirData }) => asItem(fhirData)['resourceType'] === resourceType, `HKClinicalTypeIdentifier${name}Record`]),
  [(item) => 'voltageMeasurements' in item, 'HKDataTypeIdentifierElectrocardiogram'],
  [(item) => 'activityName' in item && 'activityId' in item, WORKOUT],
  [({ value }) => typeof value === 'string' && SLEEP_STAGES.has(value), 'HKCategoryTypeIdentifierSleepAnalysis'],
  [(_, metadata) => 'HKMetadataKeyHeartRateMotionContext' in metadata || 'HKHeartRateMotionContext' in metadata, 'HKQuantityTypeIdentifierHeartRate'],
  [(_, metadata) => 'HKBloodGlucoseMealTime' in metadata, 'HKQuantityTypeIdentifierBloodGlucose'],
  [(_, metadata) => 'HKBodyTemperatureSensorLocation' in metadata, 'HKQuantityTypeIdentifierBodyTemperature'],
  [(_, metadata) => 'HKInsulinDeliveryReason' in metadata, 'HKQuantityTypeIdentifierInsulinDelivery'],
  [(_, metadata) => 'HKVO2MaxTestType' in metadata, 'HKQuantityTypeIdentifierVO2Max'],
];

const isPair = (item: Item): boolean => 'bloodPressureSystolicValue' in item || 'bloodPressureDiastolicValue' in item;

const typeMembers = ['type', 'dataType', 'quantityType', 'rawDataType'] as const;

function declaredName(item: Item, batchType: string | undefined): string | undefined {
  for (const member of typeMembers) {
    const name = item[member];
    if (typeof name === 'string' && name.trim() !== '') return name.trim();
  }
  return batchType !== undefined && batchType.trim() !== '' ? batchType.trim() : undefined;
}

/** What an item is: `name` is Apple's identifier, or the unknown name as it was given (at most 128 characters). */
export interface TypeOfItem {
  readonly name?: string;
  readonly known?: HealthKitType;
  /** Neither the item nor its batch names it: only this type has such members. */
  readonly concluded?: true;
}

/**
 * The type an item names itself, else that of its batch, else what its members prove (a pair of pressures, metadata that only one
 * type has). Items of react-native-health name none. Both members are missing when nothing tells.
 */
export function typeOfItem(item: Item, batchType?: string): TypeOfItem {
  const name = declaredName(item, batchType);
  const declared = name === undefined ? undefined : resolveType(name);
  if (isPair(item) && (name === undefined || declared?.identifier.includes('BloodPressure') === true)) return { ...typed(BLOOD_PRESSURE), ...(name === undefined && { concluded: true }) };
  if (declared !== undefined) return { name: declared.identifier, known: declared };
  if (name !== undefined) return { name: name.slice(0, MAX_TYPE_LENGTH) };
  const metadata = asItem(item['metadata']);
  const hint = hints.find(([test]) => test(item, metadata));
  return hint === undefined ? {} : { ...typed(hint[1]), concluded: true };
}

function typed(identifier: string): TypeOfItem {
  const known = resolveType(identifier);
  return known === undefined ? { name: identifier } : { name: identifier, known };
}
