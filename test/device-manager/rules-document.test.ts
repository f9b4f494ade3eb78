import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { compileRules, normalize } from '../../src/device-manager/domain/normalization.ts';
import { faultsIn } from '../../src/device-manager/domain/rule-fault.ts';
import type { HealthDataType } from '../../src/device-manager/domain/rule.ts';

type WireRule = Omit<HealthDataType, 'version' | 'observations'> & { readonly normalizationRules: Pick<HealthDataType, 'observations'> };

const text = readFileSync(new URL('../../docs/rules.md', import.meta.url), 'utf8');
const blocks = (kind: string): unknown[] => [...text.matchAll(new RegExp(`\`\`\`json ${kind}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, json = '']) => JSON.parse(json) as unknown);
const [rules, samples, expected] = [blocks('rule') as WireRule[], blocks('sample') as { unit?: string }[], blocks('observations') as { value: number }[][]];

describe('docs/rules.md', () => {
  test('has a sample and its observations for each rule', () => {
    expect([rules.length, samples.length, expected.length]).toEqual([3, 3, 3]);
  });

  test.each(rules.map((rule, index) => [rule.identifier, rule, index] as const))('%s makes of its sample what the page says', (_identifier, { normalizationRules, ...rest }, index) => {
    const type: HealthDataType = { ...rest, version: 1, ...normalizationRules };
    expect(faultsIn(type)).toEqual([]);
    const outcome = normalize(compileRules([type]), { providerId: type.providerId, dataType: type.dataTypes[0], item: samples[index], unit: samples[index]?.unit, start: '2024-01-01T00:00:00.000Z', end: '2024-01-01T00:00:00.000Z' });
    const observations = 'record' in outcome ? outcome.record.observations : [];
    expect(observations).toEqual((expected[index] ?? []).map((one) => ({ ...one, value: expect.closeTo(one.value, 4) })));
  });

  test.each<[situation: string, meal: object, isRequired: boolean, expected: object]>([
    ['is not there', {}, false, { record: { observations: [{ name: 'Glucose' }] } }],
    ['is null', { meal: null }, false, { record: { observations: [{ name: 'Glucose' }] } }],
    ['is not there, but required', {}, true, { reason: 'value-missing' }],
    ['is null, but required', { meal: null }, true, { reason: 'value-missing' }],
    ['nobody knows', { meal: 'brunch' }, false, { reason: 'event-unknown' }],
  ])('of a value beside an event that %s', (_situation, meal, isRequired, outcome) => {
    const { normalizationRules, ...rest } = rules.find(({ identifier }) => identifier === 'example-glucose') as WireRule;
    const observations = normalizationRules.observations.map((one) => ('event' in one ? { ...one, required: isRequired } : one));
    const type: HealthDataType = { ...rest, version: 1, observations };
    const item = { glucose: { value: 90, unit: 'mg/dL' }, ...meal };
    expect(normalize(compileRules([type]), { providerId: type.providerId, dataType: type.dataTypes[0], item, start: '2024-01-01T00:00:00.000Z', end: '2024-01-01T00:00:00.000Z' })).toMatchObject(outcome);
  });

  const weight = { targets: [{ code: '29463-7', name: 'Body weight', unit: 'kg', unitCode: 'kg' }] };
  test.each<[situation: string, metrics: string, observations: HealthDataType['observations'], item: object, unrecognized: readonly string[] | undefined]>([
    ['deeper than one member', '/a/m', [{ metric: '/a/m/w', ...weight }], { a: { m: { w: { value: 70, unit: 'kg' }, x: 1 } } }, ['x']],
    ['under a name that a pointer writes otherwise', '/m', [{ metric: '/m/a~1b~0', ...weight }], { m: { 'a/b~': { value: 70, unit: 'kg' } } }, undefined],
    ['as a value without a unit of its own', '/m', [{ value: '/m/w', ...weight }], { m: { w: 70 } }, undefined],
    ['inside of a metric', '/m', [{ metric: '/m/w/net', ...weight }], { m: { w: { net: { value: 70, unit: 'kg' } } } }, undefined],
    ['elsewhere, under the name of one', '/m', [{ metric: '/other/w', ...weight }], { other: { w: { value: 70, unit: 'kg' } }, m: { w: 1 } }, ['w']],
  ])('what a rule reads %s is no metric that nobody knows', (_situation, metrics, observations, item, unrecognized) => {
    const type: HealthDataType = { identifier: 'weight', version: 1, providerId: 'medisante', dataTypes: ['Weight'], normalizedDataType: 'body-weight', metrics, observations };
    const outcome = normalize(compileRules([type]), { providerId: 'medisante', dataType: 'Weight', item, unit: 'kg', start: '2024-01-01T00:00:00.000Z', end: '2024-01-01T00:00:00.000Z' });
    expect('record' in outcome && [outcome.record.observations.map(({ value }) => value), outcome.record.unrecognized, outcome.remark]).toEqual([[70], unrecognized, unrecognized && 'metric-unknown']);
  });

  test('a rule that is one event alone makes nothing where it is not there', () => {
    const type: HealthDataType = { identifier: 'meal', version: 1, providerId: 'medisante', dataTypes: ['Meal'], normalizedDataType: 'meal', observations: [{ event: '/meal', events: { before: { code: 'urn:example:before-meal', name: 'Before a meal' } } }] };
    expect(normalize(compileRules([type]), { providerId: type.providerId, dataType: 'Meal', item: {}, start: '2024-01-01T00:00:00.000Z', end: '2024-01-01T00:00:00.000Z' })).toEqual({ reason: 'value-missing' });
  });
});
