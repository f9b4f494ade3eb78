import type { ChartSeries } from '../../../generated/bff.d.ts';
import { chooser } from './chart-controls.ts';
import { unitChoices } from './chart-lines.ts';
import { element } from './element.ts';
import { keep, kept } from './memory.ts';
import { chooseZone, ownZone, zone, zones } from './time-words.ts';
import { sourceTitle } from './type-words.ts';

/** What there is to choose from, and who is told. */
export interface ChoosersOptions {
  readonly series: readonly ChartSeries[];
  /** Names of the person's devices by their identifier. */
  readonly devices: ReadonlyMap<string, string>;
  /** The source that the person chose. */
  readonly source: string | undefined;
  /** Where nobody chooses, the service does, day by day. */
  readonly isByDay: boolean;
  readonly onSource: (source: string | undefined) => void;
  readonly onUnit: () => void;
  readonly onZone: () => void;
}

const isTexts = (value: unknown): value is Record<string, string> => typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'string');

/** The unit that stands for another one, by that other one, as the person chose. */
export const chosenUnits = (): Record<string, string> => {
  try {
    const value: unknown = JSON.parse(kept('units') ?? '{}');
    return isTexts(value) ? value : {};
  } catch {
    return {}; // not ours: the units of the service
  }
};

/** Stands for no source of one's own choice where of what several count at once the service chooses one each day. */
const byDay = { value: '', text: 'Each day the one with most' };

/** Whether the service chose among several sources, unasked. */
export const isChosenByDay = (series: readonly ChartSeries[]): boolean =>
  series.some(({ source, chosenSources, sources = [] }) => chosenSources !== undefined || (source !== undefined && sources.length > 1));

const sourceChooser = ({ series, devices, source, isByDay, onSource }: ChoosersOptions): HTMLElement | undefined => {
  const sources = [...new Set([...series.flatMap((one) => one.sources ?? []), ...(source === undefined || source === 'all' ? [] : [source])])];
  if (sources.length < 2 && source === undefined) return undefined;
  const options = [...(isByDay ? [byDay] : []), { value: 'all', text: 'All together' }, ...sources.map((value) => ({ value, text: sourceTitle(value, devices) }))];
  return chooser('Source', options, source ?? (isByDay ? byDay.value : 'all'), (chosen) => onSource(chosen === byDay.value ? undefined : chosen));
};

const unitChoosers = ({ series, onUnit }: ChoosersOptions): HTMLElement[] => {
  const units = chosenUnits();
  return [...unitChoices(series)].map(([unit, conversions]) =>
    chooser('Unit', conversions.map((one) => ({ value: one.unit, text: one.unit })), units[unit] ?? unit, (value) => {
      keep('units', JSON.stringify({ ...chosenUnits(), [unit]: value }));
      onUnit();
    }));
};

const zoneChooser = ({ onZone }: ChoosersOptions): HTMLElement => {
  const others = ['UTC', ...zones()].filter((name, index, all) => name !== ownZone && all.indexOf(name) === index);
  return chooser('Time zone', [{ value: ownZone, text: `${ownZone} (here)` }, ...others.map((name) => ({ value: name, text: name }))], zone(), (name) => {
    chooseZone(name);
    onZone();
  });
};

/** Unit, source and time zone of a chart. */
export const choosersOf = (options: ChoosersOptions): HTMLElement =>
  element('div', { class: 'choosers' }, ...unitChoosers(options), sourceChooser(options), zoneChooser(options));
