import type { Line } from './chart-lines.ts';
import { element } from './element.ts';
import { countText } from './number-words.ts';

const units = [[86_400_000, 'day'], [3_600_000, 'hour'], [60_000, 'minute'], [1000, 'second']] as const;

const lengthText = (ms: number): string => {
  const [length, name] = units.find(([unit]) => ms >= unit) ?? units[3];
  return countText(Math.round(ms / length), name);
};

/** How to read the chart. */
export const notesOf = (lines: readonly Line[]): HTMLElement => {
  const drawn = lines.filter(({ points }) => points.length > 0);
  const bucketMs = drawn.find((line) => line.bucketMs !== undefined)?.bucketMs;
  const hasMeans = drawn.some((line) => line.bucketMs !== undefined && !line.isSum);
  const hasSums = drawn.some(({ isSum }) => isSum);
  const notes = [
    bucketMs !== undefined && hasMeans && `Each point is the mean of ${lengthText(bucketMs)}, the band around it reaches from the lowest to the highest value.`,
    bucketMs !== undefined && hasSums && `Each bar is the sum of ${lengthText(bucketMs)}.`,
    drawn.length > 0 && !hasSums && 'Where a line breaks, nothing was measured.',
    drawn.length > 0 && 'Drag over the chart to zoom in; double-click to see the chosen time again.',
  ];
  return element('p', { class: 'advice' }, notes.filter((note) => note !== false).join(' '));
};
