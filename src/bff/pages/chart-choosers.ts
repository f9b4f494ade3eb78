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
  /** The source that was chosen. */
  readonly source: string | undefined;
  readonly onSource: (source: string) => void;
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

const sourceChooser = ({ series, devices, source, onSource }: ChoosersOptions): HTMLElement | undefined => {
  const sources = [...new Set(series.flatMap((one) => one.sources ?? []))];
  if (sources.length < 2 && source === undefined) return undefined;
  const chosen = source ?? series.find((one) => one.source !== undefined)?.source ?? 'all';
  const options = [{ value: 'all', text: 'All together' }, ...[...new Set([...sources, ...(chosen === 'all' ? [] : [chosen])])].map((value) => ({ value, text: sourceTitle(value, devices) }))];
  return chooser('Source', options, chosen, onSource);
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
