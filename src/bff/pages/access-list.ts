import type { AccessEvent } from '../../../generated/bff.d.ts';
import { errorOf } from '../../client/vitalgate-error.ts';
import { drawing, element, show } from './element.ts';
import { icons } from './icons.ts';
import { nothing } from './notice.ts';
import type { Place } from './place.ts';
import { api, isNotSupported } from './service.ts';
import { longDayOf, timeOf } from './time-words.ts';

const badges: Readonly<Record<AccessEvent['by'], string>> = { you: icons.check, staff: icons.staff, device: icons.device, program: icons.pulse };
const outcomes: Readonly<Record<AccessEvent['outcome'], string>> = { success: '', refused: 'Refused', failed: 'Failed' };

interface Page {
  readonly events: readonly AccessEvent[];
  readonly cursor: string | undefined;
}

const pageFrom = async (byOthers: boolean, cursor: string | undefined): Promise<Page> => {
  const { data, error, response } = await api.GET('/audit', { params: { query: { byOthers, _l: 50, ...(cursor !== undefined && { _cursor: cursor }) } } });
  if (data === undefined) throw errorOf(response, error);
  return { events: data as readonly unknown[] as readonly AccessEvent[], cursor: /[?&]_cursor=([0-9a-f]{32})/.exec(response.headers.get('link') ?? '')?.[1] };
};

const rowOf = ({ at, what, by, outcome }: AccessEvent): HTMLElement =>
  element('li', { class: 'row slim' }, element('span', { class: `badge ${by === 'staff' ? 'warn' : ''}` }, drawing(badges[by])),
    element('p', { class: 'grow' }, what, outcomes[outcome] !== '' && element('span', { class: 'tag' }, outcomes[outcome])),
    element('time', { class: 'muted', datetime: at }, timeOf(at)));

/** Adds events to a list that has a heading for each day. */
const append = (list: HTMLElement, events: readonly AccessEvent[]): void => {
  for (const event of events) {
    const day = longDayOf(event.at);
    if (list.lastElementChild?.getAttribute('data-day') !== day) {
      list.append(element('section', { 'data-day': day }, element('h2', { class: 'day' }, day), element('ul', { class: 'rows' })));
    }
    list.lastElementChild?.querySelector('ul')?.append(rowOf(event));
  }
};

/** Who saw the own data and what was done to it, newest first. */
export const accessList = async ({ onFault }: Place): Promise<HTMLElement> => {
  const list = element('div', { 'aria-live': 'polite' });
  const foot = element('div', { class: 'foot' });
  let byOthers = true;
  let asked = 0;
  const more = async (cursor: string | undefined): Promise<void> => {
    const mine = (asked += 1);
    const page = await pageFrom(byOthers, cursor);
    // Somebody asked for something else meanwhile, or for the same twice.
    if (mine !== asked) return;
    if (cursor === undefined) show(list);
    append(list, page.events);
    if (list.childElementCount === 0) show(list, nothing(icons.eye, 'Nobody else has looked at your data', 'As soon as somebody does, it is written down here, and nobody can take it out.'));
    const { cursor: next } = page;
    show(foot, next !== undefined && element('button', { type: 'button', class: 'quiet', onclick: () => more(next).catch(onFault) }, 'Show earlier'));
  };
  const box = element('input', { type: 'checkbox', onchange: () => {
    byOthers = !box.checked;
    void more(undefined).catch(onFault);
  } });
  try {
    await more(undefined);
  } catch (error) {
    if (!isNotSupported(error)) throw error;
    show(list, nothing(icons.eye, 'This is not written down here', 'Ask those who gave you your account.'));
  }
  return element('section', { class: 'card' }, element('h1', { tabindex: -1 }, 'Who saw my data'),
    element('p', { class: 'lead' }, 'Every look at your data and every change is written down.'), element('label', { class: 'choice' }, box, ' Show what I did, too'), list, foot);
};
