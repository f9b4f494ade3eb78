import { decimalOf } from '../measurement/stated-text.ts';
import { commensurable } from '../measurement/quantity.ts';
import { ucumOf } from '../measurement/unit-spelling.ts';
import type { ItemCode } from './item-error.ts';
import { BLOOD_PRESSURE, type HealthKitType } from './type-catalogue.ts';

type Item = Readonly<Record<string, unknown>>;

/** A fault at a place inside an item; `place` is a JSON pointer relative to the item, or starts with /query/. */
export interface ItemFault {
  readonly code: ItemCode;
  readonly place: string;
}

/** The unit that holds for an item (UCUM; as given where it is not known and the type neither), and whether nobody stated it. */
export interface EffectiveUnit {
  readonly unit?: string;
  readonly unitAssumed: boolean;
  /** Only its size says that a percentage counts hundredths: HealthKit's own are fractions. */
  readonly percentAssumed?: boolean;
}

/** Types of which no percentage between 1 and 2 is real, so that the value is a broken fraction. */
const NEVER_NEAR_ONE_PERCENT = new Set(['HKQuantityTypeIdentifierOxygenSaturation', 'HKQuantityTypeIdentifierBodyFatPercentage']);

/** The finite number that a JSON number or a text stands for. */
export function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' ? decimalOf(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

const [pressures, noMembers, quantityAlone, valueAlone] = [['bloodPressureSystolicValue', 'bloodPressureDiastolicValue'], [], ['quantity'], ['value']] as const;

/** Where the numbers of a type are in an item; none for types that are no quantities. */
function numberPlaces(item: Item, type: HealthKitType): readonly string[] {
  if (type.identifier === BLOOD_PRESSURE) return pressures;
  if (type.kind !== 'quantity') return noMembers;
  return item['value'] === undefined && 'quantity' in item ? quantityAlone : valueAlone;
}

function isImpossible(value: number, type: HealthKitType, { unit, percentAssumed }: EffectiveUnit): boolean {
  if (value < 0) return type.mayBeNegative !== true;
  if (type.percentAsFraction !== true) return false;
  if (unit === '1') return value > 1;
  return value > 100 || (percentAssumed === true && value < 2 && NEVER_NEAR_ONE_PERCENT.has(type.identifier));
}

function judgeNumbers(item: Item, type: HealthKitType, unit: EffectiveUnit): ItemFault | undefined {
  for (const member of numberPlaces(item, type)) {
    const given = item[member];
    if (given === undefined || given === null) return { code: 'missing-value', place: `/${member}` };
    const value = numberOf(given);
    if (value === undefined) return { code: 'invalid-value', place: `/${member}` };
    if (isImpossible(value, type, unit)) return { code: 'value-out-of-range', place: `/${member}` };
  }
  return undefined;
}

/** The fault of the item's values, if any: numbers of a quantity, text or number of anything else; a category may have none. */
export function judgeValue(item: Item, type: HealthKitType | undefined, unit: EffectiveUnit): ItemFault | undefined {
  if (type !== undefined && numberPlaces(item, type).length > 0) return judgeNumbers(item, type, unit);
  const { value } = item;
  if (value === undefined || typeof value === 'string' || Number.isFinite(value)) return undefined;
  return { code: value === null ? 'missing-value' : 'invalid-value', place: '/value' };
}

const isCount = (unit: string): boolean => unit.startsWith('{');

/** Counts are dimensionless for UCUM, which would let 50 % of a step pass. */
function measures(unit: string, type: HealthKitType): boolean {
  const { canonicalUnit, identifier } = type;
  if (canonicalUnit === undefined || unit === canonicalUnit || unit === type.defaultUnit) return true;
  if (isCount(canonicalUnit)) return unit === '1' || isCount(unit);
  if (canonicalUnit === '%') return unit === '1';
  if (identifier === 'HKQuantityTypeIdentifierBodyMassIndex' && isCount(unit)) return true; // HealthKit counts it
  if (canonicalUnit === 'dB' && unit === 'dB[SPL]') return true; // HealthKit has no other unit for a difference of levels of sound
  const moles = identifier === 'HKQuantityTypeIdentifierBloodGlucose' && commensurable(unit, 'mmol/L');
  return moles || commensurable(unit, canonicalUnit);
}

/** Flutter says NO_UNIT of what it has no unit for, such as a body mass index. */
const stated = (unit: unknown): unit is string => typeof unit === 'string' && unit.trim() !== '' && unit !== 'NO_UNIT';

/** Whether the value of an item is how long it was, which bridges write where HealthKit has no value; the dates say the same. */
export const isLength = ({ value, unit }: Item, type: HealthKitType | undefined): boolean =>
  type?.hasNoValue === true && numberOf(value) !== undefined && stated(unit) && commensurable(ucumOf(unit) ?? '', 's');

/** Whether a number of the item's was sent as text. */
export const hasNumberAsText = (item: Item, type: HealthKitType | undefined): boolean =>
  type !== undefined && numberPlaces(item, type).some((member) => typeof item[member] === 'string');

/**
 * A percentage is `1` where it is a fraction, as HealthKit has it whatever a bridge calls its unit, and `%` where it counts
 * hundredths: because the unit is declared so by its format, or because no fraction is that large.
 */
function percentOf(item: Item, unit: string, percent: 'hundredths' | undefined): Pick<EffectiveUnit, 'unit' | 'percentAssumed'> {
  if (percent === 'hundredths') return { unit: '%' };
  const value = numberOf(item['value'] ?? item['quantity']) ?? 0;
  return value > 1 && unit !== '1' ? { unit: '%', percentAssumed: true } : { unit: '1' };
}

/**
 * The unit of an item: its own, else that of the batch, else the default of react-native-health for the type. `percent` is given
 * where the format itself declares what `%` means.
 */
export function unitOfItem(item: Item, type: HealthKitType | undefined, batchUnit: string | undefined, percent?: 'hundredths'): EffectiveUnit | ItemFault {
  const unit = statedUnit(item, type, batchUnit);
  if ('code' in unit || type?.percentAsFraction !== true) return unit;
  return { ...unit, ...percentOf(item, unit.unitAssumed ? '%' : (unit.unit ?? '%'), unit.unit === '1' && !unit.unitAssumed ? undefined : percent) };
}

function statedUnit(item: Item, type: HealthKitType | undefined, batchUnit: string | undefined): EffectiveUnit | ItemFault {
  const own = stated(item['unit']);
  const given = own ? item['unit'] : batchUnit;
  if (type?.canonicalUnit === undefined) {
    return stated(given) && type === undefined ? { unit: ucumOf(given) ?? given, unitAssumed: false } : { unitAssumed: false };
  }
  if (!stated(given)) return type.defaultUnit === undefined ? { unitAssumed: true } : { unit: type.defaultUnit, unitAssumed: true };
  const unit = ucumOf(given);
  const place = own ? '/unit' : '/query/unit';
  if (unit === undefined) return { code: 'unit-unknown', place };
  return measures(unit, type) ? { unit, unitAssumed: false } : { code: 'unit-not-for-type', place };
}
