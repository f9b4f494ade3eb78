import { VitalgateError } from '../../client/vitalgate-error.ts';
import { drawing, element } from './element.ts';
import { asTyped, field, form, showTyped, type Complaint } from './form-field.ts';
import { icons } from './icons.ts';
import { signIn, wordsOf } from './service.ts';

const isWrong = (error: unknown): boolean => error instanceof VitalgateError && error.status === 401;

/** Name and password; `signedIn` goes on where the person was. */
export const signInView = (signedIn: () => Promise<void>, hasEnded: boolean): HTMLElement => {
  const name = field('User name', { name: 'username', autocomplete: 'username', ...asTyped });
  const password = field('Password', { name: 'password', type: 'password', autocomplete: 'current-password', ...asTyped });
  const send = async (): Promise<Complaint | undefined> => {
    const username = name.input.value.trim();
    if (username === '') return { text: 'Type your user name.', field: name };
    if (password.input.value === '') return { text: 'Type your password.', field: password };
    try {
      await signIn({ username, password: password.input.value });
    } catch (error) {
      password.input.value = '';
      password.input.focus();
      return { text: isWrong(error) ? 'User name and password do not fit together. Look at both, and try again.' : wordsOf(error) };
    }
    await signedIn();
    return undefined;
  };
  const told = hasEnded ? element('p', { class: 'notice', role: 'status' }, 'You were signed out after a while. Sign in to go on where you were.') : undefined;
  return element('div', { class: 'gate' },
    element('div', { class: 'gate-mark' }, drawing(icons.pulse)),
    element('h1', { tabindex: -1 }, 'Sign in'),
    element('p', { class: 'lead' }, 'to see your measurements'),
    element('div', { class: 'card' },
      form({ fields: [name, password], send, told }, name.node, password.node, showTyped(password.input), element('button', { class: 'wide' }, 'Sign in')),
      element('p', { class: 'gate-link' }, element('a', { href: '/reset-password' }, 'Forgot your password?'))));
};
