import type { Device } from '../../../generated/bff.d.ts';
import { question } from './confirm-dialog.ts';
import { deviceForm } from './device-form.ts';
import { drawing, element, show } from './element.ts';
import { icons } from './icons.ts';
import { done, fault, nothing } from './notice.ts';
import type { Place } from './place.ts';
import { api, bodyOf, isSignedOut, settled } from './service.ts';
import { dayOf } from './time-words.ts';

const providers: Readonly<Record<string, string>> = { 'apple-healthkit': 'Apple Health', healthkit: 'Apple Health', medisante: 'Medisanté' };
const nameOf = ({ name, deviceId }: Device): string => name ?? deviceId;

const factsOf = ({ deviceId, deviceProvider, deviceType, serialNumber, assignedFrom }: Device): string =>
  [providers[deviceProvider.toLowerCase()] ?? deviceProvider, deviceType, deviceId, serialNumber, assignedFrom !== undefined && `yours since ${dayOf(assignedFrom)}`]
    .filter((fact) => fact !== undefined && fact !== false).join(' · ');

const rowOf = (device: Device, release: (device: Device) => Promise<void>): HTMLElement =>
  element('li', { class: 'row' }, element('span', { class: 'badge' }, drawing(icons.device)),
    element('div', { class: 'grow' }, element('p', { class: 'strong' }, nameOf(device)), element('p', { class: 'muted' }, factsOf(device))),
    element('button', { type: 'button', class: 'quiet', 'aria-label': `Release ${nameOf(device)}`, onclick: () => release(device) }, 'Release'));

const isSure = (device: Device): Promise<boolean> =>
  question(`Release ${nameOf(device)}?`, 'What it measured so far stays yours. What it measures from now on is not taken any more, until you enrol it again.', 'Release', 'Keep it');

/** Own devices, to enrol and to release. */
export const deviceList = async ({ onFault }: Place): Promise<HTMLElement> => {
  const told = element('div', { 'aria-live': 'polite' });
  const list = element('div', {});
  const showDevices = (devices: readonly Device[]): void =>
    show(list, devices.length === 0
      ? nothing(icons.device, 'No device is enrolled', 'Enrol one below: its measurements are taken from then on.')
      : element('ul', { class: 'rows' }, ...devices.map((device) => rowOf(device, release))));
  const reload = async (message: HTMLElement): Promise<void> => {
    showDevices(await bodyOf<readonly Device[]>(api.GET('/devices')));
    show(told, message);
  };
  const release = async (device: Device): Promise<void> => {
    if (!(await isSure(device))) return;
    try {
      await settled(api.POST('/devices/{id}/unassign', { params: { path: { id: device._id } } }));
      await reload(done(`${nameOf(device)} is released.`));
      title.focus();
    } catch (error) {
      if (isSignedOut(error)) onFault(error);
      else show(told, fault(error));
    }
  };
  const title = element('h1', { tabindex: -1 }, 'Devices');
  const formPlace = element('div', {});
  const offer = (): void => show(formPlace, deviceForm(async (name) => {
    await reload(done(`${name} is enrolled.`));
    offer();
    title.focus();
  }, onFault));
  showDevices(await bodyOf<readonly Device[]>(api.GET('/devices')));
  offer();
  return element('div', { class: 'stack' }, element('section', { class: 'card' }, title, element('p', { class: 'lead' }, 'Whose measurements are taken for you.'), told, list), formPlace);
};
