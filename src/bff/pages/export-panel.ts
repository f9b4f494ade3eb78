import type { PatientExport } from '../../../generated/bff.d.ts';
import { element, show } from './element.ts';
import { done, fault } from './notice.ts';
import { countText, sizeText } from './number-words.ts';
import type { Place } from './place.ts';
import { api, bodyOf, isNotFound, isSignedOut } from './service.ts';
import { minuteOf } from './time-words.ts';

const everyMs = 2000;

const latestExport = async (): Promise<PatientExport | undefined> => {
  try {
    return await bodyOf<PatientExport>(api.GET('/export'));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
};

const isUnderWay = (found: PatientExport | undefined): boolean => found?.state === 'waiting' || found?.state === 'running';

const readyNode = ({ _id, files, sizeBytes, createdAt, expiresAt }: PatientExport): HTMLElement =>
  element('div', { class: 'ready' }, done('Your archive is ready.'),
    element('p', {}, `Made on ${minuteOf(createdAt)}: ${countText(files, 'file')}, ${sizeText(sizeBytes)}.`, expiresAt !== undefined && ` It can be downloaded until ${minuteOf(expiresAt)}.`),
    element('a', { class: 'button', href: `/exports/${encodeURIComponent(_id)}/content`, download: true }, 'Download the archive'));

const stateNode = (found: PatientExport): HTMLElement => {
  if (found.state === 'ready') return readyNode(found);
  if (found.state === 'failed') return element('p', { class: 'notice bad', role: 'alert' }, 'The archive could not be made. Try once more; if that fails too, tell those who gave you your account.');
  return element('p', { class: 'notice', role: 'status' }, `Your archive is being made: ${countText(found.files, 'file')} so far. You may leave this page and come back.`);
};

/** All own data as an archive: asked for, followed, downloaded. */
export const exportPanel = async ({ onFault }: Place): Promise<HTMLElement> => {
  const state = element('div', { 'aria-live': 'polite' });
  const tell = (found: PatientExport | undefined): void => {
    show(state, found !== undefined && stateNode(found));
    button.disabled = isUnderWay(found);
    button.className = found?.state === 'ready' ? 'quiet' : '';
    button.textContent = found?.state === 'ready' ? 'Make a new one' : 'Make an archive';
    if (isUnderWay(found)) setTimeout(() => void follow(), everyMs);
  };
  const attempt = async (work: Promise<PatientExport | undefined>): Promise<void> => {
    try {
      tell(await work);
    } catch (error) {
      if (isSignedOut(error)) onFault(error);
      else show(state, fault(error), element('button', { type: 'button', class: 'quiet', onclick: () => attempt(latestExport()) }, 'Look again'));
    }
  };
  // Once the person has left this view, nobody asks any more.
  const follow = async (): Promise<void> => {
    if (state.isConnected) await attempt(latestExport());
  };
  const button = element('button', { type: 'button', onclick: () => attempt(bodyOf<PatientExport>(api.POST('/exports'))) }, 'Make an archive');
  tell(await latestExport());
  return element('section', { class: 'card' }, element('h1', { tabindex: -1 }, 'Export'),
    element('p', { class: 'lead' }, 'Everything that is kept of you in one archive: what your devices sent, the values made of it, your devices, your account and who saw your data.'),
    state, element('p', {}, button), element('p', { class: 'advice' }, 'It is a zip file of texts that other programs can read. Keep it where nobody else gets at it.'));
};
