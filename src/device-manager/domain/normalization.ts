import { loincUrl, type NormalizedData, type Observation } from '../../measurement/coding.ts';
import { commensurable, convert, isUcum } from '../../measurement/quantity.ts';
import { ucumOf } from '../../measurement/unit-spelling.ts';
import { at, type HealthDataType, type ObservationRule, type Target } from './rule.ts';

/** One sample to normalize: the item as received, and what is known about it. */
export interface Measured {
  readonly providerId: string;
  readonly dataType: string | undefined;
  readonly item: unknown;
  /** UCUM unit declared or assumed for the sample, where its rule names none. */
  readonly unit?: string | undefined;
  readonly unitAssumed?: boolean;
  /** UTC, ISO 8601. */
  readonly start: string;
  readonly end: string;
}

/** Why a sample cannot be normalized. */
export type Reason = 'type-unknown' | 'no-rule' | 'value-missing' | 'value-not-a-number' | 'unit-missing' | 'unit-unknown' | 'unit-not-for-type' | 'implausible-with-assumed-unit';

export interface Normalized {
  readonly ruleId: string;
  readonly ruleVersion: number;
  readonly normalizedDataType: string;
  readonly record: NormalizedData;
}

/** Rules by provider and data type. */
export type Rules = ReadonlyMap<string, HealthDataType>;

const key = (providerId: string, dataType: string): string => `${providerId}/${dataType.toLowerCase()}`;

/** Makes rules ready for use. Throws naming the rule when a unit is not UCUM or two rules want the same samples. */
export const compileRules = (types: readonly HealthDataType[]): Rules => {
  const rules = new Map<string, HealthDataType>();
  for (const type of types) {
    for (const { unitCode } of type.observations.flatMap(({ targets }) => targets)) {
      if (!isUcum(unitCode)) throw new Error(`The rule ${type.identifier} has the unit ${unitCode}, which is not UCUM.`);
    }
    for (const dataType of type.dataTypes) {
      const name = key(type.providerId, dataType);
      if (rules.has(name)) throw new Error(`The rules ${rules.get(name)?.identifier ?? ''} and ${type.identifier} both want ${name}.`);
      rules.set(name, type);
    }
  }
  return rules;
};

class Unfit extends Error {
  readonly reason: Reason;

  constructor(reason: Reason) {
    super(reason);
    this.reason = reason;
  }
}

const numberOf = (value: unknown): number => {
  if (value === undefined || value === null) throw new Unfit('value-missing');
  const number = typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new Unfit('value-not-a-number');
  return number;
};

const unitOf = (rule: ObservationRule, { item, unit }: Measured): { unit: string; spelling?: string } => {
  if (rule.unit === undefined) {
    if (unit === undefined) throw new Unfit('unit-missing');
    return { unit };
  }
  const spelling = at(item, rule.unit);
  if (typeof spelling !== 'string' || spelling.trim() === '') throw new Unfit('unit-missing');
  const known = ucumOf(spelling);
  if (known === undefined) throw new Unfit('unit-unknown');
  return { unit: known, spelling };
};

/** Counts and percentages are dimensionless for UCUM: they fit only each other by name. */
const dimensionless = (unit: string): boolean => unit === '1' || unit.startsWith('{');

const fits = (unit: string, target: Target): boolean => {
  if (unit === target.unitCode) return true;
  if (dimensionless(target.unitCode)) return dimensionless(unit);
  if (target.unitCode === '%') return unit === '1';
  return commensurable(unit, target.unitCode);
};

const flag = (text: string, on: boolean): Readonly<Record<string, string>> => (on ? { [text]: 'true' } : {});

const observe = (rule: ObservationRule, type: HealthDataType, measured: Measured, annotation: Readonly<Record<string, string>>): Observation | undefined => {
  const raw = at(measured.item, rule.value);
  if (raw === undefined && rule.required !== true) return undefined;
  const number = numberOf(raw);
  const { unit, spelling } = unitOf(rule, measured);
  const target = rule.targets.find((one) => fits(unit, one));
  if (!target) throw new Unfit('unit-not-for-type');
  const scaled = rule.fraction === true && unit === '%' && number <= 1 ? number * 100 : number;
  const value = dimensionless(target.unitCode) && dimensionless(unit) ? scaled : convert(scaled, unit, target.unitCode);
  const [low, high] = target.plausible;
  const implausible = value < low || value > high;
  const assumed = rule.unit === undefined && measured.unitAssumed === true;
  if (implausible && assumed && type.ambiguousUnit === true) throw new Unfit('implausible-with-assumed-unit');
  const outOfRange = rule.inRange !== undefined && ['false', false].includes(at(measured.item, rule.inRange) as string | boolean);
  const notes = { ...annotation, ...(spelling !== undefined && { measuredUnit: spelling }), ...flag('unitAssumed', assumed), ...flag('implausible', implausible), ...(outOfRange && { isInRange: 'false' }) };
  return { code: loincUrl(target.code), name: target.name, unit: target.unit, unitCode: target.unitCode, value, ...(Object.keys(notes).length > 0 && { annotation: notes }) };
};

const short = (value: unknown): string | undefined => (['string', 'number', 'boolean'].includes(typeof value) ? String(value).slice(0, 500) : undefined);

const annotationsOf = (type: HealthDataType, item: unknown): Record<string, string> => {
  const found: Record<string, string> = {};
  for (const [name, pointer] of Object.entries(type.annotations ?? {})) {
    const value = at(item, pointer);
    const all = typeof value === 'object' && value !== null ? Object.entries(value) : [[name, value] as const];
    for (const [one, given] of all.slice(0, 30)) {
      const text = short(given);
      if (text !== undefined) found[one.slice(0, 100)] = text;
    }
  }
  return found;
};

/**
 * Applies the rule for a sample: LOINC codes, values in UCUM units, unrounded. An implausible value is flagged, an unknown unit is
 * never guessed. Answers the reason when no rule fits or the sample does not fit its rule.
 */
export const normalize = (rules: Rules, measured: Measured): Normalized | { readonly reason: Reason } => {
  if (measured.dataType === undefined) return { reason: 'type-unknown' };
  const type = rules.get(key(measured.providerId, measured.dataType));
  if (!type) return { reason: 'no-rule' };
  try {
    const annotation = annotationsOf(type, measured.item);
    const observations = type.observations.map((rule) => observe(rule, type, measured, annotation)).filter((one) => one !== undefined);
    if (observations.length === 0) return { reason: 'value-missing' };
    const period = { startDate: measured.start, ...(measured.end !== measured.start && { endDate: measured.end }) };
    return { ruleId: type.identifier, ruleVersion: type.version, normalizedDataType: type.normalizedDataType, record: { period, observations } };
  } catch (error) {
    if (error instanceof Unfit) return { reason: error.reason };
    throw error;
  }
};
