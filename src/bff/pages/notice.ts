import { drawing, element, type Child } from './element.ts';
import { icons } from './icons.ts';
import { wordsOf } from './service.ts';

/** What went wrong, told at once to who listens. */
export const fault = (error: unknown): HTMLElement => alertOf(wordsOf(error));

/** A message that must not be missed. */
export const alertOf = (text: string): HTMLElement => element('p', { class: 'notice bad', role: 'alert' }, drawing(icons.warning), element('span', {}, text));

/** That something was done. */
export const done = (text: string): HTMLElement => element('p', { class: 'notice good', role: 'status' }, drawing(icons.check), element('span', {}, text));

/** That there is nothing, and what to do about it. */
export const nothing = (icon: string, title: string, ...words: readonly Child[]): HTMLElement =>
  element('div', { class: 'nothing' }, drawing(icon), element('p', { class: 'strong' }, title), element('p', {}, ...words));

/** While something is on its way; not shown at all where it comes at once. */
export const waiting = (): HTMLElement => element('p', { class: 'waiting', role: 'status' }, 'Loading …');
