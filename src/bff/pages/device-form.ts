import type { DeviceAssignment } from '../../../generated/bff.d.ts';
import { VitalgateError } from '../../client/vitalgate-error.ts';
import { element } from './element.ts';
import { field, form, type Complaint, type Field } from './form-field.ts';
import { api, isSignedOut, settled, wordsOf } from './service.ts';

/** Kinds of devices that a person can enrol, as the service names them. */
const kinds = {
  phone: { label: 'Apple Watch or iPhone', provider: 'apple-healthkit', type: 'Wearable', idAdvice: 'As your app shows it, for example apple-12345.', sinceAdvice: 'Leave it empty to begin now.' },
  medical: { label: 'Medisanté device', provider: 'medisante', type: 'Medical', idAdvice: 'Its identifier, serial number or IMEI, on the back of the device.', sinceAdvice: 'What it measured from this day on becomes yours. Leave it empty to begin now.' },
} as const;
type Kind = keyof typeof kinds;

const isKind = (value: string): value is Kind => value in kinds;

/** Midnight of a day where the person is. */
const startOf = (day: string): string => new Date(`${day}T00:00`).toISOString();

const assignmentOf = (kind: Kind, id: Field, name: Field, since: Field): DeviceAssignment => ({
  deviceId: id.input.value.trim(), deviceType: kinds[kind].type, deviceProvider: kinds[kind].provider,
  ...(name.input.value.trim() !== '' && { name: name.input.value.trim() }), ...(since.input.value !== '' && { assignedFrom: startOf(since.input.value) }),
});

/** The field that the service complains about, by the pointer of its problem. */
const faultyField = (error: unknown, fields: Readonly<Record<string, Field>>): Field | undefined => {
  const pointer = error instanceof VitalgateError ? (error.problem?.errors?.[0]?.pointer ?? '') : '';
  return fields[pointer.replace(/^\//, '')];
};

/** Enrols a device; `enrolled` is told its name. */
export const deviceForm = (enrolled: (name: string) => Promise<void>, onFault: (error: unknown) => void): HTMLElement => {
  let kind: Kind = 'phone';
  const id = field('Identifier', { name: 'device', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', required: true, maxlength: '200' }, kinds.phone.idAdvice);
  const name = field('Name', { name: 'label', autocomplete: 'off', maxlength: '200' }, 'What you call it; it need not have one.');
  const since = field('In use since', { name: 'since', type: 'date', max: new Date().toLocaleDateString('sv-SE') }, kinds.phone.sinceAdvice);
  const advise = ({ node }: Field, text: string): void => {
    const advice = node.querySelector('.advice');
    if (advice !== null) advice.textContent = text;
  };
  const choose = (value: string): void => {
    if (!isKind(value)) return;
    kind = value;
    advise(id, kinds[kind].idAdvice);
    advise(since, kinds[kind].sinceAdvice);
  };
  const choices = Object.entries(kinds).map(([value, { label }]) =>
    element('label', { class: 'choice' }, element('input', { type: 'radio', name: 'kind', value, checked: value === kind, onchange: () => choose(value) }), ` ${label}`));
  const send = async (): Promise<Complaint | undefined> => {
    if (id.input.value.trim() === '') return { text: 'Type the identifier of the device.', field: id };
    // A day of which a part is missing is an empty value, which would mean now.
    if (since.input.validity.badInput) return { text: 'Type the whole day, or leave it empty.', field: since };
    const body = assignmentOf(kind, id, name, since);
    try {
      await settled(api.POST('/devices/assign', { body }));
      await enrolled(body.name ?? body.deviceId);
    } catch (error) {
      if (!isSignedOut(error)) return { text: wordsOf(error), field: faultyField(error, { deviceId: id, name, assignedFrom: since }) };
      onFault(error);
    }
    return undefined;
  };
  return element('section', { class: 'card', 'aria-labelledby': 'enrol' }, element('h2', { id: 'enrol' }, 'Enrol a device'),
    form({ fields: [id, name, since], send }, element('fieldset', {}, element('legend', {}, 'Kind'), ...choices), id.node, name.node, since.node, element('button', {}, 'Enrol')));
};
