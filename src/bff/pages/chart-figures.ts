import type { OwnSample } from '../../../generated/bff.d.ts';
import type { Line } from './chart-lines.ts';
import { dayMs, type Span } from './chart-span.ts';
import { element } from './element.ts';
import { valueText } from './number-words.ts';
import { minuteOf } from './time-words.ts';
import { conversionsOf } from './unit-choice.ts';

const figure = (label: string, value: string, unit: string, note?: string): HTMLElement =>
  element('div', { class: 'figure' }, element('dt', {}, label), element('dd', {}, element('span', { class: 'value' }, value), ' ', element('span', { class: 'unit' }, unit), note !== undefined && element('span', { class: 'note' }, note)));

/** The values of the latest sample, in the units that are shown. */
const latestFigures = (sample: OwnSample | undefined, units: Readonly<Record<string, string>>): HTMLElement[] => {
  const { observations = [] } = sample?.normalizedData ?? {};
  if (observations.length === 0 || sample?.recordedAt === undefined) return [];
  const told = observations.map(({ name, unit, value }) => {
    const conversion = conversionsOf(name, unit).find((one) => one.unit === units[unit]);
    return { text: valueText(conversion ? value * conversion.factor + conversion.offset : value), unit: conversion?.unit ?? unit };
  });
  const unit = told[0]?.unit ?? '';
  const same = told.filter((one) => one.unit === unit);
  return [figure('Latest', same.map(({ text }) => text).join(' / '), unit, minuteOf(sample.recordedAt))];
};

const sum = (line: Line): number => line.points.reduce((total, { y }) => total + y, 0);
const least = (line: Line): number => line.points.reduce((found, { min }) => Math.min(found, min), Infinity);
const most = (line: Line): number => line.points.reduce((found, { max }) => Math.max(found, max), -Infinity);
const mean = (line: Line): number => line.points.reduce((total, { y, count }) => total + y * count, 0) / line.points.reduce((total, { count }) => total + count, 0);

const spanFigures = (line: Line, { from, to }: Span): HTMLElement[] => {
  if (line.points.length === 0) return [];
  if (line.isSum) return [figure('Total', valueText(sum(line)), line.unit), figure('Mean a day', valueText(sum(line) / Math.max(1, Math.round((to - from) / dayMs))), line.unit)];
  return [figure('Mean', valueText(mean(line)), line.unit), figure('Lowest', valueText(least(line)), line.unit), figure('Highest', valueText(most(line)), line.unit)];
};

/** What the lines come to in a span, and the latest value of all. */
export const figuresOf = (lines: readonly Line[], latest: OwnSample | undefined, span: Span, units: Readonly<Record<string, string>>): HTMLElement => {
  const [only, ...more] = lines;
  const ofLines = only !== undefined && more.length === 0
    ? spanFigures(only, span)
    : lines.filter(({ points }) => points.length > 0).map((line) => figure(line.name, line.isSum ? valueText(sum(line)) : `${valueText(least(line))}–${valueText(most(line))}`, line.unit, line.isSum ? undefined : `mean ${valueText(mean(line))}`));
  return element('dl', { class: 'figures' }, ...latestFigures(latest, units), ...ofLines);
};
