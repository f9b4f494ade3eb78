/**
 * Adds samples and their records to test/fixtures/golden-rules.json for rules that have none there: one sample for each value, each
 * target, each spelling of a unit and each event. What is there is never changed: who changes a rule changes its golden record by hand,
 * or takes it out and reads what is written in its place. Usage: node scripts/golden.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtInTypes } from '../src/device-manager/catalogue/built-in-types.ts';
import { compileRules, normalize } from '../src/device-manager/domain/normalization.ts';
import type { HealthDataType, ObservationRule, QuantityRule, Target } from '../src/device-manager/domain/rule.ts';
import { commensurable } from '../src/measurement/quantity.ts';

interface Golden {
  readonly rule: string;
  readonly unit?: string;
  readonly item: unknown;
  readonly record: unknown;
}

const path = join(import.meta.dirname, '..', 'test', 'fixtures', 'golden-rules.json');
const before = JSON.parse(readFileSync(path, 'utf8')) as Golden[];

/** Units that people write instead, so that each conversion is seen. */
const otherUnits = ['Pa', 'g', '[lb_av]', '[degF]', 'mg/dL', 'umol/L', '/s', 'm', '[in_i]', 'kJ', 'mL/s', 'mL', 'ms', 'h', 'km', '1', 'L/s', 'mmol/L', 'kg', 'cm', 's'];

const put = (item: object, pointer: string, value: unknown): object => {
  const [name = '', ...rest] = pointer.split('/').slice(1);
  const inner = (item as Record<string, unknown>)[name];
  const next = rest.length === 0 ? value : put(typeof inner === 'object' && inner !== null ? inner : {}, `/${rest.join('/')}`, value);
  return { ...item, [name]: next };
};

/** The unit of a target, one it is converted from, and those of another dimension. */
const unitsOf = ({ unitCode, dividedBy = {} }: Target, targets: readonly Target[]): string[] => {
  const isTaken = (unit: string): boolean => targets.some((other) => other.unitCode === unit);
  const other = otherUnits.find((unit) => unit !== unitCode && !isTaken(unit) && !(unit in dividedBy) && commensurable(unit, unitCode));
  return [unitCode, ...(other === undefined ? [] : [other]), ...Object.keys(dividedBy)];
};

const valuesFor = (rule: QuantityRule): { unit: string; value: number }[] => [
  ...rule.targets.flatMap((target) => unitsOf(target, rule.targets)).map((unit) => ({ unit, value: unit === '1' ? 0.5 : 20 })),
  ...Object.keys(rule.units ?? {}).map((unit) => ({ unit, value: 20 })),
  ...(rule.fraction === true ? [{ unit: '%', value: 0.25 }] : []),
];

type Sample = Pick<Golden, 'item' | 'unit'>;

const samplesOf = (rule: ObservationRule): Sample[] => {
  if ('event' in rule) return [...Object.keys(rule.events), 'unheard-of'].map((event) => ({ item: put({}, rule.event, event) }));
  if (rule.metric !== undefined) return valuesFor(rule).map((metric) => ({ item: put({}, rule.metric ?? '', metric) }));
  return valuesFor(rule).map(({ unit, value }) => ({ unit, item: put({}, rule.value ?? '', value) }));
};

const merged = (item: unknown, others: readonly ObservationRule[]): unknown =>
  others.reduce((whole: unknown, other) => {
    const [first] = samplesOf(other);
    return first === undefined ? whole : { ...deepMerge(first.item as object, whole as object) };
  }, item);

const deepMerge = (a: object, b: object): object =>
  Object.fromEntries([...new Set([...Object.keys(a), ...Object.keys(b)])].map((name) => {
    const [x, y] = [(a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]];
    return [name, typeof x === 'object' && x !== null && typeof y === 'object' && y !== null && !('unit' in y) ? deepMerge(x, y) : (y ?? x)];
  }));

const goldenOf = (type: HealthDataType): Golden[] => {
  const rules = compileRules([type]);
  return type.observations.flatMap((rule) => samplesOf(rule).map(({ item, unit }): Golden => {
    const whole = merged(item, type.observations.filter((other) => other !== rule && other.required === true));
    const outcome = normalize(rules, { providerId: type.providerId, dataType: type.dataTypes[0], item: whole, unit, start: '2024-01-01T00:00:00.000Z', end: '2024-01-01T00:00:00.000Z' });
    return { rule: type.identifier, ...(unit !== undefined && { unit }), item: whole, record: 'reason' in outcome ? { reason: outcome.reason } : outcome.record };
  }));
};

const known = new Set(before.map(({ rule }) => rule));
const added = builtInTypes.filter(({ identifier }) => !known.has(identifier)).flatMap(goldenOf);
writeFileSync(path, `[\n${[...before, ...added].map((one) => JSON.stringify(one)).join(',\n')}\n]\n`);
console.log(`${String(added.length)} samples added`);
