import { moved, nameOfSpan, namedSpan, spanNames, zoomed, type Span } from './chart-span.ts';
import { drawing, element } from './element.ts';
import { icons } from './icons.ts';
import { daysFrom, minutesFrom } from './time-words.ts';

/** One choice of a list. */
export interface Option {
  readonly value: string;
  readonly text: string;
}

/** A labelled list to choose from. */
export const chooser = (label: string, options: readonly Option[], chosen: string, onChoice: (value: string) => void): HTMLElement => {
  const select: HTMLSelectElement = element('select', { 'data-key': label, onchange: () => onChoice(select.value) },
    ...options.map(({ value, text }) => element('option', { value, selected: value === chosen }, text)));
  return element('label', { class: 'chooser' }, element('span', {}, label), select);
};

const tool = (label: string, icon: string, onclick: () => void): HTMLElement =>
  element('button', { type: 'button', class: 'quiet round', title: label, 'aria-label': label, 'data-key': label, onclick }, drawing(icon));

/** A span as people say it: to the minute where it is short. */
export const spanText = ({ from, to }: Span): string => (to - from <= 2 * 86_400_000 ? minutesFrom(from, to) : daysFrom(from, to - 1));

/** Buttons for the time that is shown. */
export const spanControls = (span: Span, whole: Span, onSpan: (span: Span) => void): HTMLElement => {
  const present = nameOfSpan(span, whole);
  return element('div', { class: 'toolbar' },
    element('div', { class: 'segments', role: 'group', 'aria-label': 'Length of time' },
      ...spanNames.map((name) => element('button', { type: 'button', 'aria-pressed': name === present ? 'true' : 'false', 'data-key': name, onclick: () => onSpan(namedSpan(name, span, whole)) }, name))),
    element('div', { class: 'tools', role: 'group', 'aria-label': 'Move and zoom' },
      tool('Earlier', icons.back, () => onSpan(moved(span, -1))), tool('Later', icons.on, () => onSpan(moved(span, 1))),
      tool('Zoom in', icons.plus, () => onSpan(zoomed(span, 0.5))), tool('Zoom out', icons.minus, () => onSpan(zoomed(span, 2)))),
    element('p', { class: 'span-text', role: 'status' }, spanText(span)));
};
