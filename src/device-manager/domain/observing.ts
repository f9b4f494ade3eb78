import { loincUrl, type Observation } from '../../measurement/coding.ts';
import { decimalOf, wordOf } from '../../measurement/stated-text.ts';
import { commensurable, convert } from '../../measurement/quantity.ts';
import { ucumOf } from '../../measurement/unit-spelling.ts';
import { eventNamed } from './event-name.ts';
import { at, type EventRule, type HealthDataType, type ObservationRule, type QuantityRule, type Target } from './rule.ts';

/** One sample to normalize: the item as received, and what is known about it. */
export interface Measured {
  readonly providerId: string;
  readonly dataType: string | undefined;
  readonly item: unknown;
  /** UCUM unit declared or assumed for the sample, where its rule names none. */
  readonly unit?: string | undefined;
  readonly unitAssumed?: boolean;
  /** Only its size says that a percentage counts hundredths. */
  readonly percentAssumed?: boolean;
  /** The format says that a percentage counts hundredths, so that 0.5 is half a percent also where a rule takes fractions. */
  readonly percentDeclared?: boolean;
  /** Where parts of the item stand in what was received, where that is another pointer. */
  readonly sources?: Readonly<Record<string, string>>;
  /** UTC, ISO 8601. */
  readonly start: string;
  readonly end: string;
}

/** Why a sample cannot be normalized. */
export type Reason =
  | 'type-unknown' | 'no-rule' | 'value-missing' | 'value-absent' | 'value-not-a-number' | 'unit-missing' | 'unit-unknown' | 'unit-not-for-type'
  | 'implausible-with-assumed-unit' | 'event-unknown' | 'document-invalid';

/** Says that a sample does not fit its rule. */
export class Unfit extends Error {
  readonly reason: Reason;

  constructor(reason: Reason) {
    super(reason);
    this.reason = reason;
  }
}

/** Notes on a value, all as text. */
export type Notes = Readonly<Record<string, string>>;

/** What a rule finds in an item: an observation; why the sender has no value, by the name of the metric; or a name that it does not know. */
export type Found = { readonly observation: Observation } | { readonly absent: Notes; readonly required: boolean } | { readonly unrecognized: string };

const isNothing = (value: unknown): boolean => value === undefined || value === null;

const numberOf = (value: unknown, numbersOnly: boolean): number => {
  if (isNothing(value)) throw new Unfit('value-missing');
  const number = !numbersOnly && typeof value === 'string' ? decimalOf(value.trim()) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) throw new Unfit('value-not-a-number');
  return number;
};

const unitOf = ({ metric, units }: QuantityRule, { item, unit }: Measured): { unit: string; spelling?: string } => {
  if (metric === undefined) {
    if (unit === undefined) throw new Unfit('unit-missing');
    return { unit };
  }
  const given = at(item, `${metric}/unit`) ?? '';
  const spelling = typeof given === 'string' ? given.trim() : '';
  const known = (units !== undefined && Object.hasOwn(units, spelling) ? units[spelling] : undefined) ?? (spelling === '' ? undefined : ucumOf(spelling));
  if (known === undefined) throw new Unfit(spelling === '' ? 'unit-missing' : 'unit-unknown');
  return { unit: known, spelling };
};

/** Counts and percentages are dimensionless for UCUM: they fit only each other by name. */
const dimensionless = (unit: string): boolean => unit === '1' || unit.startsWith('{');

const fits = (unit: string, { unitCode, dividedBy }: Target): boolean => {
  if (unit === unitCode || dividedBy?.[unit] !== undefined) return true;
  if (dimensionless(unitCode)) return dimensionless(unit);
  if (unitCode === '%') return unit === '1';
  return commensurable(unit, unitCode);
};

const converted = (number: number, unit: string, { unitCode, dividedBy }: Target): number => {
  const divisor = dividedBy?.[unit];
  if (divisor !== undefined) return number / divisor;
  return dimensionless(unitCode) && dimensionless(unit) ? number : convert(number, unit, unitCode);
};

/** A value so large that its conversion is no number any more (an infinite one could neither be kept in JSON nor drawn) does not fit. */
const finite = (value: number): number => {
  if (!Number.isFinite(value)) throw new Unfit('value-not-a-number');
  return value;
};

const flag = (text: string, on: boolean): Notes => (on ? { [text]: 'true' } : {});

