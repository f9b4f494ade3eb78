import type { OwnRefusal, UploadProgress } from '../../../generated/bff.d.ts';
import { drawing, element, show, type Child } from './element.ts';
import { icons } from './icons.ts';
import { nothing } from './notice.ts';
import { countText } from './number-words.ts';
import type { Place } from './place.ts';
import { api, bodyOf, isNotSupported } from './service.ts';
import { minuteOf } from './time-words.ts';
import { failureWords, outcomeWords } from './upload-words.ts';

interface Entry {
  readonly atMs: number;
  readonly node: HTMLElement;
}

const rowOf = (tone: 'good' | 'warn', title: string, at: string, ...children: readonly Child[]): Entry => ({
  atMs: Date.parse(at),
  node: element('li', { class: 'row' }, element('span', { class: `badge ${tone}` }, drawing(tone === 'good' ? icons.check : icons.warning)),
    element('div', { class: 'grow' }, element('p', { class: 'strong' }, title), element('p', { class: 'muted' }, element('time', { datetime: at }, minuteOf(at))), ...children)),
});

const reasonsOf = (reasons: readonly HTMLElement[]): HTMLElement => element('ul', { class: 'reasons' }, ...reasons);

const uploadEntry = (upload: UploadProgress): Entry => {
  const { samples, receivedAt, counts } = upload;
  const words = failureWords(upload);
  return rowOf(counts.failed > 0 ? 'warn' : 'good', `${countText(samples, 'value')} received`, receivedAt, element('p', {}, outcomeWords(upload)),
    counts.failed > 0 && element('p', {}, `${countText(counts.failed, 'value')} kept, but not understood:`), words.length > 0 && reasonsOf(words.map((text) => element('li', {}, text))));
};

const refusalEntry = ({ refusedAt, received, rejected, reasons }: OwnRefusal): Entry =>
  rowOf('warn', `${countText(rejected, 'value')} of ${String(received)} refused`, refusedAt,
    reasonsOf(reasons.map(({ samples, message, code, retryable }) =>
      element('li', {}, element('span', { class: 'strong' }, `${String(samples)} × `), message, ' ', element('code', {}, code), retryable && ' Your app sends them again by itself.'))));

const entriesOf = async (): Promise<readonly Entry[]> => {
  const query = { params: { query: { _l: 25 } } };
  const [uploads, refusals] = await Promise.all([bodyOf<readonly UploadProgress[]>(api.GET('/uploads', query)), bodyOf<readonly OwnRefusal[]>(api.GET('/uploads/refusals', query))]);
  return [...uploads.map(uploadEntry), ...refusals.map(refusalEntry)].sort((a, b) => b.atMs - a.atMs);
};

/** Recent uploads: what became of them, and what was refused and why. */
export const uploadList = async ({ onFault }: Place): Promise<HTMLElement> => {
  const list = element('div', {});
  const load = async (): Promise<void> => {
    try {
      const entries = await entriesOf();
      show(list, entries.length === 0
        ? nothing(icons.upload, 'Nothing was uploaded yet', 'What your app sends appears here, with what was refused and why.')
        : element('ul', { class: 'rows' }, ...entries.map(({ node }) => node)));
    } catch (error) {
      if (!isNotSupported(error)) throw error;
      show(list, nothing(icons.upload, 'Uploads are not listed here', 'Look into your app: it knows what it has sent.'));
    }
  };
  await load();
  return element('section', { class: 'card' },
    element('div', { class: 'head' }, element('h1', { tabindex: -1 }, 'Uploads'), element('button', { type: 'button', class: 'quiet', onclick: () => load().catch(onFault) }, 'Refresh')),
    element('p', { class: 'lead' }, 'What your app sent lately, and what of it was refused. Values that devices send by themselves are in your charts at once.'), list);
};
