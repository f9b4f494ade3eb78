import type uPlot from 'uplot';
import { listenToGestures } from './chart-gestures.ts';
import { byUnit, type Line } from './chart-lines.ts';
import { lineColour, plotOf } from './chart-plot.ts';
import { readoutOf } from './chart-readout.ts';
import type { Span } from './chart-span.ts';
import { element, show } from './element.ts';
import { valueText } from './number-words.ts';
import { THEME_CHANGED } from './theme-switch.ts';
import { minutesFrom, zone } from './time-words.ts';

/** What is drawn, and whom a new span is told. */
export interface DrawingOptions {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly span: Span;
  readonly onSpan: (span: Span) => void;
  readonly onReset: () => void;
}

/** What a plot shows, for who cannot see it. */
const spoken = (title: string, lines: readonly Line[], { from, to }: Span): string => {
  const told = lines.map(({ name, unit, points, isSum }) => {
    const [least, most] = [Math.min(...points.map(({ min, y }) => (isSum ? y : min))), Math.max(...points.map(({ max, y }) => (isSum ? y : max)))];
    return points.length === 0 ? `${name}: no values` : `${name}: ${String(points.length)} points from ${valueText(least)} to ${valueText(most)} ${unit}`;
  });
  return `Chart of ${title}, ${minutesFrom(from, to)}. ${told.join('. ')}. The values are in the table below.`;
};

const legendOf = (lines: readonly Line[], firstColour: number): HTMLElement =>
  element('p', { class: 'legend' }, ...lines.map(({ name, unit }, index) =>
    element('span', {}, element('i', { class: `dot ${lineColour(firstColour + index).slice(2)}` }), unit === '' ? name : `${name} (${unit})`)));

/** Draws when there is room, when there is more or less of it, and in other colours, as long as `node` is on the page. */
const redrawn = (node: HTMLElement, draw: () => void): void => {
  let width = 0;
  new ResizeObserver(() => {
    if (node.clientWidth === width || node.clientWidth === 0) return;
    width = node.clientWidth;
    draw();
  }).observe(node);
  const repaint = (): void => {
    if (node.isConnected) draw();
    else removeEventListener(THEME_CHANGED, repaint);
  };
  addEventListener(THEME_CHANGED, repaint);
};

/** Draws one plot for each unit, with a legend each, and below them what tells the values. */
export const drawingOf = ({ title, lines, span, onSpan, onReset }: DrawingOptions): HTMLElement => {
  const groups = byUnit(lines);
  const node = element('div', { class: 'drawing' });
  let plots: uPlot[] = [];
  const point = (x: number): void => {
    for (const plot of plots) plot.setCursor({ left: plot.valToPos(x / 1000, 'x'), top: plot.over.clientHeight / 2 });
  };
  const readout = readoutOf(lines, point);
  const draw = (): void => {
    for (const plot of plots) plot.destroy();
    const frames = groups.map(() => element('div', { class: 'plot' }));
    const places = groups.map((_, index) => groups.slice(0, index).reduce((sum, group) => sum + group.length, 0));
    show(node, ...groups.map((group, index) => element('div', {}, legendOf(group, places[index] ?? 0),
      element('div', { role: 'img', 'aria-label': spoken(title, group, span) }, frames[index]))), readout.node);
    plots = frames.flatMap((frame, index) => {
      const group = groups[index];
      if (group === undefined) return [];
      const plot = plotOf(frame, { lines: group, span, zone: zone(), width: Math.max(240, node.clientWidth), firstColour: places[index] ?? 0, onPoint: readout.tell, onSelect: onSpan, onReset });
      listenToGestures(plot, span, {
        during: ({ from, to }) => {
          for (const one of plots) one.setScale('x', { min: from / 1000, max: to / 1000 });
        },
        after: onSpan,
      });
      return [plot];
    });
  };
  redrawn(node, draw);
  return node;
};