/** What a metric says of itself beside value and unit. */
const metricNotes = (item: unknown, metric: string): Notes => {
  const [inRange, comparator, fromText] = ['isInRange', 'comparator', 'unitFromText'].map((name) => at(item, `${metric}/${name}`));
  return { ...(typeof comparator === 'string' && { comparator: comparator.slice(0, 10) }), ...flag('unitFromText', fromText === true), ...((inRange === false || inRange === 'false') && { isInRange: 'false' }) };
};

const noted = (annotation: Notes) => (Object.keys(annotation).length > 0 ? { annotation } : {});

const readQuantity = (rule: QuantityRule, type: HealthDataType, measured: Measured, annotation: Notes, raw: unknown): Observation => {
  const number = numberOf(raw, type.numbersOnly === true);
  const { unit, spelling } = unitOf(rule, measured);
  const target = rule.targets.find((one) => fits(unit, one));
  if (!target) throw new Unfit('unit-not-for-type');
  const value = finite(converted(rule.fraction === true && measured.percentDeclared !== true && unit === '%' && number <= 1 ? number * 100 : number, unit, target));
  const assumed = rule.metric === undefined && measured.unitAssumed === true;
  const [low, high] = (assumed ? target.plausibleIfAssumed : undefined) ?? target.plausible ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const implausible = value < low || value > high;
  if (implausible && assumed && type.ambiguousUnit === true) throw new Unfit('implausible-with-assumed-unit');
  const notes = {
    ...annotation, ...(spelling !== undefined && { measuredUnit: spelling }), ...(target.sameAs !== undefined && { sameAs: loincUrl(target.sameAs) }),
    ...flag('unitAssumed', assumed), ...flag('percentAssumed', measured.percentAssumed === true), ...flag('implausible', implausible),
    ...(rule.metric !== undefined && metricNotes(measured.item, rule.metric)),
  };
  return { code: loincUrl(target.code), name: target.name, unit: target.unit, unitCode: target.unitCode, value, ...noted(notes) };
};

const readEvent = ({ events, duration = false }: EventRule, { start, end }: Measured, annotation: Notes, raw: unknown): Observation => {
  const event = eventNamed(events, wordOf(raw));
  if (!event) throw new Unfit(isNothing(raw) ? 'value-missing' : 'event-unknown');
  const about = { code: loincUrl(event.code), name: event.name };
  if (duration) return { ...about, unit: 'min', unitCode: 'min', value: (Date.parse(end) - Date.parse(start)) / 60_000, ...noted(annotation) };
  return { ...about, unit: 'events', unitCode: '{event}', value: 1, ...noted(annotation) };
};

const nameOf = (metric: string): string => metric.slice(metric.lastIndexOf('/') + 1);

/** Of several that were stated, one that nobody knows costs the others nothing; nor does one that was not stated and need not be. */
const readEvents = (rule: EventRule, measured: Measured, annotation: Notes, raw: unknown): Found[] => {
  if (isNothing(raw) && rule.required !== true && !Object.hasOwn(rule.events, '')) return [];
  if (!Array.isArray(raw)) return [{ observation: readEvent(rule, measured, annotation, raw) }];
  return [...new Set(raw.map(wordOf))].map((word): Found =>
    eventNamed(rule.events, word) ? { observation: readEvent(rule, measured, annotation, word) } : { unrecognized: `${nameOf(rule.event)}: ${word}`.slice(0, 100) });
};

/** Applies one rule to an item; nothing when the item has nothing for it. Throws Unfit when it has something that does not fit. */
export const observe = (rule: ObservationRule, type: HealthDataType, measured: Measured, annotation: Notes): Found[] => {
  const raw = at(measured.item, 'event' in rule ? rule.event : (rule.value ?? `${rule.metric ?? ''}/value`));
  if ('event' in rule) return readEvents(rule, measured, annotation, raw);
  const { metric, required = false, unless } = rule;
  if (unless !== undefined && !isNothing(at(measured.item, unless))) return [];
  const absent = raw === undefined && metric !== undefined ? at(measured.item, `${metric}/absentReason`) : undefined;
  if (typeof absent === 'string') return [{ absent: { [`${nameOf(metric ?? '')}Absent`]: absent.slice(0, 100) }, required }];
  if (raw === undefined && !required && (metric === undefined || isNothing(at(measured.item, metric)))) return [];
  return [{ observation: readQuantity(rule, type, measured, annotation, raw) }];
};
