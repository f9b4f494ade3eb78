import { expect, test } from '@jest/globals';
import { cellOf, chooseByDay, type SourceCells } from '../../src/device-manager/domain/chart.ts';

const hourMs = 3_600_000;
const start = Date.UTC(2024, 2, 1);

/** Amounts of a source by the hour since the first of March. */
const told = (source: string, amounts: Readonly<Record<number, number>>): SourceCells =>
  ({ source, cells: Object.entries(amounts).map(([hour, amount]) => cellOf(start + Number(hour) * hourMs, amount)) });

const night = 2;
const nextNight = 26;

test.each<[situation: string, lines: SourceCells[][], drawn: [source: string, amounts: number[]][][]]>([
  ['all stages of a night from the one that saw most of it', [
    [told('app', { [night]: 90 }), told('watch', { [night]: 60 })],
    [told('app', { [night]: 80 }), told('watch', { [night]: 100 })],
    [told('app', { [night]: 250 }), told('watch', { [night]: 300 })],
  ], [[['watch', [60]]], [['watch', [100]]], [['watch', [300]]]]],
  ['each night by itself', [
    [told('app', { [night]: 90, [nextNight]: 10 }), told('watch', { [night]: 60, [nextNight]: 60 })],
    [told('app', { [night]: 300, [nextNight]: 20 }), told('watch', { [night]: 200, [nextNight]: 200 })],
  ], [[['watch', [60]], ['app', [90]]], [['watch', [200]], ['app', [300]]]]],
  ['time in bed from the phone, and stages from the watch that alone knows them', [
    [told('phone', { [night]: 500 })],
    [told('watch', { [night]: 60 })],
    [told('watch', { [night]: 300 })],
  ], [[['phone', [500]]], [['watch', [60]]], [['watch', [300]]]]],
  ['a stage that the one with most does not know from the next one', [
    [told('phone', { [night]: 600 }), told('watch', { [night]: 480 })],
    [told('watch', { [night]: 60 }), told('ring', { [night]: 90 })],
  ], [[['phone', [600]]], [['watch', [60]]]]],
  ['nothing of no line', [], []],
  ['nothing of a line without sources', [[]], [[]]],
  ['a day of nothing but zeros from one', [[told('phone', { [night]: 0 }), told('watch', { [night]: 0 })]], [[['phone', [0]]]]],
])('takes %s', (_situation, lines, drawn) => {
  const byDay = chooseByDay(lines, 'UTC');
  expect(lines.map((sources) => byDay(sources).map(({ source, cells }) => [source, cells.map(({ sum }) => sum)]))).toEqual(drawn);
});

test('the order in which sources come makes no difference', () => {
  const sources = [told('phone', { [night]: 5, [nextNight]: 5 }), told('watch', { [night]: 5, [nextNight]: 5 }), told('ring', { [nextNight]: 7 })];
  const expected = chooseByDay([sources], 'UTC')(sources);
  for (const other of [sources.toReversed(), [...sources.slice(1), ...sources.slice(0, 1)]]) expect(chooseByDay([other], 'UTC')(other)).toEqual(expected);
});
