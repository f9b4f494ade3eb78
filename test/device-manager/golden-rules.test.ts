import { describe, expect, test } from '@jest/globals';
import { builtInTypes } from '../../src/device-manager/catalogue/built-in-types.ts';
import { compileRules, normalize } from '../../src/device-manager/domain/normalization.ts';
import type { HealthDataType } from '../../src/device-manager/domain/rule.ts';
import golden from '../fixtures/golden-rules.json' with { type: 'json' };

interface Golden {
  readonly rule: string;
  readonly unit?: string;
  readonly item: unknown;
  readonly record: unknown;
}

const byRule = Map.groupBy(golden as readonly Golden[], ({ rule }) => rule);
const at = '2024-01-01T00:00:00.000Z';

const recordsOf = (type: HealthDataType): unknown[] => {
  const rules = compileRules([type]);
  return (byRule.get(type.identifier) ?? []).map(({ item, unit }) => {
    const outcome = normalize(rules, { providerId: type.providerId, dataType: type.dataTypes[0], item, unit, start: at, end: at });
    return 'reason' in outcome ? { reason: outcome.reason } : outcome.record;
  });
};

/** What a slip of the hand would change: each code, unit, factor, pointer and flag that makes a value what it is. */
const decisive = new Set(['code', 'unit', 'unitCode', 'sameAs', 'name', 'value', 'metric', 'event', 'fraction', 'required', 'unless']);
const inMaps = new Set(['dividedBy', 'units']);

const mutated = (value: unknown, key: string): unknown => {
  if (typeof value === 'number') return value * 1.001;
  if (typeof value === 'boolean') return !value;
  return key === 'unitCode' || key === 'units' ? (value === '/min' ? '/s' : '/min') : `${String(value)}x`;
};

/** Every rule that differs from this one by one slip, and what it was. */
function* slipsIn(node: unknown, place: string, within: string): Generator<[place: string, change: (root: unknown) => unknown]> {
  if (typeof node !== 'object' || node === null) return;
  for (const [key, child] of Object.entries(node)) {
    const here = `${place}/${key}`;
    const replaced = (make: (inner: unknown) => unknown) => (root: unknown) =>
      Array.isArray(root) ? root.map((one: unknown, index) => (String(index) === key ? make(one) : one)) : { ...(root as object), [key]: make((root as Record<string, unknown>)[key]) };
    if (typeof child === 'object') {
      for (const [inner, change] of slipsIn(child, here, Array.isArray(node) ? within : key)) yield [inner, replaced(change)];
    } else if (inMaps.has(within) || decisive.has(key)) yield [here, replaced((value) => mutated(value, inMaps.has(within) ? within : key))];
  }
}

const stays = (type: HealthDataType, expected: unknown): boolean => {
  try {
    return JSON.stringify(recordsOf(type)) === expected;
  } catch {
    return false; // a rule that cannot be compiled is seen at once
  }
};

/** What quantities become, with the rule that makes it. */
const targets = builtInTypes.flatMap(({ identifier, providerId, observations }) =>
  observations.flatMap((rule) => ('targets' in rule ? rule.targets : []).map((target) => ({ identifier, providerId, ...target }))));

describe('what built-in rules say of the series they make', () => {
  const addsUp = ({ cumulative = false }: { cumulative?: boolean }) => cumulative;

  test('a series adds up in every rule that makes it, or in none', () => {
    const bySeries = Map.groupBy(targets, ({ code, unitCode }) => `${code}|${unitCode}`);
    expect([...bySeries].filter(([, group]) => group.some(addsUp) && !group.every(addsUp)).map(([series]) => series)).toEqual([]);
  });

  test('of an activity all adds up that is counted while it lasts, and no total of a day', () => {
    const ofMedisante = targets.filter(({ providerId }) => providerId === 'medisante');
    expect([...new Set(ofMedisante.filter(addsUp).map(({ name }) => name))].sort()).toEqual(['Active time', 'Calories burned', 'Distance', 'Number of steps in unspecified time Pedometer']);
    expect(ofMedisante.filter(({ code }) => code === '41950-7').some(addsUp)).toBe(false);
  });

  test('no two quantities of HealthKit have the same name', () => {
    const ofApple = targets.filter(({ code }) => code.startsWith('http://developer.apple.com/'));
    const byName = Map.groupBy(ofApple, ({ name }) => name);
    expect([...byName].filter(([, group]) => new Set(group.map(({ code }) => code)).size > 1).map(([name]) => name)).toEqual([]);
  });
});

describe('the golden records of built-in rules', () => {
  test('are there for each rule, and for no other', () => {
    const withValues = builtInTypes.filter(({ observations }) => observations.length > 0);
    expect([...byRule.keys()].toSorted()).toEqual(withValues.map(({ identifier }) => identifier).toSorted());
  });

  test.each(builtInTypes.map((type) => [type.identifier, type] as const))('%s makes of its samples what it always made', (identifier, type) => {
    expect(recordsOf(type)).toEqual((byRule.get(identifier) ?? []).map(({ record }) => record));
  });

  test.each(builtInTypes.map((type) => [type.identifier, type] as const))('no slip in %s goes unseen', (identifier, type) => {
    const expected = JSON.stringify((byRule.get(identifier) ?? []).map(({ record }) => record));
    const slips = [...slipsIn(type.observations, '', '')];
    expect(slips.length).toBeGreaterThanOrEqual(4 * type.observations.length);
    const unseen = slips.filter(([, change]) => stays({ ...type, observations: change(type.observations) as HealthDataType['observations'] }, expected)).map(([place]) => place);
    // That a value is required shows in samples that lack it, which the table of measurements has.
    expect(unseen.filter((place) => !place.endsWith('/required'))).toEqual([]);
  });
});
