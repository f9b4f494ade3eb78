import type { ChartedExtent, OwnSample } from '../../../generated/bff.d.ts';
import { choosersOf, chosenUnits, isChosenByDay } from './chart-choosers.ts';
import { spanControls } from './chart-controls.ts';
import { drawingOf } from './chart-drawing.ts';
import { figuresOf } from './chart-figures.ts';
import { linesOf } from './chart-lines.ts';
import { notesOf } from './chart-notes.ts';
import { chartedIn, latestOf, type Charted } from './chart-series.ts';
import { dayMs, namedSpan, wholeSpan, type Span } from './chart-span.ts';
import { tablesOf } from './chart-table.ts';
import { element, show, showAgain, type Child } from './element.ts';
import { icons } from './icons.ts';
import { fault, nothing } from './notice.ts';
import { isSignedOut } from './service.ts';
import { dayOf } from './time-words.ts';
import { typeTitle } from './type-words.ts';

/** The type that is shown, and what is known beside its values. */
export interface PanelOptions {
  readonly extent: ChartedExtent;
  /** Names of the person's devices by their identifier. */
  readonly devices: ReadonlyMap<string, string>;
  readonly onFault: (error: unknown) => void;
}

interface State {
  /** Unknown until the last value is. */
  span: Span | undefined;
  /** Values add up: few bars tell more than many. */
  isSum: boolean;
  source: string | undefined;
  /** The service chooses among sources, day by day, where the person does not. */
  isByDay: boolean;
  isTableOpen: boolean;
}

const pointsFor = (width: number, isSum: boolean): number => (isSum ? Math.min(48, Math.max(16, Math.round(width / 24))) : Math.min(500, Math.max(80, Math.round(width / 3))));

/** When the last value was measured; where nobody can tell, the end of its day. */
const lastInstant = ({ lastDay }: ChartedExtent, latest: OwnSample | undefined): number =>
  latest?.recordedAt === undefined ? Math.min(Date.now(), Date.parse(lastDay) + dayMs - 1) : Date.parse(latest.recordedAt);

const emptyNode = (lastMs: number): HTMLElement => nothing(icons.chart, 'Nothing was measured in this time', `The last values are of ${dayOf(lastMs)}.`);

/** The last month of what there is. */
const initialSpan = (whole: Span): Span => (whole.to - whole.from < 30 * dayMs ? whole : namedSpan('Month', whole, whole));

/** What a person does to a chart. */
interface Actions {
  readonly onSpan: (span: Span) => void;
  readonly onSource: (source: string | undefined) => void;
  readonly onUnit: () => void;
  readonly onZone: () => void;
  readonly onTable: (isOpen: boolean) => void;
}

const wholeOf = (extent: ChartedExtent, latest: OwnSample | undefined): Span => wholeSpan(extent.firstDay, lastInstant(extent, latest));

/** What is shown at a time. */
interface Shown extends Charted {
  readonly span: Span;
  readonly latest: OwnSample | undefined;
}

const partsOf = ({ extent, devices }: PanelOptions, { source, isByDay, isTableOpen }: Pick<State, 'source' | 'isByDay' | 'isTableOpen'>, { series, covered, span, latest }: Shown, actions: Actions): Child[] => {
  const whole = wholeOf(extent, latest);
  const units = chosenUnits();
  const lines = linesOf(series, units);
  const isEmpty = lines.every(({ points }) => points.length === 0);
  const { onSpan, onTable } = actions;
  return [
    figuresOf(lines, latest, covered, units),
    spanControls(span, whole, onSpan),
    isEmpty ? emptyNode(lastInstant(extent, latest)) : drawingOf({ title: typeTitle(extent.normalizedDataType), lines, span, onSpan, onReset: () => onSpan(initialSpan(whole)) }),
    !isEmpty && notesOf(lines),
    choosersOf({ series, devices, source, isByDay, ...actions }),
    !isEmpty && tablesOf(lines, isTableOpen, onTable),
  ];
};

/** One type as figures, chart and table, with all that can be chosen about it. */
export const chartPanel = (options: PanelOptions): HTMLElement => {
  const { extent, onFault } = options;
  const state: State = { span: undefined, source: undefined, isSum: false, isByDay: false, isTableOpen: false };
  const title = typeTitle(extent.normalizedDataType);
  const body = element('div', { class: 'chart-body' });
  const node = element('section', { class: 'card chart', 'aria-label': title }, element('h1', { tabindex: -1 }, title), body);
  let asked = 0;
  let latest: Promise<OwnSample | undefined> | undefined;
  const change = (changes: Partial<State>): void => {
    Object.assign(state, changes);
    void load();
  };
  const load = async (): Promise<void> => {
    const mine = (asked += 1);
    body.setAttribute('aria-busy', 'true');
    latest ??= latestOf(extent);
    try {
      const sample = await latest;
      const { source, isSum: areBars, span = initialSpan(wholeOf(extent, sample)) } = state;
      state.span = span;
      const charted = await chartedIn({ normalizedDataType: extent.normalizedDataType, span, source, isSum: areBars, points: pointsFor(node.clientWidth || 800, areBars) });
      const { series } = charted;
      const draw = (): void => showAgain(body, ...partsOf(options, { ...state, source }, { ...charted, span, latest: sample }, { onSpan: (next) => change({ span: next }), onSource: (chosen) => change({ source: chosen }), onUnit: draw, onZone: () => change({}), onTable: (isOpen) => void (state.isTableOpen = isOpen) }));
      if (mine !== asked) return;
      if (source === undefined) state.isByDay = isChosenByDay(series);
      const isSum = series.length === 0 ? state.isSum : series.every(({ cumulative }) => cumulative === true);
      if (isSum === state.isSum) draw();
      else change({ isSum });
    } catch (error) {
      if (mine !== asked) return;
      if (isSignedOut(error)) onFault(error);
      else show(body, fault(error), element('button', { type: 'button', onclick: load }, 'Try again'));
    } finally {
      if (mine === asked) body.removeAttribute('aria-busy');
    }
  };
  void load();
  return node;
};
