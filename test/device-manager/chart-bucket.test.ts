import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bucketsOf, durationOf, hourMs, partsHour, widthFor, type Cell } from '../../src/device-manager/domain/chart-bucket.ts';
import '../setup/seed.ts';

const cell = (at: string, y: number): Cell => ({ x: Date.parse(at), count: 1, min: y, max: y, sum: y });
const dayMs = 24 * hourMs;

describe('buckets of a chart', () => {
  test.each([
    ['an hour in 500 points', hourMs, 500, 'PT10S'],
    ['a day in 500 points', dayMs, 500, 'PT5M'],
    ['a month in 500 points', 31 * dayMs, 500, 'PT2H'],
    ['a year in 500 points', 366 * dayMs, 500, 'P1D'],
    ['a year in 14 points', 364 * dayMs, 14, 'P28D'],
    ['fifty years in 2 points', 50 * 365 * dayMs, 2, 'P364D'],
    ['no time at all', 0, 500, 'PT1S'],
  ])('%s last as people expect', (_situation, span, points, expected) => {
    expect(durationOf(widthFor(span, points))).toBe(expected);
  });

  test('of a span there are never more than were asked for', () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 5000 }), fc.integer({ min: 1, max: 3 * 365 * dayMs }), fc.integer({ min: 0, max: dayMs }), (points, span, start) => {
      const widthMs = widthFor(span, points);
      fc.pre(widthMs < 364 * dayMs);
      const first = Math.floor(start / widthMs);
      expect(Math.floor((start + span) / widthMs) - first + 1).toBeLessThanOrEqual(points);
    }));
  });

  test('mean, least, most and count of what fell into each; no bucket where there was nothing', () => {
    const cells = [cell('2024-07-01T10:01:00Z', 60), cell('2024-07-01T10:04:00Z', 90), cell('2024-07-01T12:00:00Z', 70)];
    expect(bucketsOf(cells, { widthMs: hourMs, timeZone: 'UTC', sums: false })).toEqual([
      { x: Date.parse('2024-07-01T10:00:00Z'), y: 75, min: 60, max: 90, count: 2 },
      { x: Date.parse('2024-07-01T12:00:00Z'), y: 70, min: 70, max: 70, count: 1 },
    ]);
  });

  test('what adds up is added up', () => {
    expect(bucketsOf([cell('2024-07-01T10:01:00Z', 60), cell('2024-07-01T10:04:00Z', 90)], { widthMs: hourMs, timeZone: 'UTC', sums: true })).toMatchObject([{ y: 150, min: 60, max: 90, count: 2 }]);
  });

  test.each<[situation: string, values: readonly number[], sums: boolean, expected: number]>([
    ['added up', [1e308, 1e308], true, Number.MAX_VALUE],
    ['added up below zero', [-1e308, -1e308, -1e308], true, -Number.MAX_VALUE],
    ['of which the mean is drawn', [1e308, 1e308], false, Number.MAX_VALUE / 2],
  ])('values beyond what a number holds, %s, are a number still', (_situation, values, sums, expected) => {
    const [bucket] = bucketsOf(values.map((value) => cell('2024-07-01T10:01:00Z', value)), { widthMs: hourMs, timeZone: 'UTC', sums });
    expect(bucket?.y).toBe(expected);
  });

  test.each([
    ['UTC', ['2024-10-26T00:00:00.000Z', '2024-10-27T00:00:00.000Z', '2024-10-28T00:00:00.000Z']],
    ['Europe/Rome', ['2024-10-25T22:00:00.000Z', '2024-10-26T22:00:00.000Z', '2024-10-27T23:00:00.000Z']],
    ['America/New_York', ['2024-10-26T04:00:00.000Z', '2024-10-27T04:00:00.000Z', '2024-10-28T04:00:00.000Z']],
    ['Asia/Kolkata', ['2024-10-25T18:30:00.000Z', '2024-10-26T18:30:00.000Z', '2024-10-27T18:30:00.000Z']],
  ])('days begin at midnight of %s, also when its clock changes', (timeZone, starts) => {
    const cells = ['2024-10-26T12:00:00Z', '2024-10-27T00:30:00Z', '2024-10-27T12:00:00Z', '2024-10-28T12:00:00Z'].map((at) => cell(at, 1));
    expect([...new Set(bucketsOf(cells, { widthMs: dayMs, timeZone, sums: false }).map(({ x }) => new Date(x).toISOString()))].filter((start) => starts.includes(start))).toEqual(starts);
  });

  test.each<[situation: string, widthMs: number, timeZone: string, first: string, starts: string[]]>([
    ['a day of 25 hours where midnight comes twice', dayMs, 'Atlantic/Azores', '2024-10-26T12:00:00Z', ['2024-10-26T00:00:00.000Z', '2024-10-27T00:00:00.000Z', '2024-10-28T01:00:00.000Z']],
    ['a day of 25 hours of which the first comes twice', dayMs, 'America/Havana', '2024-11-02T12:00:00Z', ['2024-11-02T04:00:00.000Z', '2024-11-03T04:00:00.000Z', '2024-11-04T05:00:00.000Z']],
    ['a day whose midnight is skipped', dayMs, 'Africa/Cairo', '2024-04-25T12:00:00Z', ['2024-04-24T22:00:00.000Z', '2024-04-25T22:00:00.000Z', '2024-04-26T21:00:00.000Z']],
    ['two hours of which one comes twice', 2 * hourMs, 'Europe/Rome', '2024-10-26T23:00:00Z', ['2024-10-26T22:00:00.000Z', '2024-10-27T00:00:00.000Z', '2024-10-27T03:00:00.000Z']],
    ['two hours of which one is skipped', 2 * hourMs, 'Europe/Rome', '2024-03-30T23:00:00Z', ['2024-03-30T23:00:00.000Z', '2024-03-31T01:00:00.000Z', '2024-03-31T02:00:00.000Z']],
    ['six hours in which a clock is put back', 6 * hourMs, 'Europe/Rome', '2024-10-26T22:00:00Z', ['2024-10-26T22:00:00.000Z', '2024-10-27T05:00:00.000Z']],
  ])('one label of a clock is one bucket: %s', (_situation, widthMs, timeZone, first, starts) => {
    const count = widthMs >= dayMs ? 48 : 10;
    const cells = Array.from({ length: count }, (_, hour) => cell(new Date(Date.parse(first) + hour * hourMs).toISOString(), 1));
    expect(bucketsOf(cells, { widthMs, timeZone, sums: true }).map(({ x }) => new Date(x).toISOString()).slice(0, starts.length)).toEqual(starts);
  });

  test.each<[string, number, string, string[]]>([
    ['a day in Kolkata', dayMs, 'Asia/Kolkata', ['18']],
    ['half a day in Kathmandu, a quarter off', 12 * hourMs, 'Asia/Kathmandu', ['06', '18']],
    ['six hours in Adelaide', 6 * hourMs, 'Australia/Adelaide', ['02', '08', '14', '20']],
    ['a day in Rome', dayMs, 'Europe/Rome', []],
    ['a day in UTC', dayMs, 'UTC', []],
    ['two weeks in Kolkata, which begin on this day', 14 * dayMs, 'Asia/Kolkata', ['18']],
  ])('hours inside which a bucket begins: %s', (_situation, widthMs, timeZone, expected) => {
    const isParted = partsHour(widthMs, timeZone);
    const hours = Array.from({ length: 24 }, (_, hour) => Date.UTC(2024, 6, 17) + hour * hourMs);
    expect(hours.filter(isParted).map((x) => new Date(x).toISOString().slice(11, 13))).toEqual(expected);
  });

  test('an hour is parted exactly where its first and its last instant are in two buckets', () => {
    const zone = fc.constantFrom('UTC', 'Europe/Rome', 'Asia/Kolkata', 'Asia/Kathmandu', 'America/St_Johns', 'Australia/Lord_Howe');
    fc.assert(fc.property(fc.integer({ min: Date.UTC(2024, 0, 1) / hourMs, max: Date.UTC(2024, 11, 31) / hourMs }), zone, fc.constantFrom(1, 2, 6, 12, 24, 168), (hour, timeZone, hours) => {
      const x = hour * hourMs;
      const cells = [x, x + hourMs - 1].map((at) => ({ x: at, count: 1, min: 1, max: 1, sum: 1 }));
      expect(partsHour(hours * hourMs, timeZone)(x)).toBe(bucketsOf(cells, { widthMs: hours * hourMs, timeZone, sums: true }).length === 2);
    }));
  });

  test('nothing is lost or doubled, whatever the width and the zone', () => {
    const zone = fc.constantFrom('UTC', 'Europe/Rome', 'Asia/Kolkata', 'Pacific/Kiritimati', 'Australia/Lord_Howe');
    const moments = fc.array(fc.record({ x: fc.integer({ min: Date.UTC(2024, 2, 1), max: Date.UTC(2024, 10, 30) }), y: fc.integer({ min: -50, max: 300 }) }), { minLength: 1, maxLength: 60 });
    fc.assert(fc.property(moments, zone, fc.integer({ min: 2, max: 600 }), (points, timeZone, wanted) => {
      const widthMs = widthFor(300 * dayMs, wanted);
      const buckets = bucketsOf(points.map(({ x, y }) => ({ x, count: 1, min: y, max: y, sum: y })), { widthMs, timeZone, sums: true });
      expect(buckets.reduce((sum, { count }) => sum + count, 0)).toBe(points.length);
      expect(buckets.reduce((sum, { y }) => sum + y, 0)).toBe(points.reduce((sum, { y }) => sum + y, 0));
      expect(buckets.every(({ x }, index) => index === 0 || x > (buckets[index - 1]?.x ?? x))).toBe(true);
    }));
  });
});
