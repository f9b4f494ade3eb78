import type { NormalizedData, Observation } from '../../measurement/coding.ts';
import { loincUrl } from '../../measurement/coding.ts';
import { parseInstant } from '../../measurement/instant.ts';
import { isUcum } from '../../measurement/quantity.ts';
import { attachmentsOf } from './attaching.ts';
import { observe, Unfit, type Measured, type Notes, type Reason } from './observing.ts';
import { at, membersOf, tokensOf, type HealthDataType } from './rule.ts';

export interface Normalized {
  readonly ruleId: string;
  readonly ruleVersion: number;
  readonly normalizedDataType: string;
  /** What was left out although the sample is normalized. */
  readonly remark?: 'metric-unknown';
  readonly record: NormalizedData;
}

/** Rules by provider and data type. */
export type Rules = ReadonlyMap<string, HealthDataType>;

/** What rules are found by: provider and data type, whatever its letter case. */
export const ruleKey = (providerId: string, dataType: string): string => `${providerId}/${dataType.toLowerCase()}`;

/** Makes rules ready for use. Throws naming the rule when a unit is not UCUM or two rules want the same samples. */
export const compileRules = (types: readonly HealthDataType[]): Rules => {
  const rules = new Map<string, HealthDataType>();
  for (const type of types) {
    for (const { unitCode } of type.observations.flatMap((rule) => ('event' in rule ? [] : rule.targets))) {
      if (!isUcum(unitCode)) throw new Error(`The rule ${type.identifier} has the unit ${unitCode}, which is not UCUM.`);
    }
    for (const dataType of type.dataTypes) {
      const name = ruleKey(type.providerId, dataType);
      if (rules.has(name)) throw new Error(`The rules ${rules.get(name)?.identifier ?? ''} and ${type.identifier} both want ${name}.`);
      rules.set(name, type);
    }
  }
  return rules;
};

const short = (value: unknown): string | undefined => (['string', 'number', 'boolean'].includes(typeof value) ? String(value).slice(0, 500) : undefined);

const noNotes: Notes = {};

const annotationsOf = (type: HealthDataType, item: unknown): Notes => {
  if (type.annotations === undefined) return noNotes;
  const found: Record<string, string> = {};
  for (const [name, pointer] of Object.entries(type.annotations)) {
    const value = at(item, pointer);
    const all = typeof value === 'object' && value !== null ? Object.entries(value) : [[name, value] as const];
    for (const [one, given] of all.slice(0, 30)) {
      const text = short(given);
      if (text !== undefined) found[one.slice(0, 100)] = text;
    }
  }
  return found;
};

const firstSoundClock = '2000-01-01T00:00:00.000Z';
const clockToleranceMs = 10 * 60 * 1000;

/** A clock that was never set, or one that is ahead of the sender's; then the instant of receipt stands beside the values. */
const clockNotes = ({ receivedTime }: HealthDataType, { item, start }: Measured): Notes => {
  if (receivedTime === undefined) return start >= firstSoundClock ? {} : { clockSuspect: 'true' };
  const text = at(item, receivedTime);
  const received = typeof text === 'string' || typeof text === 'number' ? parseInstant(text) : undefined;
  if (start >= firstSoundClock && !(typeof received === 'object' && Date.parse(start) > received.epochMs + clockToleranceMs)) return {};
  return { clockSuspect: 'true', ...(typeof received === 'object' && { receivedTime: received.iso }) };
};

/** Names of metrics that no rule reads. */
const unrecognizedIn = (type: HealthDataType, item: unknown): string[] => {
  if (type.metrics === undefined) return [];
  const place = tokensOf(type.metrics);
  const read = [...type.observations.map((rule) => ('event' in rule ? rule.event : (rule.value ?? rule.metric ?? ''))), ...(type.attachments ?? []).map(({ value }) => value)];
  const readThere = read.map(tokensOf).filter((tokens) => place.every((token, index) => tokens[index] === token)).flatMap((tokens) => tokens.slice(place.length, place.length + 1));
  const known = new Set([...(type.notMetrics ?? []), ...readThere]);
  return Object.keys(membersOf(at(item, type.metrics))).filter((name) => !known.has(name)).map((name) => name.slice(0, 100)).slice(0, 50);
};

/** Codes of values that stand the wrong way round: a systolic pressure below its diastolic. */
const contradictory = ({ ascending = [] }: HealthDataType, observations: readonly Observation[]): Set<string> => {
  const valueOf = new Map(observations.map(({ code, value }) => [code, value]));
  const pairs = ascending.map(([low, high]) => [loincUrl(low), loincUrl(high)] as const);
  return new Set(pairs.filter(([low, high]) => (valueOf.get(low) ?? Number.NEGATIVE_INFINITY) > (valueOf.get(high) ?? Number.POSITIVE_INFINITY)).flat());
};

const recordOf = (type: HealthDataType, measured: Measured): NormalizedData => {
  const { item, start, end } = measured;
  const annotation = { ...annotationsOf(type, item), ...clockNotes(type, measured) };
  const found = type.observations.flatMap((rule) => observe(rule, type, measured, annotation));
  const attachments = type.attachments === undefined ? [] : attachmentsOf(type.attachments, measured);
  const observations = found.flatMap((one) => ('observation' in one ? [one.observation] : []));
  const absent = found.flatMap((one) => ('absent' in one ? [one] : []));
  if (observations.length === 0 && attachments.length === 0) throw new Unfit(absent.length > 0 ? 'value-absent' : 'value-missing');
  const period = { startDate: start, ...(end !== start && { endDate: end }) };
  const isPlain = observations.length === found.length && type.ascending === undefined && type.metrics === undefined && attachments.length === 0;
  if (isPlain) return { period, observations };
  const twisted = contradictory(type, observations);
  const missing: Notes = { ...Object.fromEntries(absent.flatMap((one) => Object.entries(one.absent))), ...(absent.some(({ required }) => required) && { incomplete: 'true' }) };
  const unrecognized = [...unrecognizedIn(type, item), ...found.flatMap((one) => ('unrecognized' in one ? [one.unrecognized] : []))].slice(0, 50);
  const finished = observations.map((one) => {
    const notes = { ...one.annotation, ...missing, ...(twisted.has(one.code) && { contradictory: 'true' }) };
    return Object.keys(notes).length > 0 ? { ...one, annotation: notes } : one;
  });
  return {
    period, observations: finished,
    ...(attachments.length > 0 && { attachments }), ...(unrecognized.length > 0 && { unrecognized }),
  };
};

/** Whether a rule reads samples of a type. */
export const hasRule = (rules: Rules, providerId: string, dataType: string): boolean => rules.has(ruleKey(providerId, dataType));

/**
 * Applies the rule for a sample: LOINC codes, values in UCUM units, unrounded. An implausible value is flagged, an unknown unit is
 * never guessed, an unknown metric is named. Answers the reason when no rule fits or the sample does not fit its rule.
 */
export const normalize = (rules: Rules, measured: Measured): Normalized | { readonly reason: Reason } => {
  if (measured.dataType === undefined) return { reason: 'type-unknown' };
  const type = rules.get(ruleKey(measured.providerId, measured.dataType));
  if (!type) return { reason: 'no-rule' };
  try {
    const record = recordOf(type, measured);
    return { ruleId: type.identifier, ruleVersion: type.version, normalizedDataType: type.normalizedDataType, ...(record.unrecognized && { remark: 'metric-unknown' as const }), record };
  } catch (error) {
    if (error instanceof Unfit) return { reason: error.reason };
    throw error;
  }
};
