import type { Line, Point } from './chart-lines.ts';
import { lineColour } from './chart-plot.ts';
import { whenOf } from './chart-span.ts';
import { element, show } from './element.ts';
import { valueText } from './number-words.ts';

/** Tells the values at one time: under the cursor, or where the slider stands. */
export interface Readout {
  readonly node: HTMLElement;
  /** Shows the point nearest to an instant; undefined shows none. */
  readonly tell: (x: number | undefined) => void;
}

const nearest = (points: readonly Point[], x: number): Point | undefined => {
  let found = points[0];
  for (const point of points) if (found === undefined || Math.abs(point.x - x) < Math.abs(found.x - x)) found = point;
  return found;
};

const wordsOf = ({ name, unit, bucketMs, isSum }: Line, { y, min, max }: Point): string => {
  const range = bucketMs === undefined || isSum || min === max ? '' : ` (${valueText(min)}–${valueText(max)})`;
  return `${name} ${valueText(y)} ${unit}${range}`;
};

/** Makes the line that tells values, and a slider that goes through them with keys or a finger; `point` moves the cursor of the plots. */
export const readoutOf = (lines: readonly Line[], point: (x: number) => void): Readout => {
  const instants = [...new Set(lines.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const text = element('p', { class: 'readout' });
  const slider = element('input', { type: 'range', min: 0, max: Math.max(0, instants.length - 1), value: Math.max(0, instants.length - 1), 'aria-label': 'Go through the values', 'data-key': 'slider' });
  const tell = (x: number | undefined): void => {
    const at = x === undefined ? undefined : nearest(instants.map((one) => ({ x: one, y: 0, min: 0, max: 0, count: 0 })), x)?.x;
    if (at === undefined) {
      text.textContent = instants.length === 0 ? '' : 'Point at the chart, or move the slider, to read a value.';
      return;
    }
    const there = lines.flatMap((line, place) => line.points.filter((one) => one.x === at).map((one) => ({ line, one, place })));
    const when = whenOf(at, there[0]?.line.bucketMs);
    show(text, element('span', { class: 'when' }, when), ...there.map(({ line, one, place }) => element('span', { class: 'read' }, element('i', { class: `dot ${lineColour(place).slice(2)}` }), wordsOf(line, one))));
    slider.value = String(instants.indexOf(at));
    slider.setAttribute('aria-valuetext', [when, ...there.map(({ line, one }) => wordsOf(line, one))].join(', '));
  };
  slider.addEventListener('input', () => {
    const at = instants[Number(slider.value)];
    if (at === undefined) return;
    tell(at);
    point(at);
  });
  tell(undefined);
  return { node: element('div', { class: 'reading' }, text, instants.length > 1 && slider), tell };
};
