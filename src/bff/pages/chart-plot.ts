import uPlot from 'uplot';
import { ticksOf } from './chart-axis.ts';
import { withGaps, type Line } from './chart-lines.ts';
import type { Span } from './chart-span.ts';
import { valueText } from './number-words.ts';

/** What a plot is drawn from, and whom it tells. */
export interface PlotOptions {
  readonly lines: readonly Line[];
  readonly span: Span;
  readonly zone: string;
  readonly width: number;
  /** The first colour of its lines. */
  readonly firstColour: number;
  /** Told the instant under the cursor; undefined when it leaves. */
  readonly onPoint: (x: number | undefined) => void;
  readonly onSelect: (span: Span) => void;
  readonly onReset: () => void;
}

type Values = (number | null | undefined)[];

const colourOf = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The colour of a line by its place. */
export const lineColour = (place: number): string => `--line-${String(place % 4)}`;

const tableOf = (line: Line): uPlot.AlignedData => {
  const points = withGaps(line);
  const values = (of: 'y' | 'min' | 'max'): Values => points.map((point) => point[of]);
  return [points.map(({ x }) => x / 1000), values('y'), values('max'), values('min')];
};

/** A value with no neighbour on either side has no line: it needs a dot. */
const lonely = (plot: uPlot, series: number): number[] => {
  const values = plot.data[series] ?? [];
  const neighbour = (index: number, step: number): number | null | undefined => {
    let at = index + step;
    while (at >= 0 && at < values.length && values[at] === undefined) at += step;
    return values[at];
  };
  return [...values.keys()].filter((index) => values[index] != null && neighbour(index, -1) == null && neighbour(index, 1) == null);
};

const manyPoints = 120;

const barsFor = ({ bucketMs }: Line): { readonly paths?: uPlot.Series.PathBuilder } => {
  const paths = uPlot.paths.bars?.({ size: [0.82, 48], align: bucketMs === undefined ? 0 : 1, radius: 0.15 });
  return paths === undefined ? {} : { paths };
};

const seriesOf = (line: Line, place: number): uPlot.Series[] => {
  const stroke = colourOf(lineColour(place));
  const bars = line.isSum ? { ...barsFor(line), fill: `${stroke}cc`, width: 0 } : {};
  const points: uPlot.Series.Points = line.isSum ? { show: false } : { size: 6, fill: stroke, width: 0, ...(line.points.length > manyPoints && { filter: lonely, show: true }) };
  const edge: uPlot.Series = { stroke: 'transparent', width: 0, points: { show: false } };
  return [{ label: line.name, stroke, width: 2, points, ...bars }, edge, edge];
};

const bandsOf = (lines: readonly Line[], firstColour: number): uPlot.Band[] =>
  lines.flatMap(({ bucketMs, isSum }, index) => (bucketMs === undefined || isSum ? [] : [{ series: [index * 3 + 2, index * 3 + 3] as [number, number], fill: `${colourOf(lineColour(firstColour + index))}2e` }]));

const rangeOf = (isSum: boolean): uPlot.Range.Function => (_plot, least, most) => {
  if (!Number.isFinite(least) || !Number.isFinite(most)) return [0, 1];
  const pad = (most - least) * 0.12 || Math.max(1, Math.abs(most) * 0.05);
  return [isSum ? 0 : least - pad, most + pad];
};

/** Room for the longest mark; uPlot asks once before there are any, whatever its types say. */
const axisWidth = (marks: readonly string[] | null): number => 18 + 7 * Math.max(2, ...(marks ?? []).map(({ length }) => length));

const axesOf = (zone: string): uPlot.Axis[] => {
  const [stroke, line] = [colourOf('--muted'), colourOf('--grid')];
  const common = { stroke, font: '12px system-ui, sans-serif', grid: { stroke: line, width: 1 }, ticks: { show: false } };
  return [
    { ...common, grid: { show: false }, space: 76, values: (_plot, splits, _axis, _space, step) => ticksOf(splits, step, zone) },
    { ...common, values: (_plot, splits) => splits.map(valueText), size: (_plot, values) => axisWidth(values) },
  ];
};

const selected = (plot: uPlot): Span => ({
  from: Math.round(plot.posToVal(plot.select.left, 'x') * 1000), to: Math.round(plot.posToVal(plot.select.left + plot.select.width, 'x') * 1000),
});

/** Draws lines of one unit into `into`. */
export const plotOf = (into: HTMLElement, { lines, span, zone, width, firstColour, onPoint, onSelect, onReset }: PlotOptions): uPlot => {
  const isSum = lines.every((line) => line.isSum);
  const data = lines.length === 1 && lines[0] ? tableOf(lines[0]) : uPlot.join(lines.map(tableOf));
  return new uPlot({
    width, height: 300, padding: [12, 26, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
    legend: { show: false },
    cursor: { drag: { x: true, y: false, setScale: false }, bind: { dblclick: () => () => { onReset(); return null; } }, points: { size: 9 } },
    scales: { x: { time: true, range: [span.from / 1000, span.to / 1000] }, y: { range: rangeOf(isSum) } },
    axes: axesOf(zone),
    series: [{}, ...lines.flatMap((line, index) => seriesOf(line, firstColour + index))],
    bands: bandsOf(lines, firstColour),
    hooks: {
      setCursor: [(plot) => onPoint(plot.cursor.left === undefined || plot.cursor.left < 0 ? undefined : plot.posToVal(plot.cursor.left, 'x') * 1000)],
      setSelect: [(plot) => plot.select.width > 8 && onSelect(selected(plot))],
    },
  }, data, into);
};
