import { isUcum } from '../../measurement/quantity.ts';
import { ucumOf } from '../../measurement/unit-spelling.ts';
import { normalize, compileRules, ruleKey } from './normalization.ts';
import type { HealthDataType, ObservationRule, QuantityRule, Target } from './rule.ts';

/** Why a rule cannot work; `pointer` is a JSON pointer into the rule. */
export interface RuleFault {
  readonly pointer: string;
  readonly code: 'arity' | 'unit-unknown' | 'range' | 'code-invalid' | 'nothing' | 'uniqueItems' | 'example-fails';
  readonly message: string;
}

const fault = (pointer: string, code: RuleFault['code'], message: string): RuleFault => ({ pointer, code, message });
const unknownUnit = (pointer: string): RuleFault => fault(pointer, 'unit-unknown', 'Use a unit of UCUM.');

/** The check digit of a LOINC code is that of Luhn (LOINC Users' Guide, appendix C). */
const hasCheckDigit = (code: string): boolean => {
  const digits = Array.from(code.replace('-', ''), Number).reverse();
  const sum = digits.reduce((total, digit, position) => total + (position % 2 === 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0)), 0);
  return sum % 10 === 0;
};

const codeFaults = (code: string, pointer: string): RuleFault[] =>
  /^\d+-\d$/.test(code) && !hasCheckDigit(code) ? [fault(pointer, 'code-invalid', 'No LOINC code has this check digit.')] : [];

const ranges = ['plausible', 'plausibleIfAssumed'] as const;

const rangeFaults = (target: Target, pointer: string): RuleFault[] =>
  ranges.flatMap((name) => {
    const [low, high] = target[name] ?? [0, 1];
    return low >= high ? [fault(`${pointer}/${name}`, 'range', 'Put the lower value first.')] : [];
  });

const targetFaults = (target: Target, pointer: string): RuleFault[] => [
  ...codeFaults(target.code, `${pointer}/code`),
  ...(isUcum(target.unitCode) ? [] : [unknownUnit(`${pointer}/unitCode`)]),
  ...rangeFaults(target, pointer),
  ...Object.keys(target.dividedBy ?? {}).filter((unit) => !isUcum(unit)).map(() => unknownUnit(`${pointer}/dividedBy`)),
];

const quantityFaults = ({ metric, units = {}, targets = [] }: Partial<QuantityRule>, pointer: string): RuleFault[] => [
  ...(targets.length === 0 ? [fault(`${pointer}/targets`, 'arity', 'Say what the value may become.')] : []),
  ...Object.values(units).filter((unit) => !isUcum(unit)).map(() => unknownUnit(`${pointer}/units`)),
  ...targets.flatMap((target, index) => targetFaults(target, `${pointer}/targets/${String(index)}`)),
  ...targets.flatMap(({ plausibleIfAssumed }, index) => (metric === undefined || plausibleIfAssumed === undefined ? [] : [fault(`${pointer}/targets/${String(index)}/plausibleIfAssumed`, 'range', 'Leave it out: no unit of a metric is assumed.')])),
];

const observationFaults = (rule: ObservationRule, pointer: string): RuleFault[] => {
  if (['value', 'metric', 'event'].filter((name) => name in rule).length !== 1) return [fault(pointer, 'arity', 'Name one of value, metric and event.')];
  if (!('event' in rule)) return quantityFaults(rule, pointer);
  const { events = {} } = rule as Partial<typeof rule>;
  if (Object.keys(events).length === 0) return [fault(`${pointer}/events`, 'arity', 'Name the events and their codes.')];
  return Object.values(events).flatMap(({ code }) => codeFaults(code, `${pointer}/events`));
};

const ascendingFaults = ({ ascending = [], observations }: HealthDataType): RuleFault[] => {
  const codes = new Set(observations.flatMap((rule) => ('event' in rule ? [] : rule.targets.map(({ code }) => code))));
  return ascending.flatMap((pair, index) => (pair.every((code) => codes.has(code)) ? [] : [fault(`/normalizationRules/ascending/${String(index)}`, 'code-invalid', 'Name codes of this rule.')]));
};

/** The schema tells names that are the same text; rules take them whatever their letter case. */
const dataTypeFaults = ({ providerId, dataTypes }: HealthDataType): RuleFault[] =>
  new Set(dataTypes.map((name) => ruleKey(providerId, name))).size === dataTypes.length ? [] : [fault('/dataTypes', 'uniqueItems', 'Name each data type once; letter case and other names do not tell it apart.')];

/** Whether the rule makes a record of a sample of its own; the unit declared for it stands in its member `unit`, spelled as in an upload. */
const exampleFaults = (type: HealthDataType, example: unknown): RuleFault[] => {
  if (typeof example !== 'object' || example === null) return [];
  const unit = 'unit' in example && typeof example.unit === 'string' ? (ucumOf(example.unit) ?? example.unit) : undefined;
  const outcome = normalize(compileRules([type]), { providerId: type.providerId, dataType: type.dataTypes[0], item: example, unit, start: '2024-01-01T00:00:00.000Z', end: '2024-01-01T00:00:00.000Z' });
  return 'reason' in outcome ? [fault('/example', 'example-fails', `The rule makes nothing of the example: ${outcome.reason}.`)] : [];
};

/** Everything for which a rule cannot work, at most 50 faults; none when it can. The example is tried when all else is right. */
export const faultsIn = (type: HealthDataType, example?: unknown): RuleFault[] => {
  const { observations, attachments = [] } = type;
  const faults = [
    ...dataTypeFaults(type),
    ...(observations.length + attachments.length === 0 ? [fault('/normalizationRules/observations', 'nothing', 'Say what becomes of a sample.')] : []),
    ...observations.flatMap((rule, index) => observationFaults(rule, `/normalizationRules/observations/${String(index)}`)),
  ];
  const all = faults.length > 0 ? faults : ascendingFaults(type);
  return (all.length > 0 ? all : exampleFaults(type, example)).slice(0, 50);
};
