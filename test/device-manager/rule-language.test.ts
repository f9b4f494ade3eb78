import { expect, test } from '@jest/globals';
import { compileRules, normalize } from '../../src/device-manager/domain/normalization.ts';
import type { HealthDataType } from '../../src/device-manager/domain/rule.ts';

const at = '2024-01-01T00:00:00.000Z';
/** What a rule with these members makes of an item that is declared in kilograms. */
const made = (item: object, members: Pick<HealthDataType, 'observations' | 'metrics'>) =>
  normalize(compileRules([{ identifier: 'r', version: 1, providerId: 'medisante', dataTypes: ['R'], normalizedDataType: 'r', ...members }]), { providerId: 'medisante', dataType: 'R', item, unit: 'kg', start: at, end: at });

const weight = { targets: [{ code: '29463-7', name: 'Body weight', unit: 'kg', unitCode: 'kg' }] };
const meal = (isRequired: boolean) => ({ event: '/meal', required: isRequired, events: { before: { code: 'urn:example:before-meal', name: 'Before a meal' } } });

test.each<[situation: string, item: object, isRequired: boolean, expected: object]>([
  ['is there', { meal: 'before' }, false, { record: { observations: [{ value: 70 }, { name: 'Before a meal' }] } }],
  ['is not there', {}, false, { record: { observations: [{ value: 70 }] } }],
  ['is null', { meal: null }, false, { record: { observations: [{ value: 70 }] } }],
  ['is not there, but required', {}, true, { reason: 'value-missing' }],
  ['is null, but required', { meal: null }, true, { reason: 'value-missing' }],
  ['is one that nobody knows', { meal: 'brunch' }, false, { reason: 'event-unknown' }],
])('a value beside an event that %s', (_situation, item, isRequired, expected) => {
  expect(made({ weight: 70, ...item }, { observations: [{ value: '/weight', ...weight }, meal(isRequired)] })).toMatchObject(expected);
});

test.each<[string, object]>([['not there', {}], ['null', { meal: null }]])('a rule that is one event alone makes nothing where that is %s', (_situation, item) => {
  expect(made(item, { observations: [meal(false)] })).toEqual({ reason: 'value-missing' });
});

test('an event of the empty name is what is meant where none is stated', () => {
  const { events, ...rest } = meal(false);
  expect(made({}, { observations: [{ ...rest, events: { ...events, '': { code: 'urn:example:meal', name: 'Meal' } } }] })).toMatchObject({ record: { observations: [{ name: 'Meal' }] } });
});

test.each<[situation: string, metrics: string, observation: object, item: object, unrecognized: readonly string[] | undefined]>([
  ['deeper than one member', '/a/m', { metric: '/a/m/w' }, { a: { m: { w: { value: 70, unit: 'kg' }, x: 1 } } }, ['x']],
  ['under a name that a pointer writes otherwise', '/m', { metric: '/m/a~1b~0' }, { m: { 'a/b~': { value: 70, unit: 'kg' } } }, undefined],
  ['as a value without a unit of its own', '/m', { value: '/m/w' }, { m: { w: 70 } }, undefined],
  ['inside of a metric', '/m', { metric: '/m/w/net' }, { m: { w: { net: { value: 70, unit: 'kg' } } } }, undefined],
  ['elsewhere, under the name of one', '/m', { metric: '/other/w' }, { other: { w: { value: 70, unit: 'kg' } }, m: { w: 1 } }, ['w']],
])('of metrics what a rule reads %s is recognized', (_situation, metrics, observation, item, unrecognized) => {
  const outcome = made(item, { metrics, observations: [{ ...observation, ...weight }] });
  expect('record' in outcome && [outcome.record.observations.map(({ value }) => value), outcome.record.unrecognized, outcome.remark]).toEqual([[70], unrecognized, unrecognized && 'metric-unknown']);
});
