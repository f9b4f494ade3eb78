import { describe, expect, test } from '@jest/globals';
import catalogue from '../../src/device-manager/catalogue/health-data-types.json' with { type: 'json' };
import { asksFor, endOf } from '../../src/device-manager/domain/plan.ts';
import { prototypesOf } from '../../src/device-manager/domain/prototype.ts';
import type { HealthDataType } from '../../src/device-manager/domain/rule.ts';
import { chartOfDetections, foundAmong, waitAfter, type Detection } from '../../src/device-manager/domain/submission.ts';

const at = Date.parse('2024-07-01T12:00:00Z');
const observedAt = new Date(at);
const value = (pulse: number) => ({ period: { startDate: observedAt.toISOString() }, observations: [{ code: 'https://loinc.org/8867-4', name: 'Heart rate', unit: 'bpm', unitCode: '/min', value: pulse }] });
const detection = (key: string, pulse: number): Detection => ({ key, planId: 'p', patientId: 'x', deviceId: 'watch', observedAt, value: value(pulse) });
const written = (detectionId: string, pulse: number, deviceId = 'watch') => ({ detectionId, deviceId, observedAt: at, value: value(pulse) });

describe('what was written is recognized', () => {
  test.each<[string, Detection[], ReturnType<typeof written>[], [string, string][]]>([
    ['by instant, device and value', [detection('a', 71)], [written('1', 72), written('2', 71)], [['a', '2']]],
    ['but not of another device', [detection('a', 71)], [written('1', 71, 'cuff')], []],
    ['each one once, where two say the same', [detection('a', 71), detection('b', 71)], [written('1', 71)], [['a', '1']]],
    ['both, where both are there', [detection('a', 71), detection('b', 71)], [written('1', 71), written('2', 71)], [['a', '1'], ['b', '2']]],
  ])('%s', (_situation, sent, there, found) => {
    expect([...foundAmong(sent, there)]).toEqual(found);
  });

  test('whatever the order of members', () => {
    const { period, observations } = value(71);
    expect(foundAmong([detection('a', 71)], [{ ...written('1', 71), value: { observations, period } }]).get('a')).toBe('1');
  });
});

test.each([[1, 100], [2, 200], [4, 800], [40, 5000], [5000, 5000]])('after %d failures the wait is about %d ms', (failures, wait) => {
  const pace = { firstWaitMs: 100, longestWaitMs: 5000, mostFailures: 3 };
  expect([waitAfter(pace, failures, 0), waitAfter(pace, failures, 0.5), waitAfter(pace, failures, 1)]).toEqual([wait * 0.75, wait, wait * 1.25]);
});

test.each([
  ['2024-07-01', true], ['2024-06-30', false], ['2024-07-01T11:59:59Z', false], [null, true], [undefined, true], ['never', false],
  ['9999-12-31', true], ['2025-02-30', false], ['2025-02-30T00:00:00Z', false], ['2024-07-01T12:00:00', true], ['2024-07-01T11:59:59', false],
])('a plan that ends at %p asks for noon of 1 July: %p', (end, asks) => {
  expect(asksFor({ planId: 'p', start: 0, end: endOf(end), devices: [] }, { deviceId: 'watch', observedAt: at })).toBe(asks);
});

test('every normalized type of the catalogue is one prototype, named and labelled', () => {
  const types = catalogue as unknown as readonly HealthDataType[];
  const prototypes = prototypesOf(types);
  expect(prototypes.map(({ identifier }) => identifier)).toEqual([...new Set(types.map(({ normalizedDataType }) => normalizedDataType))].toSorted());
  expect(prototypes.find(({ identifier }) => identifier === 'blood-pressure')).toMatchObject({ type: 'measurement', name: 'Blood pressure', labels: { observations: expect.stringContaining('Systolic blood pressure') } });
});

test('a detection of another shape has no points', () => {
  const shapes = [null, 'text', {}, { observations: 'none' }, { observations: [null, { value: '71' }, { value: 71 }] }];
  expect(chartOfDetections(shapes.map((one, index) => ({ ...written(String(index), 71), value: one })))).toEqual([]);
});
